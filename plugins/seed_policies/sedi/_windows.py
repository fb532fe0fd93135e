"""Windows of executed steps: what is in one, how strong each of its batches is, and which were used up.

Flows in: the steps of one series, in order. Flows out: complete windows; the last, incomplete one is left for later.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from insgen import CandidateId, StageError, TrainingSeries, TrainingStep

_NEAR_LIMIT = 1e-3  # a norm so near (relative) to max_grad_norm may have been cut down to it


@dataclass(frozen=True)
class Window:
    """Steps that are compared with one another, in order."""

    steps: tuple[TrainingStep, ...]

    @property
    def last(self) -> int:
        """Number of its last step."""
        return self.steps[-1].step

    def ids(self) -> list[CandidateId]:
        """Every instruction executed in it, once, in order."""
        return list(dict.fromkeys(CandidateId(id_) for step in self.steps for micro in step.items for id_ in micro))

    def name(self) -> str:
        """What to call it."""
        return f"steps {self.steps[0].step} to {self.last} of the training {self.steps[0].run_id}"

    def figures(self) -> dict[str, str | float]:
        """What it is, for programs."""
        first = self.steps[0]
        known = {} if first.trainable_params is None else {"trainable_params": first.trainable_params}
        return {"run_id": first.run_id, **known, "first_step": first.step, "last_step": self.last}


@dataclass(frozen=True)
class Batch:
    """One batch among those of its window.

    :ivar signal: ``raw`` or ``residual``; ``strength``: its value.
    :ivar rank: 1 = the strongest.
    """

    window: Window
    step: int
    signal: str
    strength: float
    rank: int

    def __str__(self) -> str:
        measured = "gradient norm" if self.signal == "raw" else "residual of the log gradient norm"
        place = f"rank {self.rank} of {len(self.window.steps)}"
        return f"the batch of step {self.step} ({measured} {self.strength:.6f}, {place} in {self.window.name()})"

    def figures(self) -> dict[str, str | float]:
        """What it is, for programs."""
        figures = self.window.figures()
        figures |= {"batch": self.step, "rank": self.rank, "signal": self.strength, "signal_kind": self.signal}
        return figures


@dataclass
class State:
    """Which steps were used up: for every series, those up to a number."""

    used_up: dict[tuple[str, int | None], int] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str) -> State:
        """Read what `written` wrote."""
        return cls({(run_id, params): last for run_id, params, last in json.loads(text or "[]")})

    def written(self) -> str:
        """Write it as a text; empty when nothing was used up."""
        return json.dumps([[*key, last] for key, last in self.used_up.items()]) if self.used_up else ""

    def after(self, series: TrainingSeries) -> int:
        """The last step of a series that was used up; 0 for none."""
        return self.used_up.get((series.run_id, series.trainable_params), 0)

    def used(self, series: TrainingSeries, last: int) -> None:
        """Note that the steps of a series are used up to this number."""
        self.used_up[series.run_id, series.trainable_params] = last


def windows(steps: Iterable[TrainingStep], size: int, unit: str) -> Iterator[Window]:
    """Cut steps into windows of ``size`` steps, or turns (a turn is over when a step of another one is there).

    :raises StageError: a step has no norm that can be compared.
    """
    gathered: list[TrainingStep] = []
    n_whole = 0
    for step in steps:
        refuse_without_norm(step)
        if unit == "turn" and gathered and step.round != gathered[-1].round:
            n_whole += 1
        if n_whole == size:
            yield Window(tuple(gathered))
            gathered, n_whole = [], 0
        gathered.append(step)
        if unit == "step":
            n_whole = len(gathered)
            if n_whole == size:
                yield Window(tuple(gathered))
                gathered, n_whole = [], 0


def refuse_without_norm(step: TrainingStep) -> None:
    """Let no step in whose gradient norm is not known, or not known to be that before clipping.

    :raises StageError: says what to change in the trainer.
    """
    limit = step.max_grad_norm or 0.0
    if step.grad_norm is None:
        problem = "has no gradient norm (null)"
    elif step.grad_norm_kind == "post_clip":
        problem = f"has a gradient norm that was taken after clipping ({step.grad_norm:g}, clipped at {limit:g})"
    elif step.grad_norm_kind == "unknown" and limit and abs(step.grad_norm - limit) <= _NEAR_LIMIT * limit:
        problem = f"has a gradient norm at the clipping limit ({step.grad_norm:g}): nobody knows what it was before"
    else:
        return
    raise StageError(
        f'The seed policy "sedi" cannot use the feedback: step {step.step} of the training {step.run_id} {problem}.\n'
        "  Expected the norm of the whole gradient after accumulation and before clipping, at every step.\n"
        "  With Hugging Face's Trainer set logging_steps=1 and max_grad_norm > 0 (say 1e9 for no clipping), and log\n"
        "  the norm it reports; then train and import again. To leave this training out:\n"
        f'  [seeds] skip_runs = ["{step.run_id}"], or choose another seed policy.'
    )


def measure(window: Window, signal: str) -> list[float]:
    """How strong each batch is: its gradient norm, or what of it its length and its place do not explain.

    ``residual`` is that of the least-squares line of log g on the log of the target tokens and the step number.

    :raises StageError: residuals need target tokens and norms greater than 0.
    """
    norms = [step.grad_norm or 0.0 for step in window.steps]
    if signal == "raw":
        return norms
    for step in window.steps:
        if not step.n_target_tokens or not step.grad_norm:
            raise StageError(
                f'The seed policy "sedi" cannot take residuals: step {step.step} of the training {step.run_id} has'
                f" n_target_tokens {step.n_target_tokens} and gradient norm {step.grad_norm}.\n"
                "  Expected both greater than 0.\n"
                '  Let the trainer write n_target_tokens, or set [seeds] signal = "raw".'
            )
    import numpy as np

    logs = np.log(norms)
    tokens = [math.log(step.n_target_tokens or 1) for step in window.steps]
    columns = np.array([[1.0, token, step.step] for token, step in zip(tokens, window.steps, strict=True)])
    centred = columns[:, 1:] - columns[:, 1:].mean(axis=0)
    slope = np.linalg.lstsq(centred, logs - logs.mean(), rcond=None)[0]
    residuals = logs - logs.mean() - centred @ slope
    return [round(float(each), 9) for each in residuals]  # sums in another order must not make another winner
