"""What both engines share: how long to pass messages, how strongly the past pulls, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Schedule:
    """The constants of step 3; ranges as in the options of the selector."""

    damping: float
    alpha: float
    decay: float
    max_iterations: int
    convergence_iterations: int

    def pull(self, iteration: int) -> float:
        """Weight of the history in an iteration, counted from 0: ``alpha * decay**t`` (step 3d)."""
        return float(self.alpha * self.decay**iteration)


class Steadiness:
    """The stopping rule of step 3g: nobody changed sides for a while, and somebody is an exemplar."""

    def __init__(self, n: int, width: int) -> None:
        self._ring = np.zeros((width, n), dtype=bool)
        self._seen = 0

    def reached(self, exemplars: NDArray[np.bool_]) -> bool:
        """Note who is an exemplar after an iteration, and say whether to stop."""
        width = len(self._ring)
        self._ring[self._seen % width] = exemplars
        self._seen += 1
        if self._seen <= width or not exemplars.any():
            return False
        return bool((self._ring.all(axis=0) | ~self._ring.any(axis=0)).all())


@dataclass(frozen=True)
class Messages:
    """The end of one propagation over n candidates.

    :ivar rep: representation score (step 5), shape ``(n,)``; higher is more different from the rest (preference 0).
    :ivar r: self-responsibilities R(i, i), shape ``(n,)``; ``a``: self-availabilities A(i, i).
    :ivar iterations: how many were run.
    :ivar converged: False when ``max_iterations`` ended it.
    """

    rep: NDArray[np.float64]
    r: NDArray[np.float64]
    a: NDArray[np.float64]
    iterations: int
    converged: bool

    @property
    def exemplars(self) -> NDArray[np.int64]:
        """Rows of those that stand for themselves (step 3g)."""
        return np.flatnonzero(self.a + self.r > 0)
