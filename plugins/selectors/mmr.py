"""MMR: keep what is good and unlike what is kept already (maximal marginal relevance, Carbonell & Goldstein 1998).

Again and again it takes the candidate of the greatest ``w * quality - (1 - w) * (cosine similarity to the nearest one
taken)``; the paper's relevance to a query is quality here, its lambda is ``quality_weight``. Similarity to the nearest
one only grows, so a heap of old values gives the same picks as looking at all of them every time: O(n * size * d) time
at worst, far less in practice, O(n) memory beside the vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, ClassVar

from insgen import BankView, ConfigError, Pool, Selection, Selector, hookimpl

from ._pool import check_pool
from ._ranking import best_first, selection

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class MmrSelector:
    """Ranks by marginal relevance at the moment of the pick.

    Diversity is 1 - cosine similarity to the nearest candidate taken before, 0 (a copy) to 2 (also the first pick's);
    utility is ``quality_weight * quality + (1 - quality_weight) * (diversity - 1)``, falling along the ranking. Each
    prefix is the method's own answer for that length; being greedy, it need not be the best subset there is.
    """

    name: ClassVar[str] = "mmr"

    #: lambda, the share of quality against diversity, 0 (diversity alone) to 1 (quality alone)
    quality_weight: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.quality_weight <= 1:
            raise ConfigError(
                f"mmr: quality_weight = {self.quality_weight!r}.\n"
                "  Expected a share from 0 to 1.\n"
                "  Change quality_weight; 0 is diversity alone, 1 quality alone."
            )

    def select(self, pool: Pool, size: int, bank: BankView, rng: Random, state: str) -> Selection:  # noqa: ARG002  # the contract's arguments
        """Take ``size`` of bank and newcomers; of equals the higher quality, then the older goes first."""
        check_pool(pool, self.name)
        n = len(pool.candidates)
        if size < 1 or n == 0:
            return Selection(())
        import numpy as np

        from ._lazy import lazy_greedy

        relevance = _Relevance(pool.vectors, pool.quality, self.quality_weight)
        order, gains = lazy_greedy(relevance, relevance.gains(range(n)), best_first(pool.quality), min(size, n))
        return selection(pool, order, 1.0 - relevance.nearest[order], np.minimum.accumulate(gains))


class _Relevance:
    """Marginal relevance of candidates, given those taken."""

    def __init__(self, vectors: NDArray[np.float32], quality: NDArray[np.float64], quality_weight: float) -> None:
        import numpy as np

        self._vectors, self._quality, self._quality_weight = vectors, quality, quality_weight
        self.nearest = np.full(len(vectors), -1.0)  # similarity to the nearest one taken, as last measured
        self._measured = np.zeros(len(vectors), dtype=np.int64)  # against so many of those taken
        self._taken: list[int] = []

    def gains(self, rows: Sequence[int]) -> NDArray[np.float64]:
        import numpy as np

        some = np.asarray(rows)
        unmet = self._taken[self._measured[some].min() :]
        if unmet:
            similarity = (self._vectors[some] @ self._vectors[unmet].T).max(axis=1)
            self.nearest[some] = np.clip(similarity, self.nearest[some], 1.0)
            self._measured[some] = len(self._taken)
        relevance = self._quality_weight * self._quality[some]
        return np.asarray(relevance - (1.0 - self._quality_weight) * self.nearest[some])

    def take(self, row: int) -> None:
        self._taken.append(row)


@hookimpl
def insgen_selectors() -> Sequence[type[Selector]]:
    """Offer MMR."""
    return [MmrSelector]
