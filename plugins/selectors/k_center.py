"""K-center: keep candidates so that nothing left out is far from something kept (DiverseEvol, arXiv:2311.08182).

Farthest-first traversal (Sener & Savarese 2018, arXiv:1708.00489; DiverseEvol's eq. 2 and released code): again and
again take the candidate whose distance to the nearest one taken is greatest. Distances to what is taken are kept up to
date, never a matrix: O(n * size * d) time, O(n) memory beside the vectors (about 2 s for 1,000 of 33,000 in 384
dimensions). It loves outliers: filter broken records first. Quality decides only where the traversal begins.

Distances are measured on the vectors at hand, not on those of a model trained in every round, as DiverseEvol does it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, ClassVar, Literal

from insgen import BankView, Pool, Ranked, Selection, Selector, hookimpl

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NEAR = 1e-4  # squared distance, relative to the squared norms, under which float32 products say nothing
_FARTHEST = 2.0  # between unit vectors, in both distances: the gap of a pick that had nothing before it


@dataclass(frozen=True)
class KCenterSelector:
    """Ranks by the distance to the nearest candidate already taken, at the moment of the pick.

    Diversity is that distance (2, the largest there is, for a first pick); utility is the same, held to fall along the
    ranking.
    """

    name: ClassVar[str] = "k_center"

    #: what the traversal starts from: the candidate of highest ``quality``, the ``medoid`` (nearest to the mean), a
    #: ``random`` one, or the ``members``, which then all stay in their order (as DiverseEvol does: nothing is removed)
    start: Literal["quality", "medoid", "random", "members"] = "quality"
    #: distance: ``euclidean``, or ``cosine`` (1 - cosine); on unit vectors both give the same picks
    distance: Literal["euclidean", "cosine"] = "euclidean"
    #: ``greedy`` lets every pick push the next ones away (the released code); ``batch_topn`` takes those farthest from
    #: the start alone (eq. 1 read literally; cheaper, and picks may lie together)
    picks: Literal["greedy", "batch_topn"] = "greedy"

    def select(self, pool: Pool, size: int, bank: BankView, rng: Random, state: str) -> Selection:  # noqa: ARG002  # the contract's arguments
        """Take ``size`` centers out of bank and newcomers; ties go to higher quality at the start, else to age."""
        import numpy as np

        n = len(pool.candidates)
        if size < 1 or n == 0:
            return Selection(())
        centers = self._start(pool, rng)[:size]
        order, gaps = farthest_first(pool.vectors, centers, min(size, n), repel=self.picks == "greedy")
        diversity = np.minimum(gaps**2 / 2.0 if self.distance == "cosine" else gaps, _FARTHEST)
        utility = np.minimum.accumulate(diversity)
        return Selection(
            tuple(
                Ranked(
                    pool.candidates[row].id, float(diversity[place]), float(pool.quality[row]), float(utility[place])
                )
                for place, row in enumerate(order)
            )
        )

    def _start(self, pool: Pool, rng: Random) -> list[int]:
        import numpy as np

        if self.start == "members" and pool.n_members:
            return list(range(pool.n_members))
        if self.start == "medoid":
            return [int(np.argmax(pool.vectors @ pool.vectors.mean(axis=0)))]
        if self.start == "random":
            return [rng.randrange(len(pool.candidates))]
        return [int(np.argmax(pool.quality))]


def farthest_first(
    vectors: NDArray[np.floating], centers: Sequence[int], n_picks: int, *, repel: bool = True
) -> tuple[list[int], NDArray[np.float64]]:
    """Order rows by farthest-first traversal.

    :param vectors: shape ``(n, d)``, any norm.
    :param centers: rows that come first, in this order; at least one.
    :param n_picks: length of the answer, centers included, at most n.
    :param repel: False: distances are to the given centers only.
    :returns: rows, and each one's Euclidean distance to the nearest row before it (with ``repel=False``: to the
        nearest center); infinite for the first.
    """
    import numpy as np

    squares = np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)
    gap = np.full(len(vectors), np.inf)  # squared; a row that is taken has -1
    order: list[int] = []
    gaps: list[float] = []
    for place in range(n_picks):
        given = place < len(centers)
        row = centers[place] if given else int(np.argmax(gap))
        order.append(row)
        gaps.append(float(gap[row]))
        if given or repel:
            np.minimum(gap, _squared_distances(vectors, squares, row), out=gap)
        gap[row] = -1.0
    return order, np.sqrt(gaps)


def _squared_distances(vectors: NDArray[np.floating], squares: NDArray[np.float64], row: int) -> NDArray[np.float64]:
    """Squared distances of all rows to one; small ones from differences, since copies must not look apart."""
    import numpy as np

    squared = squares + squares[row] - 2.0 * (vectors @ vectors[row])
    near = np.flatnonzero(squared < _NEAR * (squares + squares[row]))
    difference = vectors[near].astype(np.float64) - vectors[row]
    squared[near] = np.einsum("ij,ij->i", difference, difference)
    return np.asarray(squared)


@hookimpl
def insgen_selectors() -> Sequence[type[Selector]]:
    """Offer k-center."""
    return [KCenterSelector]
