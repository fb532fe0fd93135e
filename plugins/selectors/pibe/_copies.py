"""Candidates with the very same vector, taken together: a neighbour graph needs each vector only once.

Hundreds of copies would fill each other's lists of neighbours, and with a history every list would have to grow past
all of them. What a group of copies offers the others is its best member's offer; what it offers its own members, the
best one's besides themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Copies:
    """Which candidates are copies of which.

    :ivar first: the first candidate with each vector, ascending, shape ``(u,)``.
    :ivar node: which of these vectors each candidate has, shape ``(n,)``.
    """

    first: NDArray[np.int64]
    node: NDArray[np.int64]

    @classmethod
    def among(cls, vectors: NDArray[np.floating]) -> Copies:
        """Find equal rows, bit for bit."""
        seen: dict[bytes, int] = {}
        first: list[int] = []
        node = np.empty(len(vectors), dtype=np.int64)
        for row, vector in enumerate(vectors):
            number = seen.setdefault(vector.tobytes(), len(first))
            if number == len(first):
                first.append(row)
            node[row] = number
        return cls(np.array(first, dtype=np.int64), node)

    def best_offers(self, a: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What the copies of each vector offer at no distance.

        :param a: <= 0, shape ``(n,)``.
        :returns: the greatest ``a`` of each vector, shape ``(u,)``; for each candidate ``-a`` of its best copy, shape
            ``(n,)``, infinite where it has none.
        """
        if len(self.first) == len(a):
            return a, np.full(len(a), np.inf)
        order = np.lexsort((a, self.node))
        every = np.arange(len(self.first))
        last = np.searchsorted(self.node[order], every, side="right") - 1
        top = a[order[last]]
        shared = last > np.searchsorted(self.node[order], every)
        second = np.where(shared, a[order[last - 1]], -np.inf)
        best = np.where(shared, top, -np.inf)[self.node]
        best[order[last]] = second
        return top, -best
