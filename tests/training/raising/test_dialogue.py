"""The dialogue with a training: who may be asked when, what is counted, blocks for trainers that cannot be asked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from insgen import DataError, StageError
from insgen.training.raising.dialogue import Dialogue
from insgen.training.raising.episode import Choice, Table
from insgen.training.raising.learner import Learner
from insgen.training.raising.options import RaiseOptions
from insgen.training.raising.policy import Policy

PERFS = (-1.20, -1.05, -1.00, -1.02, -0.95)


def options(**changes: object) -> RaiseOptions:
    return RaiseOptions(**{"batch": 6, "classes": 3, "semantics": 8, "hidden": 16, "seed": 5, **changes})  # type: ignore[arg-type]  # by name


def played(policy: Policy, table: Table, chosen: RaiseOptions, perfs: Sequence[float | None] = PERFS) -> Dialogue:
    """Four steps with these P; ``None`` where it was not measured."""
    dialogue = Dialogue(policy, table, chosen, len(perfs) - 1)
    for step in range(1, len(perfs)):
        ids = dialogue.propose(step, perfs[step - 1])
        dialogue.report(step, perfs[step], ids)
    return dialogue


def test_rewards_are_the_changes_of_p_and_sum_to_the_gain(policy: Policy, table: Table) -> None:
    rewards = [choice.reward for choice in played(policy, table, options()).episode.choices]

    assert rewards == pytest.approx([0.15, 0.05, -0.02, 0.07])
    assert sum(reward or 0 for reward in rewards) == pytest.approx(0.25)


def test_a_step_takes_as_many_of_each_class_and_counts_them(policy: Policy, table: Table) -> None:
    dialogue = played(policy, table, options())

    for choice in dialogue.episode.choices:
        assert np.bincount(table.classes.labels[choice.picks]).tolist() == [2, 2, 2]
    counts = dialogue.episode.counts()
    assert counts.sum() == 24
    assert Dialogue(policy, table, options(), 4).episode.counts().sum() == 0  # a new round begins with none


def test_an_untrained_policy_chooses_alike_for_the_same_seed(policy: Policy, table: Table) -> None:
    again = Policy(policy.facts, policy.scaling, policy.centres)

    assert played(policy, table, options()).batches() == played(again, table, options()).batches()


def test_gumbel_noise_explores_while_learning_and_not_when_put_to_use(policy: Policy, table: Table) -> None:
    plain = Dialogue(policy, table, options(), 4).propose(1, -1.0)
    noisy = Dialogue(policy, table, options(explore="gumbel"), 4)

    assert noisy.propose(1, -1.0) != plain
    assert Dialogue(policy, table, options(explore="gumbel"), 4).propose(1, -1.0) == noisy.propose(1, -1.0)
    assert Dialogue(policy, table, options(explore="gumbel"), 4, number=2).propose(1, -1.0) != noisy.propose(1, -1.0)
    assert Dialogue(policy, table, options(explore="gumbel"), 4, explore=False).propose(1, -1.0) == plain


def test_a_loader_that_looks_ahead_is_refused(policy: Policy, table: Table) -> None:
    dialogue = Dialogue(policy, table, options(), 4)
    ids = dialogue.propose(1, -1.2)

    with pytest.raises(StageError, match="step 2 were asked for after 0 of 4 steps"):
        dialogue.propose(2, None)
    with pytest.raises(StageError, match="Step 2 was reported after step 0"):
        dialogue.report(2, -1.0)
    with pytest.raises(DataError, match="1 of them not proposed: \\['b2:x'\\]"):
        dialogue.report(1, -1.0, [*ids[:-1], "b2:x"])
    dialogue.report(1, -1.0, ids)
    assert dialogue.step == 1


@pytest.mark.parametrize("perf", [math.nan, -math.inf])
def test_a_validation_loss_that_is_no_number_names_episode_and_step(policy: Policy, table: Table, perf: float) -> None:
    dialogue = Dialogue(policy, table, options(), 4, number=3)
    dialogue.propose(1, -1.2)

    with pytest.raises(StageError, match=r"P after step 1 of 4 \(episode 3\) is"):
        dialogue.report(1, perf)


def test_a_look_every_second_step_spreads_the_reward(policy: Policy, table: Table) -> None:
    chosen = options(evaluate_every=2)
    dialogue = played(policy, table, chosen, (-1.20, None, -1.00, None, -0.95))

    assert [choice.reward for choice in dialogue.episode.choices] == pytest.approx([0.1, 0.1, 0.025, 0.025])
    assert [choice.perf for choice in dialogue.episode.choices] == [-1.20, -1.20, -1.00, -1.00]
    with pytest.raises(StageError, match="The last step, 2, was reported without P"):
        played(policy, table, chosen, (-1.20, -1.0, None))


def test_one_choice_for_all_steps_is_a_static_selector(policy: Policy, table: Table) -> None:
    dialogue = played(policy, table, options(choose_every=4))
    (choice,) = dialogue.episode.choices

    assert choice.reward == pytest.approx(0.25)
    assert sorted(id_ for batch in dialogue.batches() for id_ in batch) == sorted(
        table.ids[row] for row in choice.picks
    )
    assert [len(batch) for batch in dialogue.batches()] == [6] * 4
    assert len(set(choice.picks.tolist())) == 24


def test_a_block_of_one_step_is_the_step(policy: Policy, table: Table) -> None:
    one, other = played(policy, table, options(choose_every=1)), Dialogue(policy, table, options(), 4)
    for perf, after in pairwise(PERFS):
        other.report_block(other.propose_block(perf), after)

    assert one.batches() == other.batches()
    assert [c.reward for c in one.episode.choices] == [c.reward for c in other.episode.choices]


def test_a_trainer_that_cannot_be_asked_gets_blocks_and_reports_them(policy: Policy, table: Table) -> None:
    dialogue = Dialogue(policy, table, options(choose_every=3), 4)
    first = dialogue.propose_block(-1.2)

    assert [len(batch) for batch in first] == [6, 6, 6]
    with pytest.raises(DataError, match="2 steps were reported"):
        dialogue.report_block(first[:2], -1.1)
    dialogue.report_block(first, -1.0)
    last = dialogue.propose_block(-1.0)
    dialogue.report_block(last, -0.95)
    assert len(last) == 1
    assert [choice.reward for choice in dialogue.episode.choices] == pytest.approx([0.2, 0.05])


@pytest.mark.parametrize("every", [1, 3])
def test_an_episode_goes_on_from_its_choices(policy: Policy, table: Table, every: int) -> None:
    chosen = options(choose_every=every, explore="gumbel")
    whole = played(policy, table, chosen)
    begun = Dialogue(policy, table, chosen, 4)
    for step in (1, 2):
        begun.report(step, PERFS[step], begun.propose(step, PERFS[step - 1]))

    kept = [Choice.read(choice.line()) for choice in begun.episode.choices]
    again = Dialogue(policy, table, chosen, 4)
    again.restore(kept, 2)
    for step in (3, 4):
        again.report(step, PERFS[step], again.propose(step, PERFS[step - 1]))
    assert [c.line() for c in again.episode.choices] == [c.line() for c in whole.episode.choices]
    assert again.batches() == whole.batches()


def test_a_pool_smaller_than_a_batch_is_refused(policy: Policy, table: Table) -> None:
    with pytest.raises(DataError, match="holds 60 rows to learn from, one choice takes 64"):
        Dialogue(policy, table, options(batch=64), 4)
    with pytest.raises(DataError, match=r"takes 72 \(4 batches of 18\)"):
        Dialogue(policy, table, options(batch=18, choose_every=9), 4)


def test_learning_begins_at_ratio_1_and_moves_towards_what_paid(policy: Policy, table: Table) -> None:
    import torch

    dialogue = played(policy, table, options(ratio="mean"))
    learner = Learner(policy, options(ratio="mean", ppo_epochs=1, clip=10.0, weight_decay=0.0))
    figures = learner.learn(dialogue.episode)

    assert figures["farthest_log_ratio"] < 1e-6
    again = Learner(policy, options(ratio="mean", ppo_epochs=3, clip=10.0, weight_decay=0.0)).learn(dialogue.episode)
    assert again["farthest_log_ratio"] > 1e-4
    assert again["actor_loss"] < figures["actor_loss"]
    assert all(bool(torch.isfinite(each).all()) for each in policy.actor.parameters())


def test_an_episode_that_has_not_ended_teaches_nothing(policy: Policy, table: Table) -> None:
    dialogue = Dialogue(policy, table, options(), 4)
    dialogue.propose(1, -1.0)

    with pytest.raises(StageError, match="choice for step 1 has no reward yet"):
        Learner(policy, options()).learn(dialogue.episode)
