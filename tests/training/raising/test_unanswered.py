"""Rows that nothing can be learned from: no answer, or a question that fills the context."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from support.models import answered_rows

from insgen import Candidate, rank_by_policy
from insgen.training.raising.folder import RaiseFolder, RaiseSettings
from insgen.training.raising.options import RaiseOptions
from insgen.training.raising.ranking import rank_rows
from insgen.training.raising.run import RaiseResult, RaiseRun
from insgen.training.steps import StepOptions
from insgen.training.target import ModelOptions

ROWS = answered_rows(20)
SILENT = [Candidate(f"explain the {noun} of nothing") for noun in ("pod", "node", "volume")]
ENDLESS = [Candidate(f"explain {'a ' * (90 + n)}", output="the pod runs .") for n in range(30)]
POOL = [*ENDLESS, *SILENT, *ROWS]


def learn(folder: Path, model: Path, validation: list[Candidate], **changes: int) -> RaiseResult:
    options = RaiseOptions(rounds=0, batch=4, steps=2, semantics=8, hidden=8, validation=6, seed=3)
    settings = RaiseSettings(
        ModelOptions(str(model), device="cpu"),
        raising=replace(options, **changes),
        optimiser=StepOptions(warmup=0.0),
    )
    return RaiseRun(folder, settings).learn(POOL, validation, lambda _played: None)


def test_validation_rows_are_drawn_from_rows_that_can_be_measured(model: Path, tmp_path: Path) -> None:
    made = learn(tmp_path / "one", model, [])
    held = RaiseFolder(tmp_path / "one").validation()

    assert (made.n_validation, made.n_rows, made.left_out) == (4, 16, 33)  # a fifth of those with targets
    assert {row.id for row in held} <= {row.id for row in ROWS}
    learn(tmp_path / "two", model, [])
    assert RaiseFolder(tmp_path / "two").validation() == held
    learn(tmp_path / "three", model, [], seed=4)
    assert RaiseFolder(tmp_path / "three").validation() != held


def test_named_validation_rows_are_all_kept_and_the_pool_stays_whole(model: Path, tmp_path: Path) -> None:
    made = learn(tmp_path / "one", model, [*ROWS[:3], *SILENT])

    assert (made.n_validation, made.n_rows, made.left_out) == (3, 20, 33)
    assert len(RaiseFolder(tmp_path / "one").validation()) == 6


def test_rows_without_a_value_stand_last_and_move_nobody(model: Path, tmp_path: Path) -> None:
    learn(tmp_path / "policy", model, [])
    made, alone = rank_rows(POOL, tmp_path / "policy"), rank_rows(ROWS, tmp_path / "policy")

    assert [POOL[row].id for row in made.order[:20]] == [ROWS[row].id for row in alone.order]
    assert [made.value(33 + row) for row in range(20)] == [alone.value(row) for row in range(20)]
    assert [POOL[row].id for row in made.order[20:]] == sorted(row.id for row in [*ENDLESS, *SILENT])
    assert {made.value(row) for row in made.order[20:]} == {made.place(row) for row in made.order[20:]} == {None}
    assert (made.n_unvalued, alone.n_unvalued) == (33, 0)
    places = [place for _, place, _ in rank_by_policy(POOL, tmp_path / "policy")]
    assert places == sorted(places)
    assert len(set(places[20:])) == 33
    assert not any(math.isnan(alone.values[row]) for row in range(20))


def test_pool_without_any_answer_has_no_values_and_the_order_of_ids(model: Path, tmp_path: Path) -> None:
    learn(tmp_path / "policy", model, [])
    made = rank_rows(SILENT, tmp_path / "policy")

    assert [SILENT[row].id for row in made.order] == sorted(row.id for row in SILENT)
    assert (made.n_unvalued, sorted(made.places)) == (3, [0, 1, 2])
