"""Which rows are too similar to rows kept before them: the sequential scan, done in blocks of matrix products.

Flows in: vectors in the order of the scan, a limit. Flows out: the places kept, the same as if one row after another
had been compared with every row kept so far. Decisions that are close to the limit are made on float64 products of the
two rows alone, so they depend neither on the blocks nor on the number of threads.

Most pairs are far below the limit, and a few leading components show it: for x = (x1, x2), split along an orthonormal
basis, x.y <= x1.y1 + |x2| |y2| (Cauchy-Schwarz). So the rows are turned onto the principal directions of a sample, |x2|
is put beside x1 as one more component, and a short product gives a bound for every pair; only pairs whose bound passes
the limit are measured. The basis decides how much time is saved, never what is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SLACK = 1e-4  # of cosine similarity: more than float32 products of unit vectors can be wrong
_SAMPLE = 4096  # rows the principal directions are taken from; fewer rows are compared as they are
_BLOCK = 1024  # rows of the scan looked at together
_KEPT = 4096  # rows kept that they are compared with at once: products have to stay in the processor's cache
_DENSE = 1 / 32  # share of pairs to be measured above which one full product is quicker
_PAIRS = 4096  # pairs measured at once


@dataclass(frozen=True)
class Scan:
    """Rows in the order of the scan.

    :ivar vectors: float32, shape ``(n, d)``, L2 norm 1 by row (or 0).
    :ivar order: row numbers, first to be kept first.
    :ivar limit: cosine similarity to a row kept before above which a row is left out, -1 to 1.
    """

    vectors: NDArray[np.float32]
    order: NDArray[np.int64]
    limit: float

    def kept(self, size: int) -> NDArray[np.int64]:
        """Give the rows kept, in order, until there are ``size`` of them."""
        short = _shortened(self.vectors, self.limit)
        kept = np.empty(min(size, len(self.order)), dtype=np.int64)
        n_kept = 0
        for start in range(0, len(self.order), _BLOCK):
            if n_kept == len(kept):
                break
            block = self.order[start : start + _BLOCK]
            for before in range(0, n_kept, _KEPT):
                block = self._unlike(short, block, kept[before : min(before + _KEPT, n_kept)])
            new = self._first_of_each(short, block)[: len(kept) - n_kept]
            kept[n_kept : n_kept + len(new)] = new
            n_kept += len(new)
        return kept[:n_kept]

    def _unlike(
        self, short: NDArray[np.float32], rows: NDArray[np.int64], others: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Give the rows that are too similar to none of the others."""
        bound = short[rows] @ short[others].T
        likest = bound.argmax(axis=1)
        suspects = np.flatnonzero(bound[np.arange(len(rows)), likest] > self.limit - _SLACK)
        out = self._above(rows[suspects], others[likest[suspects]])  # mostly the one that decides
        left, _ = self._too_similar(bound[suspects[~out]], rows[suspects[~out]], others)
        return np.delete(rows, np.concatenate([suspects[out], suspects[~out][left]]))

    def _first_of_each(self, short: NDArray[np.float32], block: NDArray[np.int64]) -> NDArray[np.int64]:
        """Scan the rows of a block against each other."""
        left, right = self._too_similar(short[block] @ short[block].T, block, block)
        left, right = left[right > left], right[right > left]
        keep = np.ones(len(block), dtype=bool)
        starts = np.flatnonzero(np.diff(left, prepend=-1))
        for place, others in zip(left[starts], np.split(right, starts[1:]), strict=bool(len(left))):
            if keep[place]:
                keep[others] = False
        return block[keep]

    def _too_similar(
        self, bound: NDArray[np.float32], rows: NDArray[np.int64], others: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Find the pairs above the limit, as places in ``rows`` (ascending) and in ``others``.

        :param bound: at least their similarities, but for rounding.
        """
        left, right = _places(bound > self.limit - _SLACK)
        if len(left) > _DENSE * bound.size:
            similarity = self.vectors[rows] @ self.vectors[others].T
            left, right = _places(similarity > self.limit - _SLACK)
            above = similarity[left, right] > self.limit + _SLACK
            unsure = np.flatnonzero(~above)
            above[unsure] = self._above(rows[left[unsure]], others[right[unsure]])
        else:
            above = self._above(rows[left], others[right])
        return left[above], right[above]

    def _above(self, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Measure pairs of rows, by float64 products, and compare them with the limit."""
        above = np.empty(len(left), dtype=bool)
        for start in range(0, len(left), _PAIRS):
            here = slice(start, start + _PAIRS)
            above[here] = similarities(self.vectors, left[here], right[here]) > self.limit
        return above


def _places(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of what is true, in order; some ten times as fast as `numpy.nonzero` on two axes."""
    rows, columns = np.divmod(np.flatnonzero(mask), max(mask.shape[1], 1))
    return rows, columns


def similarities(
    vectors: NDArray[np.float32], left: NDArray[np.int64], right: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Cosine similarity of pairs of unit rows, float64, each from its two rows alone."""
    return np.asarray(np.einsum("ij,ij->i", vectors[left].astype(np.float64), vectors[right].astype(np.float64)))


def _shortened(vectors: NDArray[np.float32], limit: float) -> NDArray[np.float32]:
    """Rows whose products bound those of the given rows from above; see the module.

    So many directions are taken that what is beside them adds half the limit to a bound, on average.
    """
    n, d = vectors.shape
    if n <= _SAMPLE:
        return vectors
    sample = vectors[np.linspace(0, n - 1, _SAMPLE).astype(np.int64)].astype(np.float64)
    spread, directions = np.linalg.eigh(sample.T @ sample)
    beside = np.cumsum(spread) <= max(limit, 0.0) / 2.0 * spread.sum()  # ascending
    if beside.sum() < d / 4:
        return vectors
    leading = vectors @ directions[:, ~beside].astype(np.float32)
    total, known = (np.einsum("ij,ij->i", side, side) for side in (vectors, leading))
    return np.column_stack([leading, np.sqrt(np.maximum(total - known, 0.0))])
