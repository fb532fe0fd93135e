"""What decides how a policy is learned: RAISE's own figures (arXiv:2504.07282, section 4 and appendix), and presets.

What the paper leaves open is said at the option. Options of the target model stand in `target` and `steps`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from insgen.errors import ConfigError, suggest

SCALINGS = ("standard", "none")
EXPLORATIONS = ("none", "gumbel")
RATIOS = ("product", "mean", "plackett_luce")
TARGET_LR, SCRATCH_LR = 2e-5, 1e-3
"""Learning rates of the target model: the paper's, and ours for one with random weights."""


@dataclass(frozen=True)
class RaiseOptions:
    """Episodes, networks and PPO."""

    #: episodes K, each a training of the target model from its first weights; 0 = the untrained policy
    rounds: int = 20
    #: rows of an optimiser step, B; the paper does not say
    batch: int = 32
    #: k-means classes C over the semantics; of each the best B / C rows are taken (1 to 2 best at 1 %, 4 at 5 %)
    classes: int = 2
    #: optimiser steps T of an episode; 0 = as many as `epochs` over `share` of the pool make
    steps: int = 0
    #: share of the pool, above 0 to 1
    share: float = 0.01
    #: times through that share
    epochs: float = 3.0
    #: columns that the embedding is pooled to
    semantics: int = 32
    #: hidden units of actor and critic; the paper does not say
    hidden: int = 64
    #: standard (columns by mean and deviation, log(1 + times chosen), P by its first value), or none (raw numbers)
    scaling: str = "standard"
    #: none (as the paper: only the drift of the parameters explores), or gumbel (noise on the scores while learning)
    explore: str = "none"
    #: product of all picks' ratios (as the paper; clipping saturates with B), mean (its B-th root), or plackett_luce
    #: (picks without replacement)
    ratio: str = "product"
    #: passes K2 over an episode's steps; the paper does not say
    ppo_epochs: int = 4
    #: learning rate of the actor (Adam); the paper has 0.1, which is very large for so small a net
    actor_lr: float = 0.01
    #: learning rate of the critic (Adam); the paper has 0.2
    critic_lr: float = 0.02
    #: weight decay of both
    weight_decay: float = 0.01
    #: discount of later rewards, 0 to 1
    gamma: float = 0.99
    #: lambda of generalised advantage estimation, 0 to 1; 1 = discounted reward to go
    gae_lambda: float = 1.0
    #: epsilon: ratios count from 1 - clip to 1 + clip
    clip: float = 0.2
    #: steps M that one choice is for: M * B rows, in M random batches; M = T is a static selector
    choose_every: int = 1
    #: steps between two looks at the validation rows; the reward is spread evenly over them
    evaluate_every: int = 1
    #: validation rows that are held out of the pool where none are given, at most a fifth of it
    validation: int = 300
    #: of classes, networks and noise
    seed: int = 0

    def __post_init__(self) -> None:
        for name, known in (("scaling", SCALINGS), ("explore", EXPLORATIONS), ("ratio", RATIOS)):
            value = getattr(self, name)
            if value not in known:
                raise ConfigError(
                    f'{name} = "{value}" is unknown.\n  Expected one of: {", ".join(known)}.\n'
                    f"  Choose one of these.{suggest(value, known)}"
                )
        at_least_1 = ("batch", "classes", "semantics", "hidden", "ppo_epochs", "choose_every", "evaluate_every")
        for name in (*at_least_1, "validation"):
            self._check(name, getattr(self, name) >= 1, "1 or more")
        for name in ("rounds", "steps", "weight_decay"):
            self._check(name, 0 <= getattr(self, name) < math.inf, "0 or more")
        for name in ("epochs", "actor_lr", "critic_lr", "clip"):
            self._check(name, 0 < getattr(self, name) < math.inf, "more than 0")
        for name in ("gamma", "gae_lambda"):
            self._check(name, 0 <= getattr(self, name) <= 1, "0 to 1")
        self._check("share", 0 < self.share <= 1, "more than 0, up to 1")
        self._check("classes", self.classes <= self.batch, f"at most the batch, {self.batch}")

    def _check(self, name: str, right: bool, expected: str) -> None:
        if not right:
            raise ConfigError(f"{name} = {getattr(self, name)} is impossible.\n  Expected {expected}.\n  Change it.")

    def n_steps(self, n_rows: int) -> int:
        """Give the optimiser steps of an episode over a pool of so many rows."""
        return self.steps or max(1, math.ceil(self.epochs * self.share * n_rows / self.batch))


PRESETS: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    "paper": {"actor_lr": 0.1, "critic_lr": 0.2},
    "small": {"rounds": 4, "batch": 16, "steps": 15, "validation": 40},
}
"""Names of sets of options: ``paper`` has the learning rates as printed, ``small`` is done on a CPU in minutes."""


def preset(name: str, changes: Mapping[str, Any]) -> RaiseOptions:
    """Give a preset's options with changes.

    :raises ConfigError: no such preset, or an impossible value.
    """
    if name not in PRESETS:
        raise ConfigError(
            f'There is no preset "{name}".\n  Expected one of: {", ".join(PRESETS)}.\n'
            f"  Choose one of these.{suggest(name, PRESETS)}"
        )
    return RaiseOptions(**{**PRESETS[name], **changes})
