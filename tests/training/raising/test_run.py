"""Learning a policy in its folder: killed, diverged, called again; then put to use and explained."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.models import answered_rows

from insgen import Candidate, ConfigError, DataError, StageError
from insgen.training.raising.applying import ApplySettings, apply_policy
from insgen.training.raising.explain import explain
from insgen.training.raising.folder import RaiseFolder, RaiseSettings
from insgen.training.raising.options import RaiseOptions
from insgen.training.raising.policy import Policy
from insgen.training.raising.ranking import rank_rows
from insgen.training.raising.run import RaiseResult, RaiseRun
from insgen.training.steps import DivergedError, StepOptions
from insgen.training.target import ModelOptions

ROWS = answered_rows(40)
KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from test_run import ROWS, settings
from insgen.training.raising.run import RaiseRun

def watch(played):
    if (played.number, played.outcome.step) == (2, 3):
        os.kill(os.getpid(), signal.SIGKILL)

RaiseRun(Path(sys.argv[3]), settings(Path(sys.argv[2]))).learn(ROWS, [], watch)
"""


def settings(model: Path, lr: float = 1e-2, **changes: Any) -> RaiseSettings:
    """Two episodes of four steps with dropout and noise, so that random numbers count too; a checkpoint every other."""
    options = RaiseOptions(rounds=2, batch=6, steps=4, semantics=8, hidden=8, explore="gumbel", validation=6, seed=3)
    return RaiseSettings(
        ModelOptions(str(model), device="cpu"),
        raising=replace(options, **changes),
        optimiser=StepOptions(lr=lr, warmup=0.0),
        checkpoint_every=2,
    )


def learn(folder: Path, chosen: RaiseSettings, rows: list[Candidate] = ROWS) -> RaiseResult:
    return RaiseRun(folder, chosen).learn(rows, [], lambda _played: None)


@pytest.fixture(scope="module")
def learned(model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RaiseResult]:
    folder = tmp_path_factory.mktemp("learned") / "policy"
    return folder, learn(folder, settings(model))


def test_policy_is_learned_over_episodes(learned: tuple[Path, RaiseResult]) -> None:
    folder, result = learned

    assert (result.n_rows, result.n_validation, result.n_steps, result.label) == (
        34,
        6,
        4,
        "RAISE policy, after 2 episodes",
    )
    for row in result.rounds:
        assert row["return"] == pytest.approx(row["last_perf"] - row["first_perf"], abs=1e-12)
        assert row["first_perf"] == result.rounds[0]["first_perf"]  # each begins with the first weights
        assert row["last_perf"] > row["first_perf"]
    assert result.rounds[-1]["places"] == 4 * 6
    assert result.rounds[-1]["rows"] == len(
        {pick for each in RaiseFolder(folder).played() for pick in each.picks.tolist()}
    )
    policy = Policy.load(result.policy)
    assert [round(t, 2) for _, t in policy.facts.stages] == [0.25, 0.5, 0.75, 1.0]
    assert policy.facts.stages[0][0] == -1.0
    left = sorted(each.name for each in folder.iterdir())
    assert left == ["features.safetensors", "learner-002.pt", "played-002.jsonl", "policy.safetensors", "raise.json"]


def test_killed_learning_ends_with_the_policy_of_one_left_alone(
    learned: tuple[Path, RaiseResult], model: Path, tmp_path: Path
) -> None:
    killed = tmp_path / "killed"
    command = [sys.executable, "-c", KILLED, str(Path(__file__).parent), str(model), str(killed)]
    search = {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, env={**os.environ, **search}, check=False, timeout=300)

    assert done.returncode == -signal.SIGKILL
    assert (killed / "episode-002" / "checkpoint-000002").is_dir()
    result = learn(killed, settings(model))
    assert [row["round"] for row in result.rounds] == [2]
    assert result.policy.read_bytes() == (learned[0] / "policy.safetensors").read_bytes()
    assert (killed / "played-002.jsonl").read_text() == (learned[0] / "played-002.jsonl").read_text()
    assert learn(killed, settings(model)).rounds == ()


def test_diverged_episode_is_named_and_goes_on_with_a_smaller_rate(model: Path, tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"P after step 1 of 4 \(episode 1\) is nan"):
        learn(tmp_path / "every", settings(model, lr=1e30))
    with pytest.raises(DivergedError, match="Episode 1 of 2: Training diverged at step 2 of 4"):
        learn(tmp_path / "run", settings(model, lr=1e30, evaluate_every=2))

    result = learn(tmp_path / "run", settings(model, evaluate_every=2))
    assert [row["round"] for row in result.rounds] == [1, 2]


def test_no_episode_is_the_untrained_policy_of_the_seed(model: Path, tmp_path: Path) -> None:
    one, two = (learn(tmp_path / name, settings(model, rounds=0)) for name in ("one", "two"))
    other = learn(tmp_path / "three", settings(model, rounds=0, seed=4))

    assert one.policy.read_bytes() == two.policy.read_bytes()
    assert one.policy.read_bytes() != other.policy.read_bytes()
    assert len(rank_rows(ROWS, tmp_path / "one").order) == 40
    with pytest.raises(DataError, match="is untrained: no episode was played"):
        explain(tmp_path / "one")


def test_other_settings_or_rows_are_refused_by_name(learned: tuple[Path, RaiseResult], model: Path) -> None:
    with pytest.raises(ConfigError, match=r"raising\.batch was 6 and is 7"):
        learn(learned[0], settings(model, batch=7))
    with pytest.raises(ConfigError, match="other pool rows"):
        learn(learned[0], settings(model), ROWS[:30])


