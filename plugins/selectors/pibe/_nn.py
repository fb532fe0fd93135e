"""The nn engine: what propagation comes to when the preference is not below any similarity (paper file, E1).

Nobody then becomes anybody's exemplar, the N x N messages collapse to two numbers per candidate, and only near
neighbours matter: O(n * k) per iteration over a neighbour graph. The answer is that of the dense engine, because a row
whose k neighbours do not settle its minimum is asked again with more of them; only where the index itself is
approximate (hnswlib) can a true neighbour be missed. The proof wants a history that is negative off the diagonal: after
a round of a handful of candidates it may not be, and the recursion then stands on its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from ._copies import Copies
from ._schedule import Messages, Schedule, Steadiness
from ._space import Space, unit_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from insgen import NeighbourIndex

_TILE_ENTRIES = 16_000_000  # distances held at a time (64 MB): products of fewer than some 500 rows waste the cores
_OFFER_ENTRIES = 4_000_000
_GROUP_SIZE = 16
_QUERY_ROWS = 8192
_GROWTH = 4  # how many times more neighbours a row is asked for again
_MAX_ENTRIES = 16_000_000  # neighbours held in wider lists at once (256 MB); beyond, rows are measured against all


class Search(Protocol):
    """Finds the nearest others of candidates."""

    @property
    def slack(self) -> float:
        """Error of what it compares, in squared Euclidean distance."""

    def nearest(self, rows: NDArray[np.int64], k: int, exact: bool) -> NDArray[np.int64]:
        """The k nearest others of each row, shape ``(len(rows), k)``; approximate only where ``exact`` is False."""


@dataclass(frozen=True)
class BlockSearch:
    """Exact search by blocks of products, for vectors of any norm; O(n^2 d), in the precision of the vectors.

    :ivar points: every row y with its ``|y|^2`` behind it, so that one product gives ``|y|^2 - 2xy``, which is all that
        the order of squared distances from x needs.
    """

    points: NDArray[np.floating]
    slack: float

    @classmethod
    def over(cls, space: Space) -> BlockSearch:
        """Search the candidates of a space."""
        points = space.vectors
        if space.affinity == "cosine":
            points = unit_rows(points).astype(points.dtype)
        squares = np.einsum("ij,ij->i", points, points)
        slack = 4.0 * points.shape[1] * float(np.finfo(points.dtype).eps) * float(squares.max(initial=0.0))
        return cls(np.column_stack([points, squares]), slack)

    def nearest(self, rows: NDArray[np.int64], k: int, exact: bool) -> NDArray[np.int64]:  # noqa: ARG002  # always is
        """See `Search`."""
        n = len(self.points)
        found = np.empty((len(rows), k), dtype=np.int64)
        step = max(_TILE_ENTRIES // n, 1)
        tiles = np.empty((min(step, len(rows)), n), dtype=self.points.dtype)
        for start in range(0, len(rows), step):
            tile = rows[start : start + step]
            asked = self.points[tile] * -2.0
            asked[:, -1] = 1.0
            keys = np.matmul(asked, self.points.T, out=tiles[: len(tile)])
            keys[np.arange(len(tile)), tile] = np.inf
            found[start : start + step] = _k_smallest(keys, k)
        return found


def _k_smallest(values: NDArray[np.floating], k: int) -> NDArray[np.int64]:
    """Columns of the k smallest values by row, in any order; ten times as fast as argpartition on long rows.

    A row's values are dealt into groups. Each of the k groups with the smallest minima holds a value that is not above
    the k-th of these minima, so the k smallest values of the row are not above it either, and few others are.
    """
    width = values.shape[1] // _GROUP_SIZE
    if width < k:
        bound = np.partition(values, k - 1, axis=1)[:, k - 1]
    else:
        minima = values[:, :width].copy()
        for first in range(width, _GROUP_SIZE * width, width):
            np.minimum(minima, values[:, first : first + width], out=minima)
        bound = np.partition(minima, k - 1, axis=1)[:, k - 1]
    owners, columns = np.divmod(np.flatnonzero(values <= bound[:, None]), values.shape[1])
    counts = np.bincount(owners, minlength=len(values))
    first_of = np.cumsum(counts) - counts
    chosen: NDArray[np.int64] = columns[first_of[:, None] + np.arange(k)]
    for row in np.flatnonzero(counts > k):
        mine = columns[first_of[row] : first_of[row] + counts[row]]
        chosen[row] = mine[np.argpartition(values[row, mine], k - 1)[:k]]
    return chosen


@dataclass(frozen=True)
class IndexSearch:
    """Search through the bank's own kind of index; for unit vectors, exact while few and hnswlib above."""

    vectors: NDArray[np.float32]
    index: NeighbourIndex
    slack: float

    @classmethod
    def over(cls, vectors: NDArray[np.float32], index: NeighbourIndex) -> IndexSearch:
        """Search the rows of an index: it orders by products in float32, which differ from distances by the norms."""
        uneven = np.abs(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64) - 1.0).max(initial=0.0)
        return cls(vectors, index, 1e-6 + 2.0 * float(uneven))

    def nearest(self, rows: NDArray[np.int64], k: int, exact: bool) -> NDArray[np.int64]:
        """See `Search`. Copies may push a row out of its own answer; then the farthest goes instead of the row."""
        found = np.empty((len(rows), k), dtype=np.int64)
        for start in range(0, len(rows), _QUERY_ROWS):
            tile = rows[start : start + _QUERY_ROWS]
            answer, _ = self.index.nearest(self.vectors[tile], k + 1, exact=exact)
            drop = answer == tile[:, None]
            drop[~drop.any(axis=1), -1] = True
            found[start : start + _QUERY_ROWS] = answer[~drop].reshape(len(tile), k)
        return found


