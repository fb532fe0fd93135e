"""What the selectors share: from ordered rows to a selection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from insgen import Pool, Ranked, Selection

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FARTHEST = 2.0
"""The largest distance between unit vectors, Euclidean or cosine: the diversity of a pick that has none before it."""


def selection(
    pool: Pool,
    order: Sequence[int] | NDArray[np.int64],
    diversity: Sequence[float] | NDArray[np.floating],
    utility: Sequence[float] | NDArray[np.floating],
) -> Selection:
    """Make the selection of these rows of the pool.

    :param order: row numbers, best first, none twice.
    :param diversity: of each place in the order; ``utility`` likewise.
    """
    return Selection(
        tuple(
            Ranked(pool.candidates[row].id, float(diverse), float(pool.quality[row]), float(useful))
            for row, diverse, useful in zip(order, diversity, utility, strict=True)
        )
    )


def best_first(quality: NDArray[np.float64]) -> NDArray[np.int64]:
    """Order rows by quality, highest first; of equals the lower row (members before newcomers, then age) goes first."""
    import numpy as np

    return np.argsort(-quality, kind="stable")
