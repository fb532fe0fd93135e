"""Groups of near vectors by k-means, and weighted draws: what the policies that weigh seeds have in common."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from insgen import Seed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MINI_BATCH_ROWS = 20_000  # k-means over all rows at once takes minutes above


@dataclass(frozen=True)
class Groups:
    """Rows by group; a group is never empty, and groups are numbered in the order of their first rows.

    :ivar labels: int64, shape ``(n,)``, from 0.
    :ivar centres: float32, shape ``(k, d)``, L2 norm 1 by row (0 for a group whose vectors cancel out).
    """

    labels: NDArray[np.int64]
    centres: NDArray[np.float32]

    def nearest(self, vectors: NDArray[np.float32]) -> NDArray[np.int64]:
        """The group of other vectors: that of the centre with the largest cosine similarity, the first of equals."""
        found: NDArray[np.int64] = (vectors @ self.centres.T).argmax(axis=1)
        return found


def group(vectors: NDArray[np.float32], n: int) -> Groups:
    """Cluster unit vectors by k-means; the same rows give the same groups.

    It runs in one thread: with more, sums are taken in another order, and the groups may differ.

    :param vectors: float32, shape ``(m, d)``, m >= 1, L2 norm 1 by row.
    :param n: at most so many groups; fewer where there are fewer different rows.
    """
    import numpy as np
    from sklearn.cluster import KMeans, MiniBatchKMeans  # type: ignore[import-untyped]  # it has none
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has none

    distinct = len(np.unique(vectors, axis=0))
    kind = KMeans if len(vectors) <= _MINI_BATCH_ROWS else MiniBatchKMeans
    with threadpool_limits(1):
        raw = kind(min(n, distinct), n_init=3, random_state=0).fit(vectors).labels_
    _, first, inverse = np.unique(raw, return_index=True, return_inverse=True)
    labels = np.argsort(np.argsort(first))[inverse].astype(np.int64)
    sums = np.stack([vectors[labels == label].sum(axis=0) for label in range(len(first))])
    norms = np.linalg.norm(sums, axis=1, keepdims=True)
    return Groups(labels, (sums / np.where(norms > 0, norms, 1)).astype(np.float32))


def draw_weighted(n: int, seeds: Sequence[Seed], rng: Random) -> list[Seed]:
    """Draw without replacement, each next one with a chance in proportion to its weight; weight 0 comes last.

    Method: keys u^(1/w), u uniform, the largest first (Efraimidis and Spirakis 2006, algorithm A), here as log(u)/w.
    """
    keys = [(math.log(1.0 - rng.random()) / seed.weight if seed.weight > 0 else -math.inf) for seed in seeds]
    order = sorted(range(len(seeds)), key=lambda place: -keys[place])
    return [seeds[place] for place in order[:n]]
