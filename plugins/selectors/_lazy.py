"""Lazy greedy: the picks of plain greedy, with gains measured only where they can matter (Minoux 1978).

Flows in: an objective whose gains only shrink as rows are taken (a submodular function's do), and every row's gain at
the beginning. Flows out: rows in the order of the picks, and each one's gain. A heap holds the last known gains, which
bound the present ones; the top is measured again until it stays on top.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MOST_AT_ONCE = 64  # rows measured together; one product for many is cheaper than many products


class Objective(Protocol):
    """What is to be made large, one row at a time."""

    def gains(self, rows: list[int]) -> NDArray[np.float64]:
        """Measure what each of some rows would add to those taken, shape ``(len(rows),)``."""

    def take(self, row: int) -> None:
        """Add a row to those taken."""


def lazy_greedy(
    objective: Objective, gains: NDArray[np.float64], preference: NDArray[np.int64], n_picks: int
) -> tuple[list[int], list[float]]:
    """Take the row of the greatest gain, again and again.

    :param gains: what every row adds to nothing, shape ``(n,)``.
    :param preference: all rows; of equal gains the one that stands here first is taken.
    :param n_picks: at most n.
    :returns: rows, and the gain of each at its pick.
    """
    heap = [(-float(gains[row]), place, int(row)) for place, row in enumerate(preference)]
    heapify(heap)
    measured_at = [0] * len(heap)  # after so many picks
    order: list[int] = []
    found: list[float] = []
    while len(order) < n_picks:
        at_once = 1
        while measured_at[heap[0][2]] < len(order):
            _measure_top(objective, heap, measured_at, len(order), at_once)
            at_once = min(2 * at_once, _MOST_AT_ONCE)
        gain, _, row = heappop(heap)
        objective.take(row)
        order.append(row)
        found.append(-gain)
    return order, found


def _measure_top(
    objective: Objective, heap: list[tuple[float, int, int]], measured_at: list[int], n_taken: int, at_once: int
) -> None:
    """Bring the topmost outdated entries up to date, at most so many, stopping at the first that is not outdated."""
    outdated: list[tuple[int, int]] = []
    while heap and len(outdated) < at_once and measured_at[heap[0][2]] < n_taken:
        outdated.append(heappop(heap)[1:])
    for (place, row), gain in zip(outdated, objective.gains([row for _, row in outdated]), strict=True):
        measured_at[row] = n_taken
        heappush(heap, (-float(gain), place, row))
