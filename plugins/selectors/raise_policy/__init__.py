"""RAISE: keep what a policy values that was learned while a model was trained (arXiv:2504.07282).

The method chooses the rows of each optimiser step with a scorer that is learned by reinforcement: an episode is one
training of the target model, the reward of a step is how much the validation loss falls. As a selector of the bank, the
learned scorer values candidates outside of a training (the mean over the stages of its newest episode), class by class
as in its Algorithm 1; quality and the vectors of ``[embed]`` play no part. To train on what RAISE chooses step by step,
which is the method itself, there is `insgen raise apply --train`.

A policy made by `insgen raise train` costs two forward passes of its auxiliary model for every new candidate. One that
is learned here costs K trainings on top, once: with the ``small`` preset and no model of your own a minute or two on
two cores. That model is a small one with random weights, made of the pool's texts; its policy is a proxy's, not RAISE.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import ClassVar, Literal

from insgen import (
    BankView,
    ConfigError,
    InsgenError,
    PolicyPlan,
    Pool,
    Ranked,
    Selection,
    Selector,
    StageError,
    hookimpl,
    learn_policy,
    rank_by_policy,
)

from .._pool import check_pool

_NONE = Path()
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RaiseSelector:
    """Ranks first the best candidate of each class of the policy, then the second best of each, and so on.

    Diversity is 1 for a class's best candidate, 1/2 for its second, 1/3 for its third; utility is minus the place in
    the class (from 0), plus the value squashed to 0..1, which is the key of the ranking.

    A candidate without an answer that the policy's auxiliary model can read (there is none, or the question alone fills
    its context) has no value: nothing can be learned from it, and no policy has seen its like. Such stand behind all
    others, by id, and become members only where there is room; their places go on where the largest class ends.
    """

    name: ClassVar[str] = "raise"

    #: folder of a policy made by `insgen raise train`; either this or ``learn_in`` has to be named
    policy: Path = _NONE
    #: folder in which a policy is learned from the first pool, and kept: a round that was killed goes on there
    learn_in: Path = field(default=_NONE, metadata={"written": True})
    #: how it is learned: ``small`` (minutes), ``default``, or ``paper`` (the paper's learning rates)
    preset: Literal["small", "default", "paper"] = "small"
    #: target model, a folder or a Hub id; empty = a small one with random weights, made of the pool's texts
    model: str = ""
    #: model that measures candidates; empty = the target model
    auxiliary: str = ""
    #: episodes, each a training of the target model; 0 = untrained, -1 = the preset's
    rounds: int = -1
    #: optimiser steps of an episode; 0 = the preset's
    steps: int = 0
    #: candidates of a step; 0 = the preset's
    batch: int = 0
    #: classes, of each of which a step takes the same number; 0 = the preset's
    classes: int = 0
    #: learning rate of the target model; 0 = 2e-5, or 1e-3 for one with random weights; what diverged goes on with a
    #: smaller one
    lr: float = 0.0
    #: candidates in one forward pass; memory and speed only
    rows_at_once: int = 16
    #: what models compute in: ``float32`` or ``bfloat16``
    dtype: Literal["float32", "bfloat16"] = "float32"
    #: where models run: auto (a GPU where there is one), cpu, cuda, cuda:1, mps
    device: str = "auto"

    def __post_init__(self) -> None:
        if (self.policy == _NONE) == (self.learn_in == _NONE):
            raise ConfigError(
                f"raise: {'neither policy nor learn_in is' if self.policy == _NONE else 'policy and learn_in are both'}"
                " named.\n  Expected one of them: a policy that was learned, or a folder to learn one in.\n"
                '  Write policy = "FOLDER" (of `insgen raise train`), or learn_in = "raise".'
            )
        self._plan(0)

    def select(self, pool: Pool, size: int, bank: BankView, rng: Random, state: str) -> Selection:  # noqa: ARG002  # the contract's arguments
        """Rank bank and newcomers by the policy, learned first where there is none yet."""
        check_pool(pool, self.name)
        if size < 1 or not pool.candidates:
            return Selection((), state)
        try:
            folder, kept = self._policy(pool, rng, state)
            ranking = rank_by_policy(pool.candidates, folder, self.device, self.rows_at_once)[:size]
        except InsgenError as error:
            raise StageError(f"raise: {error}") from error
        return Selection(
            tuple(
                Ranked(
                    pool.candidates[row].id,
                    1.0 / (place + 1),
                    float(pool.quality[row]),
                    (0.0 if value is None else 0.5 + math.atan(value) / math.pi) - place,
                )
                for row, place, value in ranking
            ),
            kept,
        )

    def _policy(self, pool: Pool, rng: Random, state: str) -> tuple[Path, str]:
        """Give the policy's folder, and the state that leads to it again."""
        if self.policy != _NONE:
            return self.policy, state
        known = json.loads(state)["policy"] if state else ""
        if known and (self.learn_in / known).is_dir():
            return self.learn_in / known, state
        if known:
            _logger.warning("raise: the policy %s is gone from %s; another is learned", known, self.learn_in)
        plan = self._plan(rng.randrange(2**31))
        name = plan.name(pool.candidates)
        _logger.info("raise: learning the policy %s from %d candidates", name, len(pool.candidates))
        learn_policy(pool.candidates, self.learn_in / name, plan)
        return self.learn_in / name, json.dumps({"policy": name})

    def _plan(self, seed: int) -> PolicyPlan:
        return PolicyPlan(
            self.preset,
            self.model,
            self.auxiliary,
            self.rounds,
            self.steps,
            self.batch,
            self.classes,
            self.lr,
            self.rows_at_once,
            self.dtype,
            self.device,
            seed,
        )


@hookimpl
def insgen_selectors() -> Sequence[type[Selector]]:
    """Offer RAISE."""
    return [RaiseSelector]
