"""The seed policy `sedi`: the worked window of the specification, its invariants, its options and its refusals."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from support.training import (
    BATCHES,
    CREDIT,
    NORMS,
    SEEDS,
    add,
    ask,
    events,
    figures,
    fill,
    follow,
    instruction,
    steps,
    taught,
)

from insgen import Candidate, SeedChange, SeedUpdate, StageError
from insgen.bank.bank import Bank
from insgen.bank.seeds import drop, pin
from insgen.plugins.seed_policies.sedi import SediPolicy, insgen_seed_policies
from insgen.plugins.seed_policies.sedi._credit import credit_seeds
from insgen.plugins.seed_policies.sedi._windows import Window, measure
from insgen.plugins.seed_policies.uniform import UniformPolicy
from insgen.store.database import Store, open_store

FARTHEST = BATCHES[4][3]  # of batch 5, whose gradient norm is the largest


def test_g4_credits_are_those_of_the_worked_example(store: Store) -> None:
    bank = fill(store)
    window = Window(tuple(steps()))
    credit = credit_seeds(window, measure(window, "raw"), bank.find(window.ids()))
    assert [credit[seed.id].n for seed in SEEDS] == [10, 10, 11, 9]
    assert [credit[seed.id].q for seed in SEEDS] == pytest.approx(list(CREDIT.values()), abs=5e-7)


def test_g4_promotes_from_batch_5_and_evicts_seed_3_with_the_figures(store: Store) -> None:
    bank, policy = taught(store, steps())
    made = ask(store, bank, policy)
    assert events(made) == [("promoted", FARTHEST.id), ("evicted", SEEDS[2].id)]
    promoted, evicted = made.changes
    assert promoted.evidence == {
        "run_id": "run-1",
        "first_step": 1,
        "last_step": 10,
        "batch": 5,
        "rank": 1,
        "signal": 3.2,
        "signal_kind": "raw",
    }
    assert evicted.evidence["credit"] == pytest.approx(CREDIT[3], abs=5e-7)
    assert evicted.evidence["examples"] == 11
    of_batch = "the batch of step 5 (gradient norm 3.200000, rank 1 of 10 in steps 1 to 10 of the training run-1)"
    for part in (of_batch, "to the nearest seed"):
        assert part in promoted.reason
    for part in ("credit 1.272727 from 11 examples", "weakest of 4", of_batch):
        assert part in evicted.reason


def test_g6_steps_1_to_9_alone_change_nothing(store: Store) -> None:
    bank, policy = taught(store, steps()[:9])
    made = ask(store, bank, policy)
    assert (made.changes, made.state) == ((), "")


def test_g6_the_order_of_the_records_changes_nothing(store: Store) -> None:
    bank, policy = taught(store, random.Random(3).sample(steps(), 10))
    assert events(ask(store, bank, policy)) == [("promoted", FARTHEST.id), ("evicted", SEEDS[2].id)]


def test_g6_the_same_feedback_again_changes_nothing(store: Store) -> None:
    bank, policy = taught(store, steps())
    first = follow(store, bank, policy)
    add(store, steps())
    again = follow(store, bank, policy, first.state)
    assert (again.changes, again.state) == ((), first.state)


@pytest.mark.parametrize("seed", range(5))
def test_g6_invariants_hold_over_many_random_windows(store: Store, seed: int) -> None:
    rng = random.Random(seed)
    policy = SediPolicy(window=4, n_add=rng.randint(1, 4), n_min=rng.choice([0.5, 1, 3]), batches=rng.randint(1, 2))
    bank = fill(store)
    add(store, steps(norms=[rng.uniform(0.1, 5) for _ in range(rng.randint(4, 40))]))
    executed = {step.step: {id_ for micro in step.items for id_ in micro} for step in steps(norms=NORMS * 4)}
    made = follow(store, bank, policy)
    promoted = [change for change in made.changes if change.event == "promoted"]
    evicted = [change for change in made.changes if change.event == "evicted"]
    assert promoted
    assert len(promoted) == len(evicted)
    assert len(bank.seeds()) == len(SEEDS)
    for change in promoted:
        assert change.seed.id in executed[int(change.evidence["batch"])]
    for change in evicted:
        assert float(change.evidence["examples"]) >= policy.n_min


def test_arrival_bit_by_bit_does_what_arrival_at_once_does(store: Store, tmp_path: Path) -> None:
    many, policy = steps(norms=NORMS * 3), SediPolicy()
    bank = fill(store)
    add(store, many)
    at_once = follow(store, bank, policy)
    assert [change.evidence["last_step"] for change in at_once.changes] == [10, 10, 20, 20, 30, 30]
    with closing(open_store(tmp_path / "other.db")) as other:
        slow, state, changes = fill(other), "", list[SeedChange]()
        for start in range(0, 30, 7):
            add(other, many[start : start + 7])
            made = follow(other, slow, policy, state)
            state, changes = made.state, [*changes, *made.changes]
        assert figures(SeedUpdate(tuple(changes), state)) == figures(at_once)
        assert slow.seeds() == bank.seeds()


def test_ties_go_to_the_earliest_step(store: Store) -> None:
    bank, policy = taught(store, steps(norms=[1.0] * 10))
    assert ask(store, bank, policy).changes[0].evidence["batch"] == 1


def test_trainings_are_never_mixed_in_one_window(store: Store) -> None:
    mixed = [*steps("a")[:6], *steps("b")[6:]]
    bank, policy = taught(store, mixed)
    assert ask(store, bank, policy).changes == ()


def test_different_trainable_parameters_are_never_mixed_in_one_window(store: Store) -> None:
    mixed = [replace(step, trainable_params=7 if step.step < 5 else 9) for step in steps()]
    bank, policy = taught(store, mixed)
    assert ask(store, bank, policy).changes == ()
    add(store, [replace(step, trainable_params=9) for step in steps(first=11, norms=NORMS[:4])])
    assert ask(store, bank, policy).changes[0].evidence["trainable_params"] == 9


def test_a_step_executed_again_after_a_resume_counts_as_it_was_executed_last(store: Store) -> None:
    bank, policy = taught(store, steps())
    add(store, [replace(steps()[8], grad_norm=9.0, time=99.0)])
    assert ask(store, bank, policy).changes[0].evidence["batch"] == 9


def test_seeds_without_evidence_and_pinned_ones_stay(store: Store) -> None:
    bank, policy = taught(store, steps())
    with store.atomic() as conn:
        pin(conn, SEEDS[2].id, 1, "mine")
    assert events(ask(store, bank, policy))[1] == ("evicted", SEEDS[3].id)
    assert events(ask(store, bank, SediPolicy(n_min=10)))[1] == ("evicted", SEEDS[0].id)


def test_nobody_comes_for_whom_nobody_goes(store: Store) -> None:
    bank, policy = taught(store, steps())
    made = ask(store, bank, SediPolicy(n_min=12))
    assert made.changes == ()
    assert made.state == ask(store, bank, policy).state
    assert len(ask(store, bank, SediPolicy(n_add=50)).changes) == 2 * 4


def test_several_are_promoted_as_far_apart_as_can_be(store: Store) -> None:
    bank, _ = taught(store, steps())
    made = ask(store, bank, SediPolicy(n_add=3))
    promoted = [change.seed.id for change in made.changes if change.event == "promoted"]
    assert promoted[0] == FARTHEST.id
    by_hand = max_min([candidate for candidate in BATCHES[4] if candidate.id != FARTHEST.id], bank, [FARTHEST])
    assert promoted[1] == by_hand.id
    assert [c.seed.id for c in made.changes if c.event == "evicted"] == [SEEDS[n].id for n in (2, 3, 0)]


def max_min(pool: list[Candidate], bank: Bank, chosen: list[Candidate]) -> Candidate:
    """The plain definition: the one whose nearest of seeds and chosen is farthest."""
    others = [bank.vectors([seed.id])[0] for seed in bank.seeds()] + [each.vector for each in chosen]  # type: ignore[arg-type]  # an id

    def nearest(candidate: Candidate) -> float:
        return min(1 - float(candidate.vector @ other) for other in others)  # type: ignore[operator]  # it has one

    return max(pool, key=nearest)


def test_order_loss_takes_the_largest_loss_first(store: Store) -> None:
    losses = {candidate.id: loss for candidate, loss in zip(BATCHES[4], (1.0, 4.0, 2.0, 3.0), strict=True)}
    told = steps()
    told[4] = replace(told[4], item_loss=losses)
    bank, _ = taught(store, told)
    made = ask(store, bank, SediPolicy(order="loss"))
    assert made.changes[0].seed.id == BATCHES[4][1].id
    assert "loss 4.000000" in made.changes[0].reason


def test_order_loss_without_losses_is_refused_with_the_cure(store: Store) -> None:
    bank, _ = taught(store, steps())
    with pytest.raises(StageError, match=r'(?s)step 5 .*run-1.*"item_loss".*order = "spread"'):
        ask(store, bank, SediPolicy(order="loss"))


def test_the_quality_guard_keeps_poor_and_unscored_items_out(store: Store) -> None:
    bank, _ = taught(store, steps())
    with store.atomic() as conn:
        conn.execute("UPDATE kept SET quality = NULL WHERE candidate_id = ?", (FARTHEST.id,))
    assert ask(store, bank, SediPolicy(min_quality=0.5)).changes[0].seed.id == BATCHES[4][2].id
    assert ask(store, bank, SediPolicy(min_quality=0.9)).changes == ()


def test_dropped_seeds_and_unknown_ids_are_never_promoted(store: Store) -> None:
    bank, policy = taught(store, steps())
    state = follow(store, bank, policy).state
    with store.atomic() as conn:
        drop(conn, FARTHEST.id, 2, "odd")
    later = [replace(step, items=((FARTHEST.id, "b2:elsewhere"),)) for step in steps(first=11)]
    add(store, later)
    made = ask(store, bank, policy, state)
    assert made.changes == ()
    assert made.state != state


def test_an_example_with_two_seeds_credits_each_by_half(store: Store) -> None:
    both = instruction(1, 9, SEEDS[:2])
    bank = fill(store, [both])
    window = Window((replace(steps()[0], items=((both.id, both.id), (BATCHES[0][3].id,))),))
    credit = credit_seeds(window, [2.0], bank.find(window.ids()))
    assert {id_: (each.n, each.q) for id_, each in credit.items()} == {
        SEEDS[0].id: (1.0, 2.0),
        SEEDS[1].id: (1.0, 2.0),
        SEEDS[2].id: (1.0, 2.0),
    }


def test_top_batches_widens_the_choice(store: Store) -> None:
    emptied = steps()
    emptied[4] = replace(emptied[4], items=((),))
    bank, policy = taught(store, emptied)
    assert ask(store, bank, policy).changes == ()
    assert ask(store, bank, SediPolicy(batches=2)).changes[0].evidence["batch"] == 9


def test_turns_make_windows_once_a_later_turn_has_begun(store: Store) -> None:
    turned = [replace(step, round=1 + (step.step - 1) // 3) for step in steps()]  # turns of 3, 3, 3 and 1 steps
    bank, _ = taught(store, turned)
    policy = SediPolicy(unit="turn", window=3)
    made = ask(store, bank, policy)
    assert {change.evidence["last_step"] for change in made.changes} == {9}
    add(store, [replace(turned[9], step=11, round=5, time=11.0)])
    assert ask(store, bank, policy, made.state).changes == ()
    assert len(ask(store, bank, SediPolicy(unit="turn", window=1)).changes) == 2 * 4


def test_draws_as_the_uniform_policy_does(make_bank: Callable[..., Bank]) -> None:
    seeds = make_bank(seeds=SEEDS).seeds()
    for n in (0, 2, 4, 9):
        assert SediPolicy().draw(n, seeds, [], Random(7)) == UniformPolicy().draw(n, seeds, [], Random(7))


def test_is_offered() -> None:
    assert insgen_seed_policies() == [SediPolicy]
