"""What a selector is given of RAISE: a policy's name, where its learning goes on, what the log is told."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest
from support.models import answered_rows, save_model

from insgen import Candidate, ConfigError, InsgenError, PolicyPlan, learn_policy, rank_by_policy
from insgen.training.raising.folder import RaiseFolder

ROWS = answered_rows(30)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As wide as the presets' semantics."""
    return save_model(tmp_path_factory.mktemp("models") / "llama", width=32)


def test_name_is_that_of_rows_and_plan_but_not_of_what_may_change(model: Path) -> None:
    plan = PolicyPlan(model=str(model), rounds=1, batch=6)
    name = plan.name(ROWS)

    assert plan.name(ROWS[::-1]) == name
    for same in (replace(plan, lr=1e-3), replace(plan, device="cpu"), replace(plan, rows_at_once=4)):
        assert same.name(ROWS) == name
    for other in (replace(plan, seed=1), replace(plan, batch=8), replace(plan, dtype="bfloat16")):
        assert other.name(ROWS) != name
    assert plan.name(ROWS[1:]) != name


def test_diverged_learning_goes_on_in_its_folder_and_a_done_one_keeps_its_rate(model: Path, tmp_path: Path) -> None:
    wild = PolicyPlan(model=str(model), rounds=1, steps=2, batch=6, device="cpu", lr=1e30)
    tame = replace(wild, lr=1e-3)
    with pytest.raises(InsgenError, match="episode 1"):
        learn_policy(ROWS, tmp_path / wild.name(ROWS), wild)
    learn_policy(ROWS, tmp_path / tame.name(ROWS), tame)

    (folder,) = tmp_path.iterdir()
    assert RaiseFolder(folder).about()["settings"]["optimiser.lr"] == 1e-3
    learned = (folder / "policy.safetensors").read_bytes()
    learn_policy(ROWS, folder, tame)
    with pytest.raises(ConfigError, match=r"learned with lr = 0\.001, not 0\.01"):
        learn_policy(ROWS, folder, replace(wild, lr=1e-2))
    assert (folder / "policy.safetensors").read_bytes() == learned


def test_log_is_told_how_far_it_is(model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    plan = PolicyPlan(model=str(model), rounds=2, steps=2, batch=6, device="cpu")
    rows = [*ROWS, Candidate("explain the volume of nothing")]
    with caplog.at_level(logging.INFO, "insgen"):
        learn_policy(rows, tmp_path / "policy", plan)
        rank_by_policy(rows, tmp_path / "policy", "cpu")

    told = [record.getMessage() for record in caplog.records]
    assert told[0] == "raise: measured 24 of 24 rows"
    assert [line.split(",")[0] for line in told if ", step 2 of 2, validation loss" in line] == [
        "raise: episode 1",
        "raise: episode 2",
    ]
    assert told[-3:] == [
        "raise: learned from 24 rows, 6 others to measure by: a RAISE policy, after 2 episodes",
        "raise: measured 7 of 7 rows",
        "raise: 1 of 31 rows stand last: no answer, or a question that fills what is read",
    ]
