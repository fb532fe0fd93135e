"""Whitening: vectors turned and stretched so that their columns are uncorrelated and of variance 1.

Flows in: all vectors of a pool. Flows out: as many rows. An option of DiverseEvol's released code, off by default:
y_i = (h_i - mean) (U diag(1 / sqrt(s)))[:, :c], where C = U diag(s) U^T is the covariance with n - 1; then divided by
its L2 norm. O(n d^2 + d^3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NOTHING = 1e-10  # of the largest variance: directions with less hold rounding alone


def whiten(vectors: NDArray[np.floating], components: int = 0) -> NDArray[np.float64]:
    """Whiten the columns.

    :param vectors: shape ``(n, d)``, n >= 2.
    :param components: directions of largest variance that are kept; 0 = all. Those without variance never are.
    :returns: shape ``(n, c)``; the columns have mean 0, covariance (n - 1) the identity. No column where all rows are
        alike.
    """
    centred = np.asarray(vectors, dtype=np.float64) - np.mean(vectors, axis=0, dtype=np.float64)
    variances, directions = np.linalg.eigh(centred.T @ centred / (len(centred) - 1))
    order = [place for place in np.argsort(-variances) if variances[place] > _NOTHING * max(variances[-1], 1e-300)]
    order = order[: components or None]
    return np.asarray(centred @ (directions[:, order] / np.sqrt(variances[order])))


def unit_rows(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Divide rows by their L2 norms; a row of zeros stays."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(norms > 0, norms, 1.0), dtype=np.float64)
