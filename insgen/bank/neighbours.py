"""Nearest rows by cosine similarity: exact NumPy while there are few, hnswlib above.

Flows in: float32 vectors of L2 norm 1, in a fixed order. Flows out: row numbers and similarities, best first. It
knows nothing of candidates or of the store: whoever owns the rows maps numbers to ids. The index is a cache that is
rebuilt from the stored vectors and never saved.

hnswlib answers with 1 - cosine and is approximate, so it only *proposes* rows; what is handed out is measured here, on
the stored vectors, in float64. It builds with one thread and a fixed seed: the same vectors in the same order give
the same graph, hence the same answers; queries only read the graph and use every core.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

EXACT_ROWS = 10_000  # one exact query costs .1 ms there at 384 dimensions; above, HNSW is faster

_LINKS = 16  # M: .994-.999 recall@10, .996-.999 recall@50 together with the breadth below
_BUILD_BREADTH = 200  # ef_construction
_QUERY_BREADTH = 200  # ef
_SEED = 20_240_901
_BLOCK_ENTRIES = 1 << 22  # similarities held at a time: 16 MiB of float32
_PAIRS = 1 << 12  # pairs measured at a time: 25 MiB of float64 at 384 dimensions
_GROUP_SIZE = 16  # similarities of which only the greatest is looked at first
_NORM_SLACK = 1e-3  # a vector further than this from norm 1 was never normalised

_log = logging.getLogger(__name__)


class Neighbours:
    """The neighbour index of `insgen.hooks.handed.NeighbourIndex`; empty at first.

    :param dimension: length of a vector, >= 1.
    :param exact_rows: the largest size that is still searched exactly, >= 0.
    """

    def __init__(self, dimension: int, *, exact_rows: int = EXACT_ROWS) -> None:
        self._dimension = dimension
        self._exact_rows = exact_rows
        self._storage: NDArray[np.float32] = np.empty((0, dimension), np.float32)
        self._size = 0
        self._graph: Any = None  # hnswlib.Index, which has no types
        self._wants_graph = True

    @property
    def exact(self) -> bool:
        """Whether every answer is the true nearest; False once it has gone over to hnswlib."""
        return self._graph is None

    def __len__(self) -> int:
        """How many vectors it holds."""
        return self._size

    def add(self, vectors: NDArray[np.float32]) -> None:
        """Append rows; they get the next free row numbers.

        :param vectors: float32, shape ``(m, d)``, L2 norm 1 by row; m may be 0.
        :raises ValueError: a vector is not finite, not of norm 1, or of another dimension; nothing is added then.
        """
        new = self._checked(vectors)
        if not len(new):
            return
        self._reserve(self._size + len(new))
        self._storage[self._size : self._size + len(new)] = new
        self._size += len(new)
        if self._size > self._exact_rows and self._wants_graph:
            self._grow_graph()

    def nearest(
        self, queries: NDArray[np.float32], k: int, *, exact: bool = False
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Find the k nearest rows of every query.

        :param queries: float32, shape ``(m, d)``, L2 norm 1 by row.
        :param k: at least 1; capped at ``len(self)``.
        :param exact: measure against every row, whatever the size.
        :returns: row numbers and cosine similarities in [-1, 1], both of shape ``(m, min(k, len(self)))``, best
            first; equal similarities are ordered by row number.
        :raises ValueError: k is below 1, or a query is no unit vector of the rows' dimension.
        """
        if k < 1:
            raise ValueError(f"k = {k}: at least one neighbour must be asked for")
        asked = self._checked(queries)
        k = min(k, self._size)
        if not len(asked) or not k:
            return np.empty((len(asked), k), np.int64), np.empty((len(asked), k), np.float32)
        if self._graph is not None and not exact:
            found = self._ask_graph(asked, k)
            if found is not None:
                return found
        step = max(1, _BLOCK_ENTRIES // self._size)
        parts = [self._nearest_block(asked[start : start + step], k) for start in range(0, len(asked), step)]
        return np.concatenate([rows for rows, _ in parts]), np.concatenate([similarity for _, similarity in parts])

    def _nearest_block(self, queries: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Search all rows for a block of queries.

        The float32 product depends on how BLAS cuts the block, so it only shortlists: every row within twice its
        rounding bound (d units in the last place, for unit vectors) of the k-th best, or of what is known to be no
        better than that, is measured again.
        """
        rough = queries @ self._storage[: self._size].T
        kth = _at_most_kth(rough, k)
        slack = np.float32(2 * self._dimension * np.finfo(np.float32).eps)
        # Eight times as fast as the nonzero() of a matrix.
        owners, rows = np.divmod(np.flatnonzero(rough >= (kth - slack)[:, None]), self._size)
        return self._best(queries, owners, rows, k)

    def _best(
        self, queries: NDArray[np.float32], owners: NDArray[np.int64], rows: NDArray[np.int64], k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Measure pairs and keep the k best of each query; owners ascend, and each has at least k pairs."""
        similarity = np.empty(len(rows), np.float32)
        for start in range(0, len(rows), _PAIRS):
            part = slice(start, start + _PAIRS)
            left = queries[owners[part]].astype(np.float64)
            exact = np.einsum("ij,ij->i", left, self._storage[rows[part]].astype(np.float64))
            similarity[part] = np.clip(exact, -1.0, 1.0)
        order = np.lexsort((rows, -similarity, owners))
        first = np.searchsorted(owners, np.arange(len(queries)))
        chosen = order[first[:, None] + np.arange(k)]
        return rows[chosen].astype(np.int64), similarity[chosen]

    def _ask_graph(self, queries: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]] | None:
        """Let hnswlib propose k rows per query; ``None`` when it cannot reach that many."""
        self._graph.set_ef(max(_QUERY_BREADTH, 2 * k))
        try:
            labels, _ = self._graph.knn_query(queries, k=k, num_threads=-1)
        except RuntimeError:  # many equal vectors can leave parts of the graph unreachable
            _log.debug("hnswlib found fewer than %d of %d rows; all rows were searched", k, self._size)
            return None
        owners = np.repeat(np.arange(len(queries)), k)
        return self._best(queries, owners, labels.astype(np.int64).ravel(), k)

    def _grow_graph(self) -> None:
        """Bring the graph up to date with the rows, building it when there is none yet."""
        if self._graph is None:
            try:
                import hnswlib  # type: ignore[import-untyped, unused-ignore]  # compiled, without types
            except ImportError as error:
                self._wants_graph = False
                _log.warning("hnswlib cannot be imported (%s): %d vectors are searched exactly", error, self._size)
                return
            self._graph = hnswlib.Index(space="ip", dim=self._dimension)
            self._graph.init_index(
                max_elements=len(self._storage), M=_LINKS, ef_construction=_BUILD_BREADTH, random_seed=_SEED
            )
        if self._graph.get_max_elements() < self._size:
            self._graph.resize_index(len(self._storage))
        start = self._graph.get_current_count()
        labels = np.arange(start, self._size)
        self._graph.add_items(self._storage[start : self._size], labels, num_threads=1)

    def _reserve(self, n_rows: int) -> None:
        """Make room, at least doubling, so that adding one by one stays linear."""
        if n_rows > len(self._storage):
            grown = np.empty((max(n_rows, 2 * len(self._storage)), self._dimension), np.float32)
            grown[: self._size] = self._storage[: self._size]
            self._storage = grown

    def _checked(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Refuse what is no unit vector: its products would be no cosines, silently."""
        rows = np.ascontiguousarray(vectors, dtype=np.float32)
        if rows.ndim != 2 or rows.shape[1] != self._dimension:
            raise ValueError(f"vectors have shape {rows.shape}: expected (m, {self._dimension}), one vector by row")
        norms = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
        wrong = np.flatnonzero(~(np.abs(norms - 1.0) <= _NORM_SLACK))
        if len(wrong):
            raise ValueError(f"vector {wrong[0]} has L2 norm {norms[wrong[0]]:.6g}: expected a finite vector of norm 1")
        return rows


def _at_most_kth(similarity: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """A bound that at least the k greatest of each row reach, and few others do; ten times as fast as the k-th itself.

    Each of the k groups of columns with the greatest maxima holds a value that is not below the k-th of these maxima.
    """
    width = similarity.shape[1] // _GROUP_SIZE
    if width < k:
        width = similarity.shape[1]
    maxima = similarity[:, :width].copy()
    for first in range(width, similarity.shape[1] - width + 1, width):
        np.maximum(maxima, similarity[:, first : first + width], out=maxima)
    bound: NDArray[np.float32] = maxima.max(axis=1) if k == 1 else np.partition(maxima, width - k, axis=1)[:, width - k]
    return bound
