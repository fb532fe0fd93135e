"""Seed policy `bandit`: more often into the prompt comes what brings more kept rows for the money.

Method: Thompson sampling (Thompson 1933; Chapelle and Li 2011, "An Empirical Evaluation of Thompson Sampling"). An arm
is a generator and a group of seeds (k-means on their vectors). Kept rows are counted as a Poisson process over dollars,
with a Gamma prior, so that the posterior of an arm's rate is Gamma too (Gelman et al., Bayesian Data Analysis, 3rd ed.,
section 2.6):

    rate of an arm ~ Gamma(prior + K, prior / r + D)
    K = sum of discount^age x kept / k,  D = sum of discount^age x USD / k,  over the generator's questions, for each of
        the question's k seeds that is in the group; age in rounds;  r = kept rows per dollar of all questions

Before a round, the chance that a group is the generator's best is taken from 4,000 draws of the posteriors; a seed is
drawn in proportion to its group's chance, shared among the group's seeds, and with `explore` evenly. So every question
is a Thompson sample of its own, although all of a round are asked at once. The discount (Raj and Kalyani 2017) forgets:
a group's surroundings are used up.

What it cannot do: how much each generator is asked is the loop's business; this policy chooses seeds for each. Tasks of
one answer stand or fall together, so the true posterior is wider than this one; `explore` makes up for some of it. It
changes no seed and no weight for good, and leaves its figures in `insgen status`. Costs one query over all questions
and the draws, some ten milliseconds.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar, Literal, NamedTuple

from insgen import (
    CandidateId,
    ConfigError,
    Seed,
    SeedContext,
    SeedPolicy,
    SeedUpdate,
    Signal,
    StageError,
    Yield,
    hookimpl,
)

from ._groups import Groups, draw_weighted, group

_DRAWS = 4_000
_SHOWN_CHARS = 60  # of the seed that stands for its group


class Arm(NamedTuple):
    """A generator and a group of seeds, and what is believed about its rate, in kept rows per dollar (or call).

    :ivar kept: rows it brought, discounted; ``paid``: dollars (or calls), likewise.
    :ivar mean: of the posterior; ``low`` and ``high``: its 5th and 95th percentile, estimated.
    :ivar chance: that its rate is the best of its generator's, 0 to 1, estimated.
    """

    generator: str
    group: int
    kept: float
    paid: float
    mean: float = 0.0
    low: float = 0.0
    high: float = 0.0
    chance: float = 0.0


@dataclass(frozen=True)
class BanditPolicy:
    """Draws seeds by the chance that their group is the one with the best yield."""

    name: ClassVar[str] = "bandit"

    #: Most groups of seeds, >= 1.
    groups: int = 8
    #: What kept rows are counted against: US dollars, or calls where the model costs nothing.
    per: Literal["usd", "call"] = "usd"
    #: Share of draws that is even over all seeds, 0 to 1.
    explore: float = 0.1
    #: How much a question counts one round later, relative to now, above 0 to 1; 1 = nothing is forgotten.
    discount: float = 0.9
    #: Kept rows that the prior is worth, above 0.
    prior: float = 1.0

    def __post_init__(self) -> None:
        if self.groups < 1:
            raise ConfigError(f"groups is {self.groups}.\n  Expected a whole number >= 1.\n  Change it.")
        if not 0 <= self.explore <= 1:
            raise ConfigError(f"explore is {self.explore}.\n  Expected a share from 0 to 1.\n  Change it.")
        if not 0 < self.discount <= 1:
            raise ConfigError(f"discount is {self.discount}.\n  Expected more than 0, at most 1.\n  Change it.")
        if not self.prior > 0:
            raise ConfigError(f"prior is {self.prior}.\n  Expected more than 0 rows.\n  Change it.")

    def draw(
        self,
        n: int,
        seeds: Sequence[Seed],
        signals: Sequence[Signal],  # noqa: ARG002  # the protocol's; this policy goes by the weights
        rng: Random,
    ) -> Sequence[Seed]:
        """Draw without replacement, by weight."""
        return draw_weighted(n, seeds, rng)

    def update(self, context: SeedContext) -> SeedUpdate:
        """Weigh the seeds anew for every generator that asked with seeds before.

        :raises StageError: the questions have cost nothing, so there is no yield per dollar.
        """
        asked = context.feedback.yields()
        if not asked or not context.seeds:
            return SeedUpdate(state=context.state)
        found = group(context.bank.vectors([CandidateId(seed.id) for seed in context.seeds]), self.groups)
        rate = self._rate(asked)
        weights: dict[str, dict[str, float]] = {}
        arms: list[Arm] = []
        for generator in dict.fromkeys(each.generator for each in asked):
            own = self._arms([each for each in asked if each.generator == generator], context, found)
            own = _believe(own, self.prior, rate, context.rng)
            weights[generator] = self._weights(context.seeds, found, own)
            arms += own
        state = json.dumps({"round": context.round, "arms": arms})
        return SeedUpdate((), state, weights, tuple(self._note(arm, context.seeds, found) for arm in arms))

    def _paid(self, each: Yield) -> float:
        return each.cost_usd if self.per == "usd" else each.calls

    def _rate(self, asked: Sequence[Yield]) -> float:
        """Kept rows per dollar (or call) over all questions; where none was kept yet, as if one had been."""
        paid = sum(self._paid(each) for each in asked)
        if not paid > 0:
            raise StageError(
                'The seed policy "bandit" goes by kept rows per dollar, and no question has cost anything.\n'
                "  Expected a price: of the model, or input_usd_per_million and output_usd_per_million in [llm].\n"
                '  State the prices, or set [seeds] per = "call".'
            )
        return max(1, sum(each.kept for each in asked)) / paid

    def _arms(self, asked: Sequence[Yield], context: SeedContext, found: Groups) -> list[Arm]:
        """One generator with every group; what was asked with seeds that are gone counts for no group."""
        group_of = {seed.id: int(label) for seed, label in zip(context.seeds, found.labels, strict=True)}
        kept, paid = [0.0] * len(found.centres), [0.0] * len(found.centres)
        for each in asked:
            share = self.discount ** (context.round - 1 - each.round) / len(each.seed_ids)
            for label in (group_of[seed_id] for seed_id in each.seed_ids if seed_id in group_of):
                kept[label] += share * each.kept
                paid[label] += share * self._paid(each)
        return [Arm(asked[0].generator, label, kept[label], paid[label]) for label in range(len(kept))]

    def _weights(self, seeds: Sequence[Seed], found: Groups, arms: Sequence[Arm]) -> dict[str, float]:
        sizes = [int((found.labels == arm.group).sum()) for arm in arms]
        return {
            seed.id: self.explore / len(seeds) + (1 - self.explore) * arms[label].chance / sizes[label]
            for seed, label in zip(seeds, found.labels.tolist(), strict=True)
        }

    def _note(self, arm: Arm, seeds: Sequence[Seed], found: Groups) -> dict[str, str | float]:
        """What is believed about an arm, for people; a group is told by its first seed."""
        held = [seed for seed, label in zip(seeds, found.labels.tolist(), strict=True) if label == arm.group]
        unit = "USD" if self.per == "usd" else "call"
        return {
            "generator": arm.generator,
            "group": arm.group + 1,
            "seeds": len(held),
            "kept": arm.kept,
            unit: arm.paid,
            f"kept per {unit}": arm.mean,
            "5 %": arm.low,
            "95 %": arm.high,
            "chance to be best": arm.chance,
            "such as": " ".join(held[0].instruction.split())[:_SHOWN_CHARS],
        }


def _believe(arms: Sequence[Arm], prior: float, rate: float, rng: Random) -> list[Arm]:
    """Take the arms of one generator from what they brought to what their rates may be.

    :param prior: rows that the prior is worth; ``rate``: its mean.
    """
    import numpy as np

    shapes = np.array([prior + arm.kept for arm in arms])
    inverses = np.array([prior / rate + arm.paid for arm in arms])
    drawn = np.random.default_rng(rng.getrandbits(64)).gamma(shapes, 1 / inverses, (_DRAWS, len(arms)))
    chances = np.bincount(drawn.argmax(axis=1), minlength=len(arms)) / _DRAWS
    ends = np.quantile(drawn, (0.05, 0.95), axis=0)
    figures = np.stack([shapes / inverses, *ends, chances], axis=1).tolist()
    return [
        arm._replace(mean=mean, low=low, high=high, chance=chance)
        for arm, (mean, low, high, chance) in zip(arms, figures, strict=True)
    ]


@hookimpl
def insgen_seed_policies() -> Sequence[type[SeedPolicy]]:
    """Offer `bandit`."""
    return [BanditPolicy]
