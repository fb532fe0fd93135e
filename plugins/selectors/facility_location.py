"""Facility location: keep candidates so that every candidate has something kept that is much like it.

The submodular objective f(S) = sum over candidates i of max over j in S of similarity(i, j), made large greedily
(Nemhauser, Wolsey & Fisher 1978: at least 1 - 1/e of the best there is), lazily (Minoux 1978) with the picks of plain
greedy. Similarity is the cosine, negative ones counting as 0. Quality may be traded against it as QDIT does
(arXiv:2311.14736). It keeps what stands for many, so it shuns outliers, which `k_center` seeks.

Costs O(n^2 d) time at the start (half a second at 5,000 candidates in 384 dimensions on two cores, some three minutes
at 100,000) and a few passes per pick; O(n) memory beside the vectors.
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

_ROWS = 4096  # candidates whose cover is looked at together
_PICKS = 256  # possible picks measured together at the start


@dataclass(frozen=True)
class FacilityLocationSelector:
    """Ranks by what each pick adds to the coverage of all candidates.

    Diversity is the gain in coverage at the moment of the pick, as a share of the greatest gain that any single
    candidate brings, 0 to 1; utility is ``(1 - quality_weight) * diversity + quality_weight * quality``, falling along
    the ranking. Each prefix is greedy's own answer for that length, which need not be the best subset there is.
    """

    name: ClassVar[str] = "facility_location"

    #: share of quality in a pick, 0 (coverage alone) to 1 (quality alone); of equals the higher quality goes first
    quality_weight: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.quality_weight <= 1:
            raise ConfigError(
                f"facility_location: quality_weight = {self.quality_weight!r}.\n"
                "  Expected a share from 0 to 1.\n"
                "  Change quality_weight; 0 is coverage alone, 1 quality alone."
            )

    def select(self, pool: Pool, size: int, bank: BankView, rng: Random, state: str) -> Selection:  # noqa: ARG002  # the contract's arguments
        """Take ``size`` of bank and newcomers; the bank's members have to earn their places anew."""
        check_pool(pool, self.name)
        n = len(pool.candidates)
        if size < 1 or n == 0:
            return Selection(())
        import numpy as np

        from ._lazy import lazy_greedy

        coverage = _Coverage(pool.vectors, pool.quality, self.quality_weight)
        order, gains = lazy_greedy(coverage, coverage.first_gains(), best_first(pool.quality), min(size, n))
        return selection(pool, order, coverage.shares, np.minimum.accumulate(gains))


class _Coverage:
    """How well every candidate is stood for by those taken, and what another one would add."""

    def __init__(self, vectors: NDArray[np.float32], quality: NDArray[np.float64], quality_weight: float) -> None:
        import numpy as np

        self._vectors, self._quality, self._quality_weight = vectors, quality, quality_weight
        self._cover = np.zeros(len(vectors), dtype=np.float32)
        self._greatest = 1.0
        self.shares: list[float] = []  # of each row taken, the gain in coverage at its pick
        self._share = np.zeros(len(vectors))  # as last measured

    def first_gains(self) -> NDArray[np.float64]:
        """Measure all candidates, before anything is taken."""
        import numpy as np

        n = len(self._vectors)
        added = np.concatenate([self._added(np.arange(at, min(at + _PICKS, n))) for at in range(0, n, _PICKS)])
        self._greatest = float(added.max()) or 1.0  # 0: all vectors are zero, and nothing covers anything
        return self._worth(np.arange(n), added)

    def gains(self, rows: list[int]) -> NDArray[np.float64]:
        import numpy as np

        picks = np.asarray(rows)
        return self._worth(picks, self._added(picks))

    def take(self, row: int) -> None:
        import numpy as np

        self.shares.append(float(self._share[row]))
        np.maximum(self._cover, self._vectors @ self._vectors[row], out=self._cover)

    def _worth(self, rows: NDArray[np.int64], added: NDArray[np.float64]) -> NDArray[np.float64]:
        self._share[rows] = added / self._greatest
        return (1.0 - self._quality_weight) * self._share[rows] + self._quality_weight * self._quality[rows]

    def _added(self, picks: NDArray[np.int64]) -> NDArray[np.float64]:
        """Sum of what the cover of all candidates would rise by, for each pick."""
        import numpy as np

        added = np.zeros(len(picks))
        for start in range(0, len(self._vectors), _ROWS):
            here = slice(start, start + _ROWS)
            rise = self._vectors[picks] @ self._vectors[here].T
            rise -= self._cover[here]
            added += np.maximum(rise, 0.0, out=rise).sum(axis=1, dtype=np.float64)
        return added


@hookimpl
def insgen_selectors() -> Sequence[type[Selector]]:
    """Offer facility location."""
    return [FacilityLocationSelector]
