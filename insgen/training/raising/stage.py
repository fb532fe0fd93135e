"""What a selector needs of RAISE: learn a policy from a pool, rank a pool by a policy.

Flows in: candidates and a folder. Flows out: a folder with a policy; row numbers in order. A selector has nobody to
tell how far it is, so the log gets it. Importing this costs nothing: torch and the models come in with the first call.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from insgen.errors import ConfigError
from insgen.records import Candidate, content_hash
from insgen.training.raising.options import SCRATCH_LR, TARGET_LR, RaiseOptions, preset

# What may change when learning goes on: how it is computed, and what makes it go on after it diverged.
_FREE = ("device", "rows_at_once", "lr")
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PolicyPlan:
    """How a policy is to be learned; what is left at its default is the preset's.

    :ivar preset: ``small``, ``default`` or ``paper``.
    :ivar model: a folder or a Hub id of the target model; empty = a small one with random weights, made of the pool's
        texts: a stand-in, whose policy is a proxy's and is labelled so.
    :ivar auxiliary: the model that measures rows; empty = the target model.
    :ivar rounds: episodes; -1 = the preset's.
    :ivar lr: learning rate of the target model; 0 = 2e-5, or 1e-3 for one with random weights.
    """

    preset: str = "small"
    model: str = ""
    auxiliary: str = ""
    rounds: int = -1
    steps: int = 0
    batch: int = 0
    classes: int = 0
    lr: float = 0.0
    rows_at_once: int = 16
    dtype: str = "float32"
    device: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        self.options()
        for name, least in (("rounds", -1), ("steps", 0), ("batch", 0), ("classes", 0), ("lr", 0), ("rows_at_once", 1)):
            value = getattr(self, name)
            if not least <= value < math.inf:
                raise ConfigError(f"{name} = {value} is impossible.\n  Expected {least} or more.\n  Change it.")

    def options(self) -> RaiseOptions:
        """Give the options of learning.

        :raises ConfigError: no such preset, or values that do not go together.
        """
        given: dict[str, Any] = {name: getattr(self, name) for name in ("steps", "batch", "classes")}
        changes = {name: value for name, value in given.items() if value} | {"seed": self.seed}
        return preset(self.preset, changes | ({"rounds": self.rounds} if self.rounds >= 0 else {}))

    def name(self, rows: Sequence[Candidate]) -> str:
        """Name the policy that this plan learns from these rows: the same for the same, whatever their order.

        ``lr`` is left out, so that a plan with a smaller one goes on where one with a larger one diverged.
        """
        plan = {name: value for name, value in asdict(self).items() if name not in _FREE}
        return content_hash("raise", json.dumps(plan), *sorted(row.id for row in rows)).removeprefix("b2:")[:16]


def learn_policy(rows: Sequence[Candidate], folder: Path, plan: PolicyPlan) -> None:
    """Learn a policy in a folder, or go on with it; one that is done is left as it is.

    :raises ConfigError: it is done, and was learned with another ``lr``.
    :raises InsgenError: too few rows, no such model, or an episode diverged: the next call goes on.
    """
    from insgen.training.raising.folder import RaiseFolder, RaiseSettings
    from insgen.training.raising.run import RaiseRun
    from insgen.training.raising.telling import Telling
    from insgen.training.steps import StepOptions
    from insgen.training.target import ModelOptions

    lr = plan.lr or (TARGET_LR if plan.model else SCRATCH_LR)
    place = RaiseFolder(folder)
    if place.policy.exists():
        was = place.about()["settings"]["optimiser.lr"]
        if was != lr:
            raise ConfigError(
                f"{folder} holds a policy learned with lr = {was:g}, not {lr:g}.\n  Expected the same.\n"
                "  Name another folder to learn a new one, or write that lr to use this one."
            )
        return
    settings = RaiseSettings(
        ModelOptions(plan.model, dtype=plan.dtype, device=plan.device),
        plan.auxiliary,
        plan.options(),
        StepOptions(lr, warmup=0.0, rows_at_once=plan.rows_at_once),
        proxy=not plan.model,
    )
    telling = Telling(_log)
    result = RaiseRun(folder, settings).learn(rows, [], telling, telling.measured)
    _log(f"learned from {result.n_rows} rows, {result.n_validation} others to measure by: a {result.label}")


def rank_by_policy(
    rows: Sequence[Candidate], folder: Path, device: str = "auto", rows_at_once: int = 16
) -> list[tuple[int, int, float | None]]:
    """Rank rows by a learned policy, every prefix the choice of RAISE's Algorithm 1 for that size.

    :param rows: each once.
    :param folder: the policy's; what its auxiliary model measures now is kept there too.
    :param rows_at_once: in one forward pass of that model; memory and speed only.
    :returns: best first: row number, place within its class (from 0), value (higher is better). Rows that the auxiliary
        model finds no answer in stand last, by id, with places behind all others and the value ``None``.
    :raises InsgenError: no such policy, its auxiliary model is gone, or another one stands in its place.
    """
    from insgen.training.raising.ranking import rank_rows
    from insgen.training.raising.telling import Telling

    made = rank_rows(rows, folder, device, rows_at_once, Telling(_log).measured)
    if made.n_unvalued:
        _log(f"{made.n_unvalued} of {len(rows)} rows stand last: no answer, or a question that fills what is read")
    return [(row, int(made.places[row]), made.value(row)) for row in made.order.tolist()]


def _log(line: str) -> None:
    _logger.info("raise: %s", line)
