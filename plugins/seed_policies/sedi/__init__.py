"""Seed policy `sedi`: what a training step changed the model most, becomes a seed; what changed it least, goes.

Method: SeDi-Instruct (Kim et al. 2025, arXiv:2502.04774). After every window of 10 optimiser steps the batch b* with
the largest gradient norm g is taken; instructions from it are promoted to the seed set S, and as many seeds go that did
least for the training, so that |S| stays the same. How many, and how a seed is valued, could not be read; here:

    P = the first ``n_add`` of b*'s instructions that are no seeds, by the largest smallest distance to S
    q(s) = sum over steps t of g_t n_ts / sum of n_ts; n_ts = examples of step t that had s in their prompt,
           1/k each where k seeds stood in it
    E = the |P| seeds of smallest q among those with sum of n_ts >= ``n_min``; S = (S without E) and P

A seed without evidence never goes, and nobody comes for whom nobody goes. Steps of two trainings, or with different
trainable parameters, are never in one window; an incomplete last window waits. Draws uniformly. Costs one pass over the
new steps, and |S| times the batch's size in cosine similarities per window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar, Literal

from insgen import ConfigError, Seed, SeedChange, SeedContext, SeedPolicy, SeedUpdate, Signal, hookimpl

from ._credit import credit_seeds
from ._promotion import Rule, promote
from ._windows import Batch, State, Window, measure, windows


@dataclass(frozen=True)
class SediPolicy:
    """Promotes from the batch with the largest gradient norm, and evicts the weakest seeds."""

    name: ClassVar[str] = "sedi"

    #: Steps (or turns) in a window, >= 1.
    window: int = 10
    #: What `window` counts: optimiser steps, or turns of generating and training (the `round` of the steps).
    unit: Literal["step", "turn"] = "step"
    #: Most instructions promoted per window, >= 1.
    n_add: int = 1
    #: Examples with a seed in their prompt, in one window, that make evidence about it, > 0; 1/k each for k seeds.
    n_min: float = 1.0
    #: Which instructions of the best batch come first: the farthest from all seeds, or those of largest loss.
    order: Literal["spread", "loss"] = "spread"
    #: What ranks batches: the gradient norm, or its residual after a regression on step and target tokens (both logs).
    signal: Literal["raw", "residual"] = "raw"
    #: Batches of largest signal that instructions are promoted from, >= 1.
    batches: int = 1
    #: Quality that a promoted instruction must have, 0 to 1; 0 = any, also unscored.
    min_quality: float = 0.0
    #: Trainings (their `run_id`) that do not count.
    skip_runs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("window", "n_add", "batches"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}.\n  Expected a whole number >= 1.\n  Change it.")
        if not self.n_min > 0:
            raise ConfigError(f"n_min is {self.n_min}.\n  Expected more than 0 examples.\n  Change it.")
        if not 0 <= self.min_quality <= 1:
            raise ConfigError(f"min_quality is {self.min_quality}.\n  Expected a number from 0 to 1.\n  Change it.")

    def draw(
        self,
        n: int,
        seeds: Sequence[Seed],
        signals: Sequence[Signal],  # noqa: ARG002  # the protocol's; this policy's feedback is in the seed set itself
        rng: Random,
    ) -> Sequence[Seed]:
        """Draw without replacement; all of them, shuffled, when there are no more than n."""
        return rng.sample(seeds, min(n, len(seeds)))

    def update(self, context: SeedContext) -> SeedUpdate:
        """Work through every complete window that is new, the oldest training first.

        :raises StageError: a step has no gradient norm, or one that was taken after clipping.
        """
        state = State.read(context.state)
        changes: list[SeedChange] = []
        seeds = list(context.seeds)
        for series in context.feedback.series():
            if series.run_id in self.skip_runs:
                continue
            steps = context.feedback.steps(series, state.after(series))
            for each in windows(steps, self.window, self.unit):
                made = self._changes(each, seeds, context)
                changes += made
                seeds = _followed(seeds, made)
                state.used(series, each.last)
        return SeedUpdate(tuple(changes), state.written())

    def _changes(self, window: Window, seeds: Sequence[Seed], context: SeedContext) -> list[SeedChange]:
        strength = measure(window, self.signal)
        ranked = sorted(range(len(window.steps)), key=lambda place: (-strength[place], window.steps[place].step))
        found = context.bank.find(window.ids())
        credit = credit_seeds(window, strength, found)
        weakest = sorted(
            (seed for seed in seeds if not seed.pinned and seed.id in credit and credit[seed.id].n >= self.n_min),
            key=lambda seed: credit[seed.id].q,
        )
        rule = Rule(min(self.n_add, len(weakest)), self.order, self.min_quality)
        top = [window.steps[place] for place in ranked[: self.batches]]
        changes = []
        for new, gone in zip(promote(top, found, seeds, rule, context), weakest, strict=False):
            place = window.steps.index(new.batch)
            batch = Batch(window, new.batch.step, self.signal, strength[place], ranked.index(place) + 1)
            changes += [
                SeedChange(
                    "promoted",
                    new.seed,
                    f"in {batch}; {new.why}; takes the place of {gone.id}",
                    batch.figures(),
                ),
                SeedChange(
                    "evicted",
                    gone,
                    f"credit {credit[gone.id].q:.6f} from {credit[gone.id].n:g} examples, the weakest of {len(weakest)}"
                    f" with evidence; gives place to {new.seed.id}, in {batch}",
                    batch.figures() | {"credit": credit[gone.id].q, "examples": credit[gone.id].n},
                ),
            ]
        return changes


def _followed(seeds: Sequence[Seed], changes: Sequence[SeedChange]) -> list[Seed]:
    gone = {change.seed.id for change in changes if change.event == "evicted"}
    return [seed for seed in seeds if seed.id not in gone] + [c.seed for c in changes if c.event == "promoted"]


@hookimpl
def insgen_seed_policies() -> Sequence[type[SeedPolicy]]:
    """Offer `sedi`."""
    return [SediPolicy]
