"""The state: what the policy sees of every row at one step (arXiv:2504.07282, eq. 2-6).

One row of the state is, in this order: stage (P before the step, t/T), difficulty (tokens of the question x, tokens of
the answer y, log p(y|x), log p(y)), semantics (the embedding, pooled), availability (times chosen in this training).
Only stage and availability change from step to step; the rest is `static`. 39 columns with 32 of semantics.

The paper does not speak of scaling. Raw lengths and log-likelihoods are in the hundreds beside a t/T of 0 to 1, so
by default static columns are standardised with the pool's statistics, availability is log(1 + times), and P is divided
by the size of its first value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIFFICULTY = ("tokens of x", "tokens of y", "log p(y|x)", "log p(y)")
_SMALLEST = 1e-12
"""Deviations, and first values of P, below this divide nothing."""


def column_names(semantics: int) -> tuple[str, ...]:
    """Name the columns of a state."""
    return ("P before", "t / T", *DIFFICULTY, *(f"semantics {n}" for n in range(1, semantics + 1)), "times chosen")


def column_groups(semantics: int) -> dict[str, slice]:
    """Give the four groups of columns, in order."""
    return {
        "stage": slice(0, 2),
        "difficulty": slice(2, 6),
        "semantics": slice(6, 6 + semantics),
        "availability": slice(6 + semantics, 7 + semantics),
    }


@dataclass(frozen=True)
class Scaling:
    """How raw numbers become columns; kept with the policy, since it is only right for these.

    :ivar mean: of each static column, float64, shape ``(4 + semantics,)``; 0 where nothing is scaled.
    :ivar deviation: likewise; 1 where nothing is scaled, and for a column that is the same everywhere.
    """

    kind: str
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]

    @classmethod
    def fit(cls, kind: str, raw: NDArray[np.float32]) -> Scaling:
        """Take the statistics of a pool.

        :param kind: ``standard`` or ``none``.
        :param raw: static columns as measured, shape ``(n, 4 + semantics)``.
        """
        if kind == "none":
            return cls(kind, np.zeros(raw.shape[1]), np.ones(raw.shape[1]))
        deviation = raw.std(axis=0, dtype=np.float64)
        return cls(kind, raw.mean(axis=0, dtype=np.float64), np.where(deviation > _SMALLEST, deviation, 1.0))

    def static(self, raw: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scale static columns, shape ``(n, 4 + semantics)``."""
        return ((raw - self.mean) / self.deviation).astype(np.float32)

    def perf(self, perf: float, first: float) -> float:
        """Scale P.

        :param first: P before the training's first step.
        """
        return perf / abs(first) if self.kind == "standard" and abs(first) > _SMALLEST else perf

    def availability(self, counts: NDArray[np.int32]) -> NDArray[np.float32]:
        """Scale how often rows were chosen."""
        return (np.log1p(counts) if self.kind == "standard" else counts).astype(np.float32)


def fuse(
    static: NDArray[np.float32], stage: tuple[float, float], availability: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Put a state together from scaled parts.

    :param static: shape ``(n, 4 + semantics)``.
    :param stage: P before the step, and t/T.
    :param availability: shape ``(n,)``.
    :returns: float32, shape ``(n, 7 + semantics)``.
    """
    n, width = static.shape
    state = np.empty((n, width + 3), dtype=np.float32)
    state[:, 0], state[:, 1] = stage
    state[:, 2:-1] = static
    state[:, -1] = availability
    return state
