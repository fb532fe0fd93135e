"""Farthest-first traversal: the same picks as one pass over all vectors per pick, in far fewer passes.

Flows in: vectors, the rows to start from, weights. Flows out: rows in the order of the picks, and the distances at the
picks. It decides nothing about where to start.

Distances to what is taken only shrink, so an old distance is a bound for the new one. A block looks at the rows that
are farthest by their old distances; as long as the farthest of them, brought up to date, lies above every row outside
the block, it is the pick (on float64 products: rounding decides nothing). Only then does one matrix product bring all
rows up to date with all picks of the block. So 1,000 picks of 100,000 take some 15 passes, each on cached blocks
instead of one memory-bound pass per pick.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NEAR = 1e-4  # squared distance, relative to the largest squared norms, under which float32 products say nothing
_ROUNDING = 4e-6  # of a squared distance, relative to the same: more than float32 products can be wrong
_BLOCK = 512  # rows looked at between two passes; their mutual distances are a matrix
_ROWS = 4096  # rows brought up to date at once, so that products stay in the processor's cache
_DIFFERENCES = 4096  # pairs measured by differences at once


@dataclass
class Traversal:
    """How far every row is from what is taken.

    :ivar vectors: shape ``(n, d)``, any norm, float32 or float64.
    :ivar weights: shape ``(n,)``, above 0: a row's *squared* distance counts so many times over in a pick.
    :ivar gap: squared distance to the nearest row taken; infinite before the first, -1 for rows taken.
    :ivar order: rows taken so far.
    :ivar gaps: squared distance of each of them to the nearest row taken before it; infinite for the first.
    """

    vectors: NDArray[np.floating]
    weights: NDArray[np.float64]
    gap: NDArray[np.float64] = field(init=False)
    order: list[int] = field(init=False, default_factory=list)
    gaps: list[float] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self._squares = np.einsum("ij,ij->i", self.vectors, self.vectors, dtype=np.float64)
        self._near = _NEAR * 2.0 * float(self._squares.max(initial=0.0))
        self._doubt = _ROUNDING * self._near / _NEAR * float(self.weights.max(initial=0.0))
        self.gap = np.full(len(self.vectors), np.inf)

    def begin(self, rows: Sequence[int]) -> None:
        """Take given rows, in their order."""
        for start in range(0, len(rows), _BLOCK):
            block = np.asarray(rows[start : start + _BLOCK])
            among = self._squared(block, block)
            among[np.triu_indices(len(block))] = np.inf  # a row is measured to those before it
            self._take(block, np.minimum(self.gap[block], among.min(axis=1, initial=np.inf)))

    def take_farthest(self, n_picks: int) -> None:
        """Take row after row, each time the one whose weighted distance is greatest; of equals the lowest row."""
        while n_picks > 0:
            if self.gap.max() <= 0.0:  # what is left are copies of what is taken, and stay so
                self.take_top(n_picks)
                return
            block, gaps = self._certain_picks(n_picks)
            self._take(block, gaps)
            n_picks -= len(block)

    def take_top(self, n_picks: int) -> None:
        """Take the rows farthest from what was taken before this call; they do not repel each other.

        It leaves the distances of the other rows as they were.
        """
        top = np.argsort(-(self.gap * self.weights), kind="stable")[:n_picks]
        self.order += top.tolist()
        self.gaps += self.gap[top].tolist()
        self.gap[top] = -1.0

    def _certain_picks(self, n_picks: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Give the next picks as far as the block's rows alone decide them, at least one."""
        key = self.gap * self.weights
        top, outside = _largest(key, min(_BLOCK, len(key)))
        outside = max(outside + self._doubt, 0.0)
        alone = np.array([np.argmax(key)])
        if key[alone[0]] <= outside:  # more equals than the block holds
            return alone, self.gap[alone]
        among, gap, weights = self._squared(top, top, np.float64), self._measured_again(top), self.weights[top]
        picks: list[int] = []
        gaps: list[float] = []
        while len(picks) < n_picks:
            place = int(np.argmax(gap * weights))
            if gap[place] * weights[place] <= outside:
                break
            picks.append(place)
            gaps.append(float(gap[place]))
            np.minimum(gap, among[place], out=gap)
            gap[place] = -1.0
        return (top[picks], np.array(gaps)) if picks else (alone, self.gap[alone])

    def _measured_again(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Gaps of some rows by float64 products, so that rounding decides no pick."""
        gap = np.full(len(rows), np.inf)
        for start in range(0, len(self.order), _ROWS):
            taken = np.array(self.order[start : start + _ROWS])
            np.minimum(gap, self._squared(rows, taken, np.float64).min(axis=1), out=gap)
        return np.where(self.gap[rows] < 0.0, -1.0, gap)

    def _take(self, rows: NDArray[np.int64], gaps: NDArray[np.float64]) -> None:
        """Note picks, and bring every row up to date with them."""
        for start in range(0, len(self.vectors), _ROWS):
            here = np.arange(start, min(start + _ROWS, len(self.vectors)))
            nearest = self._squared(here, rows).min(axis=1)
            np.minimum(self.gap[here], nearest, out=nearest)
            self.gap[here] = nearest
        self.order += rows.tolist()
        self.gaps += gaps.tolist()
        self.gap[self.order] = -1.0

    def _squared(
        self, rows: NDArray[np.int64], others: NDArray[np.int64], precision: type[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Squared distances, shape ``(len(rows), len(others))``; small ones from differences: copies are at 0.

        :param precision: of the products; ``None`` takes that of the vectors.
        """
        of_rows, of_others = (
            self.vectors[each].astype(precision or self.vectors.dtype, copy=False) for each in (rows, others)
        )
        squared = (of_rows @ (-2.0 * of_others).T).astype(np.float64)
        squared += self._squares[rows][:, None]
        squared += self._squares[others]
        left, right = np.nonzero(squared < self._near)
        for start in range(0, len(left), _DIFFERENCES):
            here = slice(start, start + _DIFFERENCES)
            difference = self.vectors[rows[left[here]]].astype(np.float64) - self.vectors[others[right[here]]]
            squared[left[here], right[here]] = np.einsum("ij,ij->i", difference, difference)
        return squared


def _largest(key: NDArray[np.float64], count: int) -> tuple[NDArray[np.int64], float]:
    """Rows of the ``count`` largest keys, ascending by row, and the largest key that is not among them."""
    if count == len(key):
        return np.arange(count), -np.inf
    parted = np.argpartition(key, len(key) - count - 1)
    return np.sort(parted[len(key) - count :]), float(key[parted[len(key) - count - 1]])
