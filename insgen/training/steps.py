"""A plain training loop: AdamW, linear warm-up, cosine decay, one record's worth of facts per optimiser step.

Flows in: batches of encoded rows, one per step. Flows out: a `StepOutcome` each. A step's gradient is that of the mean
over all its target tokens, whatever the micro-batches (SeDi-Instruct, arXiv:2502.04774; its norm is taken after
accumulation and before clipping). It neither writes nor reads files: that is the business of `run`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from insgen.errors import ConfigError, StageError
from insgen.records import TrainingStep
from insgen.training.encoding import Encoded, by_length
from insgen.training.target import TargetModel

_SHOWN = 5
"""Rows that a message names."""


@dataclass(frozen=True)
class StepOptions:
    """The optimiser."""

    #: peak learning rate
    lr: float = 2e-5
    #: share of all steps in which the learning rate grows, 0 to 1
    warmup: float = 0.03
    #: decoupled weight decay of AdamW
    weight_decay: float = 0.0
    #: gradients are scaled down to this L2 norm; 0 = never
    max_grad_norm: float = 1.0
    #: rows in one forward pass; memory and speed only
    rows_at_once: int = 8

    def __post_init__(self) -> None:
        for name, value, right, expected in (
            ("lr", self.lr, 0 < self.lr < math.inf, "more than 0"),
            ("warmup", self.warmup, 0 <= self.warmup <= 1, "0 to 1"),
            ("weight_decay", self.weight_decay, 0 <= self.weight_decay < math.inf, "0 or more"),
            ("max_grad_norm", self.max_grad_norm, 0 <= self.max_grad_norm < math.inf, "0 or more"),
            ("rows_at_once", self.rows_at_once, self.rows_at_once >= 1, "1 or more"),
        ):
            if not right:
                raise ConfigError(f"{name} = {value} is impossible.\n  Expected {expected}.\n  Change it.")


@dataclass(frozen=True)
class StepOutcome:
    """What one optimiser step did; fields as in `insgen.TrainingStep`."""

    step: int
    items: tuple[tuple[str, ...], ...]
    loss: float
    grad_norm: float
    lr: float
    n_target_tokens: int
    item_loss: Mapping[str, float]


class DivergedError(StageError):
    """A loss or a gradient is not finite; the model is as it was before the step."""


def learning_rate(step: int, n_steps: int, peak: float, warmup: float) -> float:
    """Learning rate of a step: up in a straight line, then down along half a cosine; never 0.

    :param step: counted from 1.
    :param warmup: share of the steps in which it grows.
    """
    n_warm = math.ceil(warmup * n_steps)
    if step <= n_warm:
        return peak * step / n_warm
    return peak * 0.5 * (1 + math.cos(math.pi * (step - 1 - n_warm) / (n_steps - n_warm)))


class Training:
    """A model with its optimiser, between two steps.

    :ivar step: the last one that was made; 0 before the first.
    :ivar n_steps: how many there will be.
    """

    def __init__(self, target: TargetModel, options: StepOptions, n_steps: int) -> None:
        import torch

        self.target = target
        self.options = options
        self.n_steps = n_steps
        self.step = 0
        self.parameters = {name: each for name, each in target.model.named_parameters() if each.requires_grad}
        self.optimizer: Any = torch.optim.AdamW(
            self.parameters.values(), lr=options.lr, weight_decay=options.weight_decay
        )

    @property
    def trainable_params(self) -> int:
        """How many numbers are trained."""
        return sum(each.numel() for each in self.parameters.values())

    def advance(self, rows: Sequence[Encoded]) -> StepOutcome:
        """Make one optimiser step.

        :param rows: the batch; each has targets.
        :raises DivergedError: a loss or the gradient is not finite; nothing was changed.
        """
        import torch

        n_targets = sum(row.n_targets for row in rows)
        groups = [[rows[place] for place in group] for group in by_length(rows, self.options.rows_at_once)]
        self.target.model.train()
        self.optimizer.zero_grad(set_to_none=True)
        sums = []
        for group in groups:
            by_row = self.target.token_losses(self.target.pad(group)).sum(dim=1)
            (by_row.sum() / n_targets).backward()  # type: ignore[no-untyped-call]  # torch's own
            sums.append(by_row.detach())
        norm = torch.nn.utils.clip_grad_norm_(self.parameters.values(), self.options.max_grad_norm or math.inf)
        totals = torch.cat(sums).double().tolist()
        executed = [row for group in groups for row in group]
        losses = {row.id: total / row.n_targets for row, total in zip(executed, totals, strict=True)}
        self._check(losses, float(norm))
        lr = learning_rate(self.step + 1, self.n_steps, self.options.lr, self.options.warmup)
        for group_ in self.optimizer.param_groups:
            group_["lr"] = lr
        self.optimizer.step()
        self.step += 1
        items = tuple(tuple(row.id for row in group) for group in groups)
        return StepOutcome(self.step, items, sum(totals) / n_targets, float(norm), lr, n_targets, losses)

    def record(self, outcome: StepOutcome, run_id: str, round_: int) -> TrainingStep:
        """Tell of a step in the words of the feedback contract, as executed now."""
        return TrainingStep(
            run_id=run_id,
            round=round_,
            step=outcome.step,
            items=outcome.items,
            loss=outcome.loss,
            grad_norm=outcome.grad_norm,
            grad_norm_kind="pre_clip",
            max_grad_norm=self.options.max_grad_norm or None,
            lr=outcome.lr,
            n_target_tokens=outcome.n_target_tokens,
            trainable_params=self.trainable_params,
            item_loss=outcome.item_loss,
            time=time.time(),
        )

    def _check(self, losses: Mapping[str, float], norm: float) -> None:
        wrong = [id_ for id_, loss in losses.items() if not math.isfinite(loss)]
        if not wrong and math.isfinite(norm):
            return
        self.optimizer.zero_grad(set_to_none=True)
        named = f": {', '.join(wrong[:_SHOWN])}" if wrong else ""
        what = f"the loss of {len(wrong)} of {len(losses)} rows is" if wrong else "the norm of the gradient is"
        raise DivergedError(
            f"Training diverged at step {self.step + 1} of {self.n_steps}: {what} not finite{named}.\n"
            "  Expected finite losses and gradients.\n"
            f"  Go on from the newest checkpoint with a smaller learning rate than {self.options.lr:g}, or leave such"
            " rows out of the plan."
        )


def train_steps(training: Training, batches: Iterable[Sequence[Encoded]]) -> Iterator[StepOutcome]:
    """Make a step of each batch.

    :raises DivergedError: see `Training.advance`.
    """
    for rows in batches:
        yield training.advance(rows)
