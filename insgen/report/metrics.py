"""How good and how varied a subset of a pool is: pure functions of vectors, labels and row numbers.

Flows in: unit vectors. Flows out: single numbers, or one per row. Nothing is drawn at random and nothing of size n x n
is ever held, so pools of 10^5 rows fit. The distance is everywhere 1 - cosine similarity, 0 (same direction) to 2
(opposite); smaller is nearer. Measured in float32 products: copies come out within 1e-6 of 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_BLOCK_ENTRIES = 1 << 22  # similarities held at a time: 16 MiB of float32
_BLOCK_ROWS = 1 << 14  # rows taken to float64 at a time: 50 MiB at 384 dimensions


def nearest_distance(vectors: NDArray[np.float32], centers: NDArray[np.float32]) -> NDArray[np.float32]:
    """Distance of every row to the nearest center.

    Its mean over a pool is what k-medians and facility location (Lin & Bilmes 2011, ACL) minimise, its maximum, the
    covering radius, what k-center does (Sener & Savarese 2018, arXiv:1708.00489).

    :param vectors: float32, shape ``(n, d)``, L2 norm 1 by row.
    :param centers: float32, shape ``(m, d)``, L2 norm 1 by row, m >= 1.
    :returns: float32, shape ``(n,)``, 0 to 2.
    """
    found = np.empty(len(vectors), np.float32)
    step = max(1, _BLOCK_ENTRIES // len(centers))
    for start in range(0, len(vectors), step):
        here = slice(start, start + step)
        found[here] = (vectors[here] @ centers.T).max(axis=1)
    return np.clip(1.0 - found, 0.0, 2.0, out=found)


def spacing(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Distance of every row to its nearest other row (the measure of Clark & Evans 1954, Ecology 35(4)).

    :param vectors: float32, shape ``(n, d)``, L2 norm 1 by row.
    :returns: float32, shape ``(n,)``, 0 to 2; empty for fewer than two rows, which have no other.
    """
    n = len(vectors)
    if n < 2:
        return np.empty(0, np.float32)
    found = np.empty(n, np.float32)
    step = max(1, _BLOCK_ENTRIES // n)
    for start in range(0, n, step):
        similarity = vectors[start : start + step] @ vectors.T
        own = np.arange(len(similarity))
        similarity[own, start + own] = -np.inf
        found[start : start + step] = similarity.max(axis=1)
    return np.clip(1.0 - found, 0.0, 2.0, out=found)


def vendi_score(vectors: NDArray[np.floating]) -> float:
    """Effective number of different rows, 1 (all alike) to n (all orthogonal): the Vendi score.

    Friedman & Dieng 2023 (TMLR, arXiv:2210.02410), definition 3.1 with the cosine kernel: the exponential of the
    entropy of the eigenvalues of K/n, K = X X^T over unit rows. X^T X / n has the same eigenvalues but for zeros, so
    the smaller of the two is decomposed: O(n d min(n, d)), exact.

    :param vectors: shape ``(n, d)``, any norm above 0.
    :returns: 0.0 for no rows.
    """
    n, d = vectors.shape
    if n == 0:
        return 0.0
    if n > d:
        gram = np.zeros((d, d))
        for start in range(0, n, _BLOCK_ROWS):
            rows = _unit(vectors[start : start + _BLOCK_ROWS])
            gram += rows.T @ rows
    else:
        rows = _unit(vectors)
        gram = rows @ rows.T
    shares = np.linalg.eigvalsh(gram / n)
    shares = shares[shares > 0]  # rounding leaves tiny negative ones, and 0 ln 0 counts as 0
    return float(np.exp(-(shares * np.log(shares)).sum()))


def share_entropy(labels: NDArray[np.integer], n_labels: int) -> float | None:
    """Evenness of a subset over clusters: Shannon entropy over its greatest possible value, 0 to 1.

    0: all in one cluster; 1: as many in each, which fewer rows than clusters cannot reach. Shannon 1948
    (entropy); Pielou 1966, J. Theor. Biol. 13 (the quotient H / ln S).

    :param labels: the cluster of every row, 0 up to but not n_labels.
    :param n_labels: clusters there are, whether the subset reaches them or not.
    :returns: ``None`` where there is nothing to be even about: no row, or fewer than two clusters.
    """
    if not len(labels) or n_labels < 2:
        return None
    shares = np.bincount(labels, minlength=n_labels) / len(labels)
    shares = shares[shares > 0]
    return max(0.0, float(-(shares * np.log(shares)).sum() / np.log(n_labels)))


def overlap(first: Sequence[int], second: Sequence[int]) -> float | None:
    """Share of the smaller of two sets that the other has too, 0 to 1 (the Szymkiewicz-Simpson coefficient).

    :param first: row numbers, none twice; ``second`` likewise.
    :returns: ``None`` when one is empty.
    """
    smaller = min(len(first), len(second))
    return len(set(first) & set(second)) / smaller if smaller else None


def assign(vectors: NDArray[np.float32], centers: NDArray[np.float32]) -> NDArray[np.int64]:
    """Number of the nearest center of every row; of equals the first.

    :param vectors: float32, shape ``(n, d)``, L2 norm 1 by row.
    :param centers: float32, shape ``(m, d)``, L2 norm 1 by row, m >= 1.
    :returns: int64, shape ``(n,)``.
    """
    found = np.empty(len(vectors), np.int64)
    step = max(1, _BLOCK_ENTRIES // len(centers))
    for start in range(0, len(vectors), step):
        here = slice(start, start + step)
        found[here] = (vectors[here] @ centers.T).argmax(axis=1)
    return found


def _unit(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    rows = np.asarray(vectors, dtype=np.float64)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))
