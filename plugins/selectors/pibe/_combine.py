"""From representation and quality to a ranking (paper file, steps 6 to 9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Mode = Literal["multiply", "addition", "nonlinear"]
FloorRows = Literal["bank", "all", "6000"]

_LOW_QUANTILE = 0.3  # L of step 8
_DECIMALS = 12  # rounding of the engines must not decide ties that mutual nearest neighbours make (E6)


@dataclass(frozen=True)
class Mix:
    """How diversity and quality make one key; ranges as in the options of the selector."""

    mode: Mode
    gamma: float
    quantile: float


def diversity_range(rep: NDArray[np.float64], n_members: int, floor_rows: FloorRows) -> tuple[float, float]:
    """The representation scores that become diversity 0 and 1 (step 6).

    :param n_members: old members at the head of the rows; 0 in a first round, where the floor is over all rows.
    :param floor_rows: over which rows a later round takes its floor.
    """
    n_floor = {"bank": n_members, "all": len(rep), "6000": 6000}[floor_rows] if n_members else len(rep)
    return float(rep[:n_floor].min()), float(rep.max())


def scaled_diversity(rep: NDArray[np.float64], n_members: int, floor_rows: FloorRows) -> NDArray[np.float64]:
    """Scale representation scores to [0, 1] (step 6); see `diversity_range`. Rows below the floor get 0.

    :returns: shape ``(n,)``; all 0 when nothing rises above the floor.
    """
    low, high = diversity_range(rep, n_members, floor_rows)
    if high <= low:
        return np.zeros_like(rep)
    return np.asarray(np.maximum((rep - low) / (high - low), 0.0))


def scaled_quality(quality: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale qualities to [0, 1] over this round (step 7); all 0 when they are equal: diversity decides."""
    low, high = quality.min(), quality.max()
    return (quality - low) / (high - low) if high > low else np.zeros_like(quality)


def combine(s: NDArray[np.float64], u: NDArray[np.float64], mix: Mix) -> NDArray[np.float64]:
    """The ranking key of step 8, rounded to 12 decimals; higher is better.

    ``multiply`` lies in [1, 2^(1+gamma)], ``addition`` in [0, 1+gamma], ``nonlinear`` (which knows no gamma) in (1, 4).

    :param s: scaled diversity, 0 to 1.
    :param u: scaled quality, 0 to 1.
    """
    if mix.mode == "addition":
        key = s + mix.gamma * u
    elif mix.mode == "multiply":
        key = (1.0 + s) * (1.0 + u) ** mix.gamma
    else:
        key = (1.0 + s) * (1.0 + flattened(u, mix.quantile))
    return np.asarray(np.round(key, _DECIMALS))


def flattened(u: NDArray[np.float64], quantile: float) -> NDArray[np.float64]:
    """The z of step 8: a sigmoid that is 0.12 at the 0.3-quantile of u and 0.88 at the given one.

    Where both quantiles are equal, z takes the sigmoid's limit: 0, 0.5 or 1 below, at and above them.
    """
    low, high = np.quantile(u, [_LOW_QUANTILE, quantile])
    if high <= low:
        return np.asarray((np.sign(u - low) + 1.0) / 2.0)
    return np.asarray(1.0 / (1.0 + np.exp(2.0 - 4.0 * (u - low) / (high - low))))


def best_first(key: NDArray[np.float64], quality: NDArray[np.float64]) -> NDArray[np.int64]:
    """Rows by falling key; ties by higher quality, then by age (the lower row)."""
    return np.lexsort((np.arange(len(key)), -quality, -key))
