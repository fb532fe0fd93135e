"""The plain loop: its gradient, its learning rate, and what it does when numbers stop being numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.models import answered_rows, save_model

from insgen import ConfigError
from insgen.training.encoding import Encoded
from insgen.training.steps import DivergedError, StepOptions, Training, learning_rate, train_steps
from insgen.training.target import ModelOptions, TargetModel


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("models") / "llama")


def training(folder: Path, **options: float) -> tuple[Training, Sequence[Encoded]]:
    target = TargetModel.load(ModelOptions(str(folder)))
    rows = [target.encode(row) for row in answered_rows(12)]
    return Training(target, StepOptions(**{"lr": 1e-2, "warmup": 0.0, **options}), n_steps=3), rows  # type: ignore[arg-type]  # by name


def test_norm_and_losses_are_those_of_one_pass_over_all_targets(folder: Path) -> None:
    import torch

    made, rows = training(folder, rows_at_once=5, max_grad_norm=0.01)
    batch = made.target.pad(rows)
    theirs = made.target.model(input_ids=batch.tokens, attention_mask=batch.mask, labels=batch.labels).loss
    gradients = torch.autograd.grad(theirs, list(made.parameters.values()))
    norm = math.sqrt(sum(float(each.double().square().sum()) for each in gradients))

    before = made.target.losses(rows)
    outcome = made.advance(rows)

    assert outcome.loss == pytest.approx(theirs.item(), abs=1e-5)
    assert outcome.grad_norm == pytest.approx(norm, rel=1e-4)  # before clipping
    assert outcome.n_target_tokens == sum(row.n_targets for row in rows)
    assert [outcome.item_loss[row.id] for row in rows] == pytest.approx(before, abs=1e-5)
    assert sorted(map(len, outcome.items)) == [2, 5, 5]
    assert {id_ for micro in outcome.items for id_ in micro} == {row.id for row in rows}


def test_micro_batches_change_nothing_but_rounding(folder: Path) -> None:
    whole, rows = training(folder, rows_at_once=12)
    small, _ = training(folder, rows_at_once=2)

    one = list(train_steps(whole, [rows[:6], rows[6:]]))
    other = list(train_steps(small, [rows[:6], rows[6:]]))
    assert [each.loss for each in one] == pytest.approx([each.loss for each in other], abs=1e-5)
    assert [each.grad_norm for each in one] == pytest.approx([each.grad_norm for each in other], rel=1e-3)


def test_loss_falls(folder: Path) -> None:
    made, rows = training(folder)

    outcomes = list(train_steps(made, [rows] * 3))
    assert outcomes[2].loss < outcomes[1].loss < outcomes[0].loss
    assert [each.step for each in outcomes] == [1, 2, 3]


def test_what_is_not_finite_stops_before_the_model_is_touched(folder: Path) -> None:
    import torch

    made, rows = training(folder)
    made.advance(rows)
    kept = {name: each.detach().clone() for name, each in made.parameters.items()}
    with torch.no_grad():
        made.target.model.get_input_embeddings().weight[rows[3].tokens[-2].item()] = math.nan

    with pytest.raises(DivergedError, match=r"at step 2 of 3: the loss of \d+ of 12 rows is not finite: b2:") as raised:
        made.advance(rows)
    assert "smaller learning rate than 0.01" in str(raised.value)
    assert made.step == 1
    changed = [name for name, each in made.parameters.items() if not torch.equal(each.detach(), kept[name])]
    assert len(changed) == 1  # by this test


@given(st.integers(1, 200), st.floats(0, 1))
def test_learning_rate_rises_to_its_peak_then_falls_and_is_never_zero(n_steps: int, warmup: float) -> None:
    rates = [learning_rate(step, n_steps, 1.0, warmup) for step in range(1, n_steps + 1)]
    top = rates.index(max(rates))

    assert max(rates) == pytest.approx(1.0)
    assert min(rates) > 0
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)


def test_learning_rate_of_a_worked_example() -> None:
    # 2 of 10 steps up; then 8 steps at cos(0), cos(pi/8), ...
    rates = [learning_rate(step, 10, 1.0, 0.2) for step in (1, 2, 3, 7, 10)]
    assert rates == pytest.approx([0.5, 1.0, 1.0, 0.5, 0.5 * (1 + math.cos(7 * math.pi / 8))])


def test_impossible_options_are_named() -> None:
    with pytest.raises(ConfigError, match="lr = 0 is impossible"):
        StepOptions(lr=0)
