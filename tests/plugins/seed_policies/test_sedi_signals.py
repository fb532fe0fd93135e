"""What ranks batches for the policy `sedi`: raw norms and residuals, and which norms and options it refuses."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from support.training import ask, steps, taught

from insgen import ConfigError, StageError, TrainingStep
from insgen.plugins.seed_policies.sedi import SediPolicy
from insgen.plugins.seed_policies.sedi._windows import Window, measure
from insgen.store.database import Store


def test_residual_takes_length_and_phase_out_of_the_norm() -> None:
    rng = random.Random(8)
    tokens = [rng.randint(20, 400) for _ in range(12)]
    norms = [5 * n**-0.5 * 0.98**t for t, n in enumerate(tokens)]
    norms[7] *= 1.2  # the one that is larger than its length explains
    window = Window(
        tuple(
            TrainingStep("r", t + 1, (("a",),), 1.0, grad_norm=norm, n_target_tokens=n)
            for t, (norm, n) in enumerate(zip(norms, tokens, strict=True))
        )
    )
    residual = measure(window, "residual")
    assert max(range(12), key=lambda t: residual[t]) == 7
    assert max(range(12), key=lambda t: norms[t]) != 7
    assert sum(residual) == pytest.approx(0, abs=1e-6)


def test_residual_needs_tokens_and_norms(store: Store) -> None:
    bank, _ = taught(store, steps())
    with pytest.raises(StageError, match=r'(?s)step 1 .*n_target_tokens None.*signal = "raw"'):
        ask(store, bank, SediPolicy(signal="residual"))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"grad_norm": None}, "has no gradient norm"),
        ({"grad_norm_kind": "post_clip"}, r"taken after clipping \(1.1, clipped at 1\)"),
        ({"grad_norm_kind": "unknown", "grad_norm": 0.9999}, "at the clipping limit"),
    ],
)
def test_norms_that_cannot_be_compared_are_refused_with_the_cure(
    store: Store, changes: dict[str, object], problem: str
) -> None:
    records = steps()[:5]
    records[2] = replace(records[2], **changes)  # type: ignore[arg-type]  # fields by name
    bank, policy = taught(store, records)
    expected = rf'(?s)step 3 of the training run-1 .*{problem}.*logging_steps=1.*skip_runs = \["run-1"\]'
    with pytest.raises(StageError, match=expected):
        ask(store, bank, policy)
    assert ask(store, bank, SediPolicy(skip_runs=("run-1",))).changes == ()


@pytest.mark.parametrize("changes", [{}, {"max_grad_norm": None}, {"max_grad_norm": 0.0}])
def test_an_unknown_kind_of_norm_is_taken_where_clipping_cannot_have_changed_it(
    store: Store, changes: dict[str, object]
) -> None:
    bank, policy = taught(store, steps(grad_norm_kind="unknown", **changes))
    assert len(ask(store, bank, policy).changes) == 2


@pytest.mark.parametrize(
    "options",
    [{"window": 0}, {"n_add": 0}, {"batches": 0}, {"n_min": 0.0}, {"min_quality": 1.5}, {"min_quality": -0.1}],
)
def test_senseless_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=rf"{next(iter(options))} is "):
        SediPolicy(**options)  # type: ignore[arg-type]  # options by name