def test_pool_smaller_than_a_batch_leaves_nothing_behind(model: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds 5 rows to learn from, one choice takes 6"):
        learn(tmp_path / "run", settings(model), ROWS[:6])
    with pytest.raises(DataError, match="holds 0 rows to learn from"):
        learn(tmp_path / "run", settings(model), [Candidate(f"explain {n}") for n in range(9)])
    assert not (tmp_path / "run").exists()


def test_rows_without_answers_are_left_out_and_counted(model: Path, tmp_path: Path) -> None:
    result = learn(tmp_path / "run", settings(model, rounds=0), [*ROWS, Candidate("explain a volume")])

    assert (result.n_rows, result.left_out) == (34, 1)


def test_folder_of_something_else_is_left_alone(model: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("all of it")

    with pytest.raises(DataError, match="not empty"):
        learn(tmp_path, settings(model))
    assert [each.name for each in tmp_path.iterdir()] == ["thesis.tex"]


def test_ranking_takes_class_after_class_and_minds_no_order(learned: tuple[Path, RaiseResult]) -> None:
    made = rank_rows(ROWS, learned[0])
    keys = [(made.places[row], -made.values[row]) for row in made.order]

    assert keys == sorted(keys)
    assert sorted(made.order) == list(range(40))
    backwards = rank_rows(ROWS[::-1], learned[0])
    assert [ROWS[::-1][row].id for row in backwards.order] == [ROWS[row].id for row in made.order]


def test_new_rows_join_by_the_policys_statistics(learned: tuple[Path, RaiseResult]) -> None:
    known = rank_rows(ROWS[:34], learned[0])
    more = rank_rows([*ROWS[:34], Candidate("explain the secret", output="a secret is a secret .")], learned[0])

    assert np.allclose(known.values, more.values[:34])
    assert len(more.order) == 35


def test_policy_of_another_auxiliary_model_is_refused(learned: tuple[Path, RaiseResult], tmp_path: Path) -> None:
    import shutil

    from support.models import save_model

    folder = Path(shutil.copytree(learned[0], tmp_path / "policy"))
    policy = Policy.load(folder / "policy.safetensors")
    policy.told(auxiliary_path=str(save_model(tmp_path / "llama")))
    policy.save(folder / "policy.safetensors")
    kept = (folder / "features.safetensors").read_bytes()

    with pytest.raises(DataError, match="these rows were measured by b2:"):
        rank_rows([*ROWS, Candidate("explain a volume", output="no")], folder)
    assert (folder / "features.safetensors").read_bytes() == kept


def test_explanation_names_groups_and_columns(learned: tuple[Path, RaiseResult]) -> None:
    made = explain(learned[0])

    assert [each.name for each in made.groups] == ["stage", "difficulty", "semantics", "availability"]
    assert (len(made.columns), made.n_choices) == (15, 4)
    assert all(each.sensitivity >= abs(each.direction) - 1e-9 and 0 <= each.changed <= 1 for each in made.columns)


def test_a_column_that_the_policy_does_not_look_at_changes_nothing(
    learned: tuple[Path, RaiseResult], tmp_path: Path
) -> None:
    import shutil

    import torch

    folder = Path(shutil.copytree(learned[0], tmp_path / "policy"))
    policy = Policy.load(folder / "policy.safetensors")
    with torch.no_grad():
        policy.actor[0].weight[:, 6:] = 0.0  # stage and difficulty alone
    policy.save(folder / "policy.safetensors")
    groups = {each.name: each for each in explain(folder).groups}

    assert groups["semantics"].sensitivity == groups["availability"].changed == groups["semantics"].changed == 0
    assert groups["difficulty"].changed > 0


def test_frozen_policy_trains_a_model_and_can_be_repeated(
    learned: tuple[Path, RaiseResult], model: Path, tmp_path: Path
) -> None:
    chosen = ApplySettings(ModelOptions(str(model), device="cpu"), StepOptions(lr=1e-2, warmup=0.0), checkpoint_every=2)
    made = apply_policy(ROWS, learned[0], tmp_path / "one", chosen, lambda _played: None)

    assert made.perf[1] > made.perf[0]
    assert made.label == "RAISE policy, after 2 episodes"
    plan = [json.loads(line)["ids"] for line in made.plan.read_text().splitlines()]
    records = [json.loads(line) for line in made.feedback.read_text().splitlines()]
    assert [sorted(id_ for part in row["items"] for id_ in part) for row in records] == [sorted(ids) for ids in plan]
    assert not {id_ for ids in plan for id_ in ids} & set(RaiseFolder(learned[0]).about()["validation"])
    assert (made.model / "config.json").exists()

    def stop(played: Any) -> None:
        if played.outcome.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        apply_policy(ROWS, learned[0], tmp_path / "two", chosen, stop)
    again = apply_policy(ROWS, learned[0], tmp_path / "two", chosen, lambda _played: None)
    assert again.plan.read_bytes() == made.plan.read_bytes()
    assert (again.model / "model.safetensors").read_bytes() == (made.model / "model.safetensors").read_bytes()
    with pytest.raises(ConfigError, match="other settings: steps"):
        apply_policy(ROWS, learned[0], tmp_path / "two", replace(chosen, steps=9), lambda _played: None)
