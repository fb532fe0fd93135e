"""Distances between candidates, safe for near-duplicates; float64 throughout.

Flows in: vectors of any norm, float32 or float64. Flows out: the D = -S of the paper's step 1, Euclidean
(``||x - y||``) or cosine (``1 - cos``). It decides nothing.

The product form ``|x|^2 + |y|^2 - 2xy`` loses near-duplicates to rounding (an exact copy would lie at 1e-8), so small
distances are measured again from differences; the cosine distance is taken as half a squared difference of unit rows
for the same reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Affinity = Literal["euclidean", "cosine"]

_NEAR = 1e-6  # squared distance, relative to the largest squared norm, under which the product form is not trusted
_BLOCK_BYTES = 2**21  # differences are formed in blocks that stay in the processor's cache


def unit_rows(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Scale every row to L2 norm 1, as float64; a zero row stays zero."""
    rows = np.asarray(vectors, dtype=np.float64)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0))


def distances(x: NDArray[np.floating], y: NDArray[np.floating], affinity: Affinity) -> NDArray[np.float64]:
    """Distance of every row of x to every row of y.

    :returns: float64, shape ``(len(x), len(y))``, >= 0, smaller is nearer; exactly 0 between copies.
    """
    left = unit_rows(x) if affinity == "cosine" else np.asarray(x, dtype=np.float64)
    right = left if y is x else unit_rows(y) if affinity == "cosine" else np.asarray(y, dtype=np.float64)
    left_squares, right_squares = (np.einsum("ij,ij->i", side, side) for side in (left, right))
    squared = left @ right.T
    squared *= -2.0
    squared += left_squares[:, None]
    squared += right_squares
    largest = max(left_squares.max(initial=0.0), right_squares.max(initial=0.0))
    rows, columns = np.nonzero(squared < _NEAR * largest)
    step = max(_BLOCK_BYTES // (8 * max(left.shape[1], 1)), 1)
    for start in range(0, len(rows), step):
        here = slice(start, start + step)
        gap = left[rows[here]] - right[columns[here]]
        squared[rows[here], columns[here]] = np.einsum("ij,ij->i", gap, gap)
    return squared / 2.0 if affinity == "cosine" else np.sqrt(squared, out=squared)


@dataclass(frozen=True)
class Space:
    """One round's candidates and how far apart they are.

    :ivar vectors: shape ``(n, d)``, any norm, float32 or float64; never copied as a whole.
    """

    vectors: NDArray[np.floating]
    affinity: Affinity

    def __len__(self) -> int:
        return len(self.vectors)

    def block(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Distances of some rows to all, shape ``(len(rows), n)``."""
        return distances(self.vectors[rows], self.vectors, self.affinity)

    def edges(self, rows: NDArray[np.int64], neighbours: NDArray[np.integer]) -> NDArray[np.float64]:
        """Distances from each row to its listed neighbours, from differences.

        :param neighbours: row numbers, shape ``(len(rows), k)``.
        :returns: float64, shape ``(len(rows), k)``; bit for bit the same from both ends of an edge.
        """
        found = np.empty(neighbours.shape)
        step = max(_BLOCK_BYTES // (8 * max(neighbours.shape[1] * self.vectors.shape[1], 1)), 1)
        for start in range(0, len(rows), step):
            here = slice(start, start + step)
            gap = self._points(neighbours[here].ravel()).reshape(*neighbours[here].shape, -1)
            gap -= self._points(rows[here])[:, None, :]
            np.einsum("rkd,rkd->rk", gap, gap, out=found[here])
        return found / 2.0 if self.affinity == "cosine" else np.sqrt(found, out=found)

    def floor(self, reach: NDArray[np.float64], slack: float) -> NDArray[np.float64]:
        """The least true distance of something that a search with this error put behind ``reach``.

        :param slack: error of the search, in squared Euclidean distance.
        """
        if self.affinity == "cosine":
            return np.maximum(reach - slack / 2.0, 0.0)
        return np.sqrt(np.maximum(reach**2 - slack, 0.0))

    def _points(self, rows: NDArray[np.integer]) -> NDArray[np.float64]:
        points = self.vectors[rows]
        return unit_rows(points) if self.affinity == "cosine" else points.astype(np.float64)
