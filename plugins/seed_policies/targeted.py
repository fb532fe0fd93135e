"""Seed policy `targeted`: asks for more where an evaluation of the trained model fails.

Method, our own: the bank's members are grouped by k-means on their vectors; every evaluation item (signals named
`eval:...`, value +1 = failed, -1 = passed) belongs to the group whose centre it is nearest to. A group's failure rate
is a count of few items, so it goes by Wilson's score interval (Wilson 1927; Brown, Cai and DasGupta 2001):

    low, high = (p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n),   p = failed / n,   z = 1.96 (95 %)
    weight of a seed = explore + (1 - explore) low / (largest low of all groups), in steps of 0.01;
        low is that of the group it is nearest to

A group fails when its low end lies above the failure rate of all items: a group of three items seldom does, and where
everything fails alike none does. From failing groups the members nearest to failed items are promoted, `n_add` of each;
those it promoted before go when their group fails no more. Nothing else is evicted: the seed set may grow by `most`.

Acts once for each new state of the evaluation results or of the seed set; the regions are those of that moment. Costs
embedding the items (once, they are remembered), one k-means over the members, and one product of items with members.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import ClassVar

from insgen import (
    CandidateId,
    ConfigError,
    Member,
    Seed,
    SeedChange,
    SeedContext,
    SeedPolicy,
    SeedUpdate,
    Signal,
    content_hash,
    hookimpl,
)

from ._failures import Items, Region, Regions, items_of, regions_of
from ._groups import draw_weighted

_HALF = 0.5  # an item counts as failed when it is more wrong than right


@dataclass(frozen=True)
class TargetedPolicy:
    """Weighs seeds by the failures near them, and promotes members out of regions that fail."""

    name: ClassVar[str] = "targeted"

    #: Most regions of the bank, >= 1.
    regions: int = 16
    #: Evaluations that count: tasks or tags after `eval:`; empty = all.
    tags: tuple[str, ...] = ()
    #: Most members promoted from one failing region, >= 0.
    n_add: int = 2
    #: Most seeds that this policy has promoted at any time, >= 0.
    most: int = 20
    #: Quality that a promoted member must have, 0 to 1; 0 = any.
    min_quality: float = 0.0
    #: Weight of a seed in a region without failures, relative to the worst region's, 0 to 1.
    explore: float = 0.2

    def __post_init__(self) -> None:
        if self.regions < 1:
            raise ConfigError(f"regions is {self.regions}.\n  Expected a whole number >= 1.\n  Change it.")
        for name in ("n_add", "most"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} is {getattr(self, name)}.\n  Expected a whole number >= 0.\n  Change it.")
        for name in ("min_quality", "explore"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} is {getattr(self, name)}.\n  Expected a number from 0 to 1.\n  Change it.")

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
        """Weigh, promote and evict after new evaluation results; nothing where there are none, or no members."""
        items, state = items_of(context, self.tags), State.read(context.state)
        if not len(items.failed) or not len(context.bank) or state.seen == _seen(items, context.seeds):
            return SeedUpdate(state=context.state)
        regions = regions_of(items, context.bank, self.regions)
        own = [seed for seed in context.seeds if seed.id in state.promoted]
        gone = _evictions(own, regions, context)
        lost = {change.seed.id for change in gone}
        held = [seed for seed in context.seeds if seed.id not in lost]
        weighed = self._weighed(held, regions, context)
        new = self._promotions(items, regions, self.most - len(own) + len(gone), context)
        held += [change.seed for change in new]
        promoted = {seed.id for seed in own} - lost | {change.seed.id for change in new}
        after = State(_seen(items, held), frozenset(promoted))
        notes = tuple(region.figures() | {"fails": "yes" if region.fails else ""} for region in regions.regions)
        return SeedUpdate((*gone, *weighed, *new), after.written(), notes=notes)

    def _weighed(self, seeds: Sequence[Seed], regions: Regions, context: SeedContext) -> list[SeedChange]:
        changes = []
        vectors = context.bank.vectors([CandidateId(seed.id) for seed in seeds])
        for seed, region in zip(seeds, regions.of(vectors) if seeds else (), strict=True):
            weight = self._weight(region, regions)
            if weight != seed.weight:
                reason = f"weight {seed.weight:g} -> {weight:g}, for it is nearest to {region}"
                changes.append(SeedChange("weighted", replace(seed, weight=weight), reason, region.figures()))
        return changes

    def _weight(self, region: Region, regions: Regions) -> float:
        worst = max(each.low for each in regions.regions)
        return round(self.explore + (1 - self.explore) * region.low / worst, 2) if worst else 1.0

    def _promotions(self, items: Items, regions: Regions, room: int, context: SeedContext) -> list[SeedChange]:
        """The members of failing regions that most failed items are nearest to, worst region first."""
        members = context.bank.members()
        taken = {seed.id for seed in context.seeds} | context.dropped
        changes: list[SeedChange] = []
        for region in regions.worst_first():
            ranked = _by_failures_near(items, regions, region, context)
            fit = [(members[row], n) for row, n in ranked if self._may_come(members[row], taken)]
            for member, n in fit[: min(self.n_add, room - len(changes))]:
                one = member.candidate
                weight = self._weight(region, regions)
                seed = Seed(one.id, one.instruction, one.input, one.output, weight)
                reason = f"the member nearest to {n} of the failed items of {region}, which fails more than the rest"
                changes.append(SeedChange("promoted", seed, reason, region.figures() | {"nearest_to": n}))
        return changes

    def _may_come(self, member: Member, taken: Collection[str]) -> bool:
        return member.candidate.id not in taken and member.quality >= self.min_quality


@dataclass(frozen=True)
class State:
    """What is remembered.

    :ivar seen: of which items and seeds the weights are.
    :ivar promoted: ids of the seeds that this policy brought in and that are still in force.
    """

    seen: str = ""
    promoted: frozenset[str] = frozenset()

    @classmethod
    def read(cls, text: str) -> State:
        """Read what `written` wrote."""
        if not text:
            return cls()
        told = json.loads(text)
        return cls(told["seen"], frozenset(told["promoted"]))

    def written(self) -> str:
        """Write it as a text."""
        return json.dumps({"seen": self.seen, "promoted": sorted(self.promoted)})


def _seen(items: Items, seeds: Sequence[Seed]) -> str:
    return content_hash(items.digest, *sorted(seed.id for seed in seeds))


def _evictions(own: Sequence[Seed], regions: Regions, context: SeedContext) -> list[SeedChange]:
    """Seeds that were promoted for a failing region, where nothing fails now more than elsewhere."""
    free = [seed for seed in own if not seed.pinned]
    vectors = context.bank.vectors([CandidateId(seed.id) for seed in free])
    return [
        SeedChange(
            "evicted", seed, f"came for its failing region; {region} fails no more than the rest", region.figures()
        )
        for seed, region in zip(free, regions.of(vectors) if free else (), strict=True)
        if not region.fails
    ]


def _by_failures_near(items: Items, regions: Regions, region: Region, context: SeedContext) -> list[tuple[int, int]]:
    """Rows of the region's members, and to how many of its failed items each is the nearest: most first.

    Of equals the one with the larger mean similarity to the failed items comes first.
    """
    import numpy as np

    rows = np.flatnonzero(regions.groups.labels == region.number - 1)
    inside = (regions.places == region.number - 1) & (items.failed > _HALF)
    if not inside.any():
        return []
    ids = [context.bank.members()[row].candidate.id for row in rows.tolist()]
    similarity = items.vectors[inside] @ context.bank.vectors(ids).T
    counts = np.bincount(similarity.argmax(axis=1), minlength=len(rows))
    order = np.lexsort((-similarity.mean(axis=0), -counts))
    return [(int(rows[place]), int(counts[place])) for place in order if counts[place]]


@hookimpl
def insgen_seed_policies() -> Sequence[type[SeedPolicy]]:
    """Offer `targeted`."""
    return [TargetedPolicy]
