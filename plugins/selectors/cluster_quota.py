"""Cluster quota: group the candidates, give each group its share of the places, fill them with the group's best.

K-means over the vectors, places by largest remainder, quality within: the kMQ way of "Diversify and Conquer"
(arXiv:2409.11378), which draws within a cluster by quality where this takes the best, as CaR does (arXiv:2402.18191).
It costs O(n * clusters * d) per iteration of k-means (above 20,000 candidates in mini-batches: seconds at 100,000).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, ClassVar, Literal

from insgen import BankView, ConfigError, Pool, Selection, Selector, hookimpl

from ._pool import check_pool
from ._ranking import best_first, selection

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MINI_BATCH_ROWS = 20_000  # k-means over all rows at once takes minutes above


@dataclass(frozen=True)
class ClusterQuotaSelector:
    """Ranks so that the clusters keep their shares from the first place to the last.

    Diversity is 1 for a cluster's best candidate, 1/2 for its second, 1/3 for its third: how much the cluster gains by
    it. Utility is the cluster's share of the places divided by 1, 3, 5 ... (Sainte-Laguë's divisors), which orders the
    places so that in every prefix the clusters have about their shares; the largest remainders themselves, for which a
    shorter list need not be a prefix of a longer one, hold for the full size alone.
    """

    name: ClassVar[str] = "cluster_quota"

    #: number of clusters, at least 2; 0 takes the square root of the bank's size, rounded up
    clusters: int = 0
    #: places go to clusters in proportion to their ``proportional`` size, or in ``equal`` numbers as far as they reach
    quota: Literal["proportional", "equal"] = "proportional"

    def __post_init__(self) -> None:
        if self.clusters < 0 or self.clusters == 1:
            raise ConfigError(
                f"cluster_quota: clusters = {self.clusters!r}.\n"
                "  Expected 2 or more, or 0 for the square root of the bank's size.\n"
                "  Change clusters; for the best candidates without clusters there is the selector quality."
            )

    def select(self, pool: Pool, size: int, bank: BankView, rng: Random, state: str) -> Selection:  # noqa: ARG002  # the contract's arguments
        """Take ``size`` of bank and newcomers; within a cluster equals go by age."""
        check_pool(pool, self.name)
        n = len(pool.candidates)
        if size < 1 or n == 0:
            return Selection(())
        import numpy as np

        size = min(size, n)
        n_clusters = min(self.clusters or int(np.ceil(np.sqrt(size))), n)
        labels = _cluster(pool.vectors, n_clusters, rng.randrange(2**32))
        counts = np.bincount(labels)
        weights = counts if self.quota == "proportional" else np.ones_like(counts)
        quotas = largest_remainder(weights, size, counts)
        by_quality = best_first(pool.quality)
        place = np.empty(n, dtype=np.int64)  # in its cluster, from 0
        for label in range(len(counts)):
            inside = by_quality[labels[by_quality] == label]
            place[inside] = np.arange(len(inside))
        key = weights[labels] / weights.sum() / (2.0 * place + 1.0)
        chosen = by_quality[place[by_quality] < quotas[labels[by_quality]]]
        order = chosen[np.argsort(-key[chosen], kind="stable")]
        return selection(pool, order, 1.0 / (place[order] + 1.0), key[order])


def largest_remainder(weights: NDArray[np.int64], total: int, most: NDArray[np.int64]) -> NDArray[np.int64]:
    """Divide places in proportion to weights: whole shares first, then one each to the largest remainders (Hamilton).

    What a party has no use for is divided among the others in the same way.

    :param weights: >= 0, shape ``(k,)``.
    :param total: places, 0 to the sum of ``most``.
    :param most: places that each can fill.
    :returns: whole numbers that sum to ``total``; of equal remainders the party of the lower number goes first.
    """
    import numpy as np

    places = np.zeros(len(weights), dtype=np.int64)
    while (left := total - int(places.sum())) > 0:
        unfilled = np.where(places < most, weights, 0)
        whole, remainder = np.divmod(left * unfilled, unfilled.sum())
        in_line = np.argsort(-remainder, kind="stable")[: left - int(whole.sum())]
        whole[in_line] += 1
        places = np.minimum(places + whole, most)
    return places


def _cluster(vectors: NDArray[np.float32], n_clusters: int, seed: int) -> NDArray[np.int64]:
    """Give every row the number of its k-means cluster, from 0, none of them empty.

    It runs in one thread: with more, sums are taken in another order, and a seed need not give the same clusters again.

    :param n_clusters: at most so many; fewer where there are fewer different rows.
    """
    import numpy as np
    from sklearn.cluster import KMeans, MiniBatchKMeans  # type: ignore[import-untyped]  # it has none
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has none

    distinct = len(np.unique(vectors, axis=0))
    kind = KMeans if len(vectors) <= _MINI_BATCH_ROWS else MiniBatchKMeans
    with threadpool_limits(1):
        labels = kind(min(n_clusters, distinct), n_init=1, random_state=seed).fit(vectors).labels_
    return np.asarray(np.unique(labels, return_inverse=True)[1], dtype=np.int64)


@hookimpl
def insgen_selectors() -> Sequence[type[Selector]]:
    """Offer selection by cluster and quality."""
    return [ClusterQuotaSelector]
