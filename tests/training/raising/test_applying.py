"""A frozen policy trains a model: stopped by numbers that are none, in bfloat16, beside LoRA matrices."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.models import answered_rows

from insgen import ConfigError
from insgen.training.lora import LoraOptions
from insgen.training.raising.applying import Applied, ApplySettings, apply_policy
from insgen.training.raising.folder import RaiseSettings
from insgen.training.raising.options import RaiseOptions
from insgen.training.raising.run import RaiseResult, RaiseRun
from insgen.training.steps import DivergedError, StepOptions
from insgen.training.target import ModelOptions

ROWS = answered_rows(40)
OPTIONS = RaiseOptions(rounds=1, batch=6, steps=4, semantics=8, hidden=8, validation=6, evaluate_every=2)


def learn(folder: Path, model: Path, **options: Any) -> RaiseResult:
    target = ModelOptions(str(model), device="cpu", **options)
    settings = RaiseSettings(target, raising=OPTIONS, optimiser=StepOptions(lr=1e-2, warmup=0.0))
    return RaiseRun(folder, settings).learn(ROWS, [], lambda _played: None)


def settings(model: Path, lr: float = 1e-2, **options: Any) -> ApplySettings:
    target = ModelOptions(str(model), device="cpu", **options)
    return ApplySettings(target, StepOptions(lr=lr, warmup=0.0), checkpoint_every=2)


def apply(policy: Path, out: Path, chosen: ApplySettings) -> Applied:
    return apply_policy(ROWS, policy, out, chosen, lambda _played: None)


@pytest.fixture(scope="module")
def policy(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return learn(tmp_path_factory.mktemp("learned") / "policy", model).policy.parent


def test_diverged_training_goes_on_with_a_smaller_rate_alone(policy: Path, model: Path, tmp_path: Path) -> None:
    with pytest.raises(DivergedError, match="smaller learning rate than 1e"):
        apply(policy, tmp_path / "run", settings(model, lr=1e30))
    with pytest.raises(ConfigError, match=r"steps was 0 and is 9(.|\n)*optimiser\.lr"):
        apply(policy, tmp_path / "run", replace(settings(model), steps=9))

    made = apply(policy, tmp_path / "run", settings(model))
    assert made.perf[1] > made.perf[0]
    assert len(made.feedback.read_text().splitlines()) == 4


def test_bfloat16_learns_and_applies_nearly_the_same(policy: Path, model: Path, tmp_path: Path) -> None:
    exact = apply(policy, tmp_path / "exact", settings(model))
    result = learn(tmp_path / "half", model, dtype="bfloat16")
    coarse = apply(tmp_path / "half", tmp_path / "coarse", settings(model, dtype="bfloat16"))

    assert result.label == "RAISE policy, after 1 episodes"
    assert result.rounds[0]["first_perf"] == pytest.approx(exact.perf[0], rel=0.01)
    assert coarse.perf == pytest.approx(exact.perf, rel=0.01)
    assert coarse.perf[1] > coarse.perf[0]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_lora_beside_the_policys_own_model_is_no_other_model(
    policy: Path, model: Path, tmp_path: Path, dtype: str
) -> None:
    chosen = replace(settings(model, dtype=dtype), lora=LoraOptions(2))

    assert apply(policy, tmp_path / "run", chosen).label == "RAISE policy, after 1 episodes"
