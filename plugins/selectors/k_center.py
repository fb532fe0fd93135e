"""K-center: keep candidates so that nothing left out is far from something kept (DiverseEvol, arXiv:2311.08182).

Farthest-first traversal (Sener & Savarese 2018, arXiv:1708.00489; DiverseEvol's eq. 2 and released code): again and
again take the candidate whose distance to the nearest one taken is greatest, with the pool of those taken growing.
Distances to what is taken are kept up to date, never a matrix: O(n * size * d) time, O(n) memory beside the vectors
(about 2 s for 1,000 of 100,000 in 384 dimensions on two cores). It loves outliers: filter broken records first.

Distances are measured on the vectors at hand, not on those of a model trained in every round, as DiverseEvol does it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar, Literal

from insgen import BankView, ConfigError, Pool, Selection, Selector, hookimpl

from ._pool import check_pool
from ._ranking import FARTHEST, selection


@dataclass(frozen=True)
class KCenterSelector:
    """Ranks by the distance to the nearest candidate already taken, at the moment of the pick.

    Diversity is that distance (2, the largest there is, for a first pick); utility is the same times
    ``(1 + quality) ** quality_weight``, and for those the traversal starts from held to fall along the ranking. Each
    prefix of ``greedy`` is the traversal's own answer for that length.
    """

    name: ClassVar[str] = "k_center"

    #: what the traversal starts from: the candidate of highest ``quality``, the ``medoid`` (nearest to the mean), a
    #: ``random`` one, or the ``members``, which then all stay in their order (as DiverseEvol does: nothing is removed)
    start: Literal["quality", "medoid", "random", "members"] = "quality"
    #: distance: ``euclidean``, or ``cosine`` (1 - cosine); on unit vectors, without quality, both give the same picks
    distance: Literal["euclidean", "cosine"] = "euclidean"
    #: ``greedy`` lets every pick push the next ones away (the released code); ``batch_topn`` takes those farthest from
    #: the start alone (eq. 1 read literally; cheaper, and picks may lie together)
    reading: Literal["greedy", "batch_topn"] = "greedy"
    #: weight gamma of quality, >= 0: distances count (1 + quality)^gamma times (weighted p-center of Dyer & Frieze
    #: 1985); 0, as in the paper, takes no notice of quality after the start
    quality_weight: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.quality_weight < float("inf"):
            raise ConfigError(
                f"k_center: quality_weight = {self.quality_weight!r}.\n"
                "  Expected a number of 0 or more.\n"
                "  Change quality_weight; 0 is diversity alone."
            )

    def select(self, pool: Pool, size: int, bank: BankView, rng: Random, state: str) -> Selection:  # noqa: ARG002  # the contract's arguments
        """Take ``size`` centers out of bank and newcomers; ties go to higher quality at the start, else to age."""
        check_pool(pool, self.name)
        n = len(pool.candidates)
        if size < 1 or n == 0:
            return Selection(())
        import numpy as np

        from ._farthest import Traversal

        weight = (1.0 + pool.quality) ** self.quality_weight
        traversal = Traversal(pool.vectors, weight if self.distance == "cosine" else weight**2)
        traversal.begin(self._start(pool, rng)[:size])
        n_picks = min(size, n) - len(traversal.order)
        (traversal.take_farthest if self.reading == "greedy" else traversal.take_top)(n_picks)
        squared = np.array(traversal.gaps)
        diversity = np.minimum(squared / 2.0 if self.distance == "cosine" else np.sqrt(squared), FARTHEST)
        utility = diversity * weight[traversal.order]
        utility[0] = FARTHEST * weight.max()
        return selection(pool, traversal.order, diversity, np.minimum.accumulate(utility))

    def _start(self, pool: Pool, rng: Random) -> list[int]:
        import numpy as np

        if self.start == "members" and pool.n_members:
            return list(range(pool.n_members))
        if self.start == "medoid":
            return [int(np.argmax(pool.vectors @ pool.vectors.mean(axis=0)))]
        if self.start == "random":
            return [rng.randrange(len(pool.candidates))]
        return [int(np.argmax(pool.quality))]


@hookimpl
def insgen_selectors() -> Sequence[type[Selector]]:
    """Offer k-center."""
    return [KCenterSelector]
