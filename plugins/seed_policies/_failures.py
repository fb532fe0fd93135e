"""Where a model fails: evaluation items by region of the bank, with what can be said about each region's failure rate.

Flows in: signals named ``eval:...`` (value = 1 - 2 x score: +1 failed, -1 passed) and the bank. Flows out: `Regions`.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from insgen import BankView, CandidateId, SeedContext, Signal, content_hash

from ._groups import Groups, group

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PREFIX = "eval:"
Z = 1.959964  # two-sided 95 %


@dataclass(frozen=True)
class Items:
    """Evaluation items that can be placed in the bank.

    :ivar vectors: float32, shape ``(n, d)``, L2 norm 1 by row.
    :ivar failed: float64, shape ``(n,)``, 0 (right) to 1 (wrong).
    :ivar digest: changes when anything about them does.
    """

    vectors: NDArray[np.float32]
    failed: NDArray[np.float64]
    digest: str


@dataclass(frozen=True)
class Region:
    """A part of the bank, and how often the model fails there.

    :ivar number: counted from 1; ``n_members``: of the bank.
    :ivar n: items in it; ``failed``: how many of them failed; a half-right item is half a failure.
    :ivar low: of Wilson's 95 % interval of the failure rate, 0 to 1; ``high``: its other end. 0 and 1 without items.
    :ivar fails: whether ``low`` lies above the failure rate of all items.
    """

    number: int
    n_members: int
    n: int
    failed: float
    low: float
    high: float
    fails: bool

    def __str__(self) -> str:
        rate = f"{self.failed:g} of {self.n} items failed, 95 % interval {self.low:.3f} to {self.high:.3f}"
        return f"region {self.number} ({rate})"

    def figures(self) -> dict[str, str | float]:
        """What it is, for programs."""
        return {
            "region": self.number,
            "members": self.n_members,
            "items": self.n,
            "failed": self.failed,
            "low": self.low,
            "high": self.high,
        }


@dataclass(frozen=True)
class Regions:
    """The bank's regions; the members' labels are ``groups.labels``.

    :ivar places: int64, shape ``(n,)``: the region of each item, from 0.
    """

    groups: Groups
    places: NDArray[np.int64]
    regions: tuple[Region, ...]

    def of(self, vectors: NDArray[np.float32]) -> list[Region]:
        """The region of each of some vectors, float32, shape ``(m, d)``."""
        return [self.regions[place] for place in self.groups.nearest(vectors).tolist()]

    def worst_first(self) -> list[Region]:
        """Those that fail, the largest low end first."""
        return sorted((each for each in self.regions if each.fails), key=lambda each: -each.low)


def items_of(context: SeedContext, tags: Collection[str]) -> Items:
    """Gather the evaluation items: those with a text, and those of instructions that were ever kept.

    :param tags: only items with one of these after the prefix; empty = all.
    """
    import numpy as np

    told = [each for each in context.feedback.signals() if each.name.startswith(PREFIX) and _wanted(each, tags)]
    known = context.bank.find([each.candidate_id for each in told if not each.text])
    told = [each for each in told if each.text or each.candidate_id in known]
    distinct = list(dict.fromkeys(each.text for each in told if each.text))
    texts = dict(zip(distinct, context.bank.embed(distinct) if distinct else (), strict=True))
    ids = [each.candidate_id for each in told if not each.text]
    by_id = dict(zip(ids, context.bank.vectors(ids), strict=True))
    vectors = [texts[each.text] if each.text else by_id[each.candidate_id] for each in told]
    parts = [part for each in told for part in (each.candidate_id, each.text, each.name, each.source, repr(each.value))]
    return Items(
        np.stack(vectors) if vectors else np.empty((0, 0), dtype=np.float32),
        np.array([(1 + each.value) / 2 for each in told]),
        content_hash(*parts),
    )


def _wanted(signal: Signal, tags: Collection[str]) -> bool:
    return not tags or not set(tags).isdisjoint(signal.name.removeprefix(PREFIX).split(","))


def regions_of(items: Items, bank: BankView, n: int) -> Regions:
    """Cut the bank into regions and place the items.

    :param bank: with at least one member.
    :param n: at most so many regions.
    """
    import numpy as np

    groups = group(bank.vectors([CandidateId(member.candidate.id) for member in bank.members()]), n)
    places = groups.nearest(items.vectors)
    overall = float(items.failed.mean())
    regions = []
    for label in range(len(groups.centres)):
        inside = items.failed[places == label]
        low, high = wilson(float(inside.sum()), len(inside))
        n_members = int(np.count_nonzero(groups.labels == label))
        regions.append(Region(label + 1, n_members, len(inside), float(inside.sum()), low, high, low > overall))
    return Regions(groups, places, tuple(regions))


def wilson(k: float, n: int, z: float = Z) -> tuple[float, float]:
    """Wilson's score interval of a share.

    :param k: successes, 0 to n; ``n``: trials; without any the interval is 0 to 1.
    """
    if not n:
        return 0.0, 1.0
    p = k / n
    middle = p + z * z / (2 * n)
    spread = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    whole = 1 + z * z / n
    return max(0.0, (middle - spread) / whole), min(1.0, (middle + spread) / whole)
