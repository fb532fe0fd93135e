"""The dense engine: affinity propagation as released, in float64, for any preference (paper file, section b).

Up to seven matrices of n x n float64; time O(iterations * n^2). The released sums in float32 lose the score at a few
ten thousand candidates (E4), hence float64 and a refusal instead of half precision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._schedule import Messages, Schedule, Steadiness

if TYPE_CHECKING:
    from numpy.typing import NDArray


def similarities(distance: NDArray[np.float64], preference: float | None) -> NDArray[np.float64]:
    """Turn distances into similarities, in place (step 1).

    :param distance: shape ``(n, n)``, zero diagonal; overwritten.
    :param preference: what stands on the diagonal; ``None`` for the median of all n^2 entries (the mean of the middle
        two), the zeros of the diagonal included.
    """
    similarity = np.negative(distance, out=distance)
    np.fill_diagonal(similarity, float(np.median(similarity)) if preference is None else preference)
    return similarity


def add_tie_noise(similarity: NDArray[np.float64], seed: int) -> None:
    """Shake similarities by a few units in the last place, in place, so that exact ties fall one way (step 2)."""
    facts = np.finfo(np.float64)
    noise = np.random.default_rng(seed).standard_normal(similarity.shape)
    noise *= facts.eps * similarity + 100 * facts.tiny
    similarity += noise


def propagate(
    similarity: NDArray[np.float64], schedule: Schedule, history: NDArray[np.float64] | None = None
) -> tuple[Messages, NDArray[np.float64]]:
    """Pass responsibilities and availabilities until the exemplars stand still (step 3), then score (step 5).

    :param similarity: shape ``(n, n)``, n >= 2, preference on the diagonal.
    :param history: H of step 4, shape ``(n, n)``; ``None`` for a round without a past.
    :returns: the messages, and the responsibilities R, shape ``(n, n)``.
    """
    n = len(similarity)
    availability, responsibility = np.zeros((n, n)), np.zeros((n, n))
    work = np.empty((n, n))
    steady = Steadiness(n, schedule.convergence_iterations)
    iterations, converged = 0, False
    while iterations < schedule.max_iterations and not converged:
        _new_responsibilities(similarity, availability, work)
        _damp(responsibility, work, schedule.damping)
        if history is not None:
            pull = schedule.pull(iterations)
            responsibility *= 1.0 - pull
            responsibility += np.multiply(history, pull, out=work)
        _new_availabilities(responsibility, work)
        _damp(availability, work, schedule.damping)
        iterations += 1
        converged = steady.reached(np.diagonal(availability) + np.diagonal(responsibility) > 0)
    np.add(availability, responsibility, out=work)
    rep = (work.sum(axis=0) - work.sum(axis=1) + np.diagonal(work)) / n
    own = np.diagonal(responsibility).copy(), np.diagonal(availability).copy()
    return Messages(rep, *own, iterations, converged), responsibility


def _new_responsibilities(
    similarity: NDArray[np.float64], availability: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    rows = np.arange(len(out))
    np.add(availability, similarity, out=out)
    best = out.argmax(axis=1)
    highest = out[rows, best]
    out[rows, best] = -np.inf
    second = out.max(axis=1)
    np.subtract(similarity, highest[:, None], out=out)
    out[rows, best] = similarity[rows, best] - second


def _new_availabilities(responsibility: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    np.maximum(responsibility, 0.0, out=out)
    np.fill_diagonal(out, np.diagonal(responsibility))
    np.subtract(out.sum(axis=0)[None, :], out, out=out)
    own = np.diagonal(out).copy()
    np.minimum(out, 0.0, out=out)
    np.fill_diagonal(out, own)


def _damp(old: NDArray[np.float64], new: NDArray[np.float64], damping: float) -> None:
    old *= damping
    new *= 1.0 - damping
    old += new
