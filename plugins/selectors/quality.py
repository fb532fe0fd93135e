"""Quality: keep the best-scored candidates, whatever they are about.

The plainest baseline, and what a budget cut by score alone does. O(n log n). It measures no diversity: that figure
is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from insgen import BankView, Pool, Ranked, Selection, Selector, hookimpl

from ._pool import check_pool


@dataclass(frozen=True)
class QualitySelector:
    """Ranks by quality; of equals the older goes first. The key is the quality itself."""

    name: ClassVar[str] = "quality"

    def select(self, pool: Pool, size: int, bank: BankView, rng: Random, state: str) -> Selection:  # noqa: ARG002  # the contract's arguments
        """Take the ``size`` highest qualities of bank and newcomers."""
        check_pool(pool, self.name)
        quality = [float(value) for value in pool.quality]
        order = sorted(range(len(quality)), key=lambda row: -quality[row])[: max(size, 0)]
        return Selection(tuple(Ranked(pool.candidates[row].id, 0.0, quality[row], quality[row]) for row in order))


@hookimpl
def insgen_selectors() -> Sequence[type[Selector]]:
    """Offer selection by quality."""
    return [QualitySelector]