class _List(NamedTuple):
    """Rows, shape ``(m,)``; their neighbours and how far those are, both of shape ``(m, k)``."""

    rows: NDArray[np.int64]
    neighbours: NDArray[np.int32]
    distance: NDArray[np.float64]


class NeighbourGraph:
    """Near neighbours of every candidate with true distances, growing where they do not suffice."""

    def __init__(self, space: Space, search: Search, k: int) -> None:
        n = len(space)
        self._space, self._search = space, search
        self._reach = np.full(n, 0.0 if n > 1 else np.inf)  # nothing outside a row's lists lies nearer than this
        self._width = np.zeros(n, dtype=np.int64)
        self._lists: list[_List] = []
        self.n_asked_again = 0
        if n > 1:
            self._ask(np.arange(n), min(k, n - 1), exact=False)

    def __len__(self) -> int:
        return len(self._space)

    def best_offers(self, a: NDArray[np.float64]) -> NDArray[np.float64]:
        """``min over k != i of D(i, k) - a_k`` for every row i.

        :param a: <= 0, shape ``(n,)``; so an offer is never less than its distance, and a minimum within reach is true.
        """
        best = np.full(len(a), np.inf)
        for rows, neighbours, distance in self._lists:
            best[rows] = np.minimum(best[rows], (distance - a[neighbours]).min(axis=1))
        while (short := np.flatnonzero(best > self._reach)).size:
            k = min(_GROWTH * int(self._width[short].max()), len(a) - 1)
            if short.size * k > _MAX_ENTRIES:
                best[short] = self._measure_all(short, a)
                break
            self.n_asked_again += short.size
            rows, neighbours, distance = self._ask(short, k, exact=True)
            best[rows] = np.minimum(best[rows], (distance - a[neighbours]).min(axis=1))
        return best

    def _ask(self, rows: NDArray[np.int64], k: int, exact: bool) -> _List:
        neighbours = self._search.nearest(rows, k, exact).astype(np.int32)
        distance = self._space.edges(rows, neighbours)
        complete = k == len(self._space) - 1
        self._reach[rows] = np.inf if complete else self._space.floor(distance.max(axis=1), self._search.slack)
        self._width[rows] = k
        self._lists.append(_List(rows, neighbours, distance))
        return self._lists[-1]

    def _measure_all(self, rows: NDArray[np.int64], a: NDArray[np.float64]) -> NDArray[np.float64]:
        best = np.empty(len(rows))
        step = max(_OFFER_ENTRIES // len(a), 1)
        for start in range(0, len(rows), step):
            tile = rows[start : start + step]
            offers = self._space.block(tile) - a
            offers[np.arange(len(tile)), tile] = np.inf
            best[start : start + step] = offers.min(axis=1)
        return best


def propagate(
    graph: NeighbourGraph, copies: Copies, schedule: Schedule, preference: float, h: NDArray[np.float64] | None
) -> tuple[Messages, tuple[float, float]]:
    """Run the recursion of E1 until the exemplars stand still, then score (step 5).

    :param graph: of the different vectors; ``copies`` says which candidate has which.
    :param preference: at least the greatest similarity; it adds to every distance.
    :param h: H(i, i) of the history, shape ``(n,)``: last round's r for members, the median for newcomers; ``None`` for
        a round without a past.
    :returns: the messages, and how much of R off the diagonal is this round's similarity and how much history:
        ``R = own * (S - preference) + past * H``.
    """
    n = len(copies.node)
    r, a = np.zeros(n), np.zeros(n)
    steady = Steadiness(n, schedule.convergence_iterations)
    own, past = 0.0, 0.0
    iterations, converged = 0, False
    while iterations < schedule.max_iterations and not converged:
        top, from_copies = copies.best_offers(a)
        offers = np.minimum(graph.best_offers(top)[copies.node], from_copies) + preference
        r = schedule.damping * r + (1.0 - schedule.damping) * offers
        own, past = schedule.damping * own + (1.0 - schedule.damping), schedule.damping * past
        if h is not None:
            pull = schedule.pull(iterations)
            r = (1.0 - pull) * r + pull * h
            own, past = (1.0 - pull) * own, (1.0 - pull) * past + pull
        a = schedule.damping * a + (1.0 - schedule.damping) * np.minimum(r, 0.0)
        iterations += 1
        converged = steady.reached(r > 0)
    rep = (r + n * a - a.sum()) / n
    return Messages(rep, r, np.zeros(n), iterations, converged), (own, past)


def responsibilities(
    distance: NDArray[np.float64], shares: tuple[float, float], r: NDArray[np.float64], h: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """R in full, shape ``(n, n)``, after `propagate`; for few candidates.

    :param distance: D + preference, shape ``(n, n)``; the diagonal does not matter.
    :param h: the H that was in force, shape ``(n, n)``; ``None`` in a round without a past.
    """
    full = -shares[0] * distance
    if h is not None:
        full += shares[1] * h
    np.fill_diagonal(full, r)
    return full
