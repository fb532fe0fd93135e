"""Chooses a batch from scores, class by class (arXiv:2504.07282, Algorithm 1).

Each of C classes gives its B // C best rows. The paper leaves the rest open; the reading here: places that B mod C
leaves go one each to the classes whose next score is best, and what small classes cannot fill goes to the best rows
that are left, whatever their class. Of equal scores the row with the smaller id goes first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class Classes:
    """Which rows belong together.

    :ivar labels: the class of each row, from 0, shape ``(n,)``.
    :ivar rows: row numbers by class, in the order of their ids.
    """

    def __init__(self, labels: NDArray[np.int64], ids: Sequence[str]) -> None:
        self.labels = labels
        by_id = np.array(sorted(range(len(ids)), key=ids.__getitem__), dtype=np.int64)
        self.rows = [by_id[labels[by_id] == label] for label in range(int(labels.max()) + 1)]
        self._by_id = by_id
        self._place = np.argsort(by_id)

    def choose(self, scores: NDArray[np.float32], size: int) -> NDArray[np.int64]:
        """Choose a batch.

        :param scores: shape ``(n,)``, higher is better.
        :param size: B, at most n.
        :returns: row numbers, no one twice: class after class, best first in each, then those that fill up.
        """
        labels = self.labels
        share, extra = divmod(size, len(self.rows))
        leaders = [best(scores, rows, share + (extra > 0)) for rows in self.rows]
        chosen = [rows[:share] for rows in leaders]
        following = [rows[share] for rows in leaders if len(rows) > share]
        for row in sorted(following, key=lambda row: (-scores[row], self._place[row]))[:extra]:
            chosen[labels[row]] = leaders[labels[row]]
        short = size - sum(map(len, chosen))
        if short:
            free = np.ones(len(scores), dtype=bool)
            free[np.concatenate(chosen)] = False
            chosen.append(best(scores, self._by_id[free[self._by_id]], short))
        return np.concatenate(chosen)

    def places(self, scores: NDArray[np.float32]) -> NDArray[np.int64]:
        """Tell each row's place within its class, from 0 for the best."""
        place = np.empty(len(scores), dtype=np.int64)
        for rows in self.rows:
            place[best(scores, rows, len(rows))] = np.arange(len(rows))
        return place


def best(scores: NDArray[np.float32], rows: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Give the n best of some rows, best first; of equals those that stand first in ``rows``; fewer where there are."""
    n = min(n, len(rows))
    if n == 0:
        return rows[:0]
    own = scores[rows]
    limit = np.partition(own, len(own) - n)[len(own) - n]  # the n-th best score: only what reaches it is sorted
    near = np.flatnonzero(own >= limit)
    found: NDArray[np.int64] = rows[near[np.argsort(-own[near], kind="stable")[:n]]]
    return found
