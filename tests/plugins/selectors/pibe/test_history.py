"""What a round inherits: the weights, the median, and the median's estimate."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from support.pools import clustered

from insgen.plugins.selectors.pibe import _history
from insgen.plugins.selectors.pibe._history import Remembered, assume, history_median, lower_median, weights


def expanded_median(once: np.ndarray, twice: np.ndarray) -> float:
    everything = np.sort(np.concatenate([once.ravel(), twice.ravel(), twice.ravel()]))
    return float(everything[(len(everything) - 1) // 2])


@settings(max_examples=50, deadline=None)
@given(
    once=arrays.arrays(np.float64, st.integers(1, 12), elements=st.floats(-4, 4)),
    twice=arrays.arrays(np.float64, st.integers(1, 12), elements=st.floats(-4, 4)),
)
def test_weighted_median_is_that_of_the_numbers_written_out(once: np.ndarray, twice: np.ndarray) -> None:
    assert lower_median([(once, 1.0), (twice, 2.0)]) == expanded_median(once, twice)


@pytest.mark.parametrize("kind", ["normal", "few values", "one value", "sorted", "two lumps"])
def test_median_of_many_is_found_without_sorting_them_all(kind: str) -> None:
    rng = np.random.default_rng(3)
    once, twice = rng.standard_normal(250_001), rng.standard_normal(180_000) - 2
    if kind == "few values":
        once, twice = np.round(once), np.round(twice)
    elif kind == "one value":
        once[:], twice[:] = 1.5, 1.5
    elif kind == "sorted":
        once, twice = np.sort(once), np.sort(twice)
    elif kind == "two lumps":
        once, twice = np.where(once > 0, 1.0, -1.0), np.where(twice > -2, 1.0, -1.0)
    assert lower_median([(once, 1.0), (twice, 2.0)]) == expanded_median(once, twice)


def test_weights_are_shares_of_the_cosine_distance() -> None:
    new, previous = clustered(12, 1), clustered(30, 2)
    w = weights(new, previous)
    for row, x in enumerate(new.astype(float)):
        apart = [1 - x @ y / np.linalg.norm(x) / np.linalg.norm(y) for y in previous.astype(float)]
        np.testing.assert_allclose(w[row], np.array(apart) / sum(apart), atol=1e-12)
    assert (w >= 0).all()
    np.testing.assert_allclose(w.sum(axis=1), 1)


def test_parallel_vectors_inherit_nothing_from_one_another() -> None:
    w = weights(np.array([[2.0, 0.0]]), np.array([[5.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]))
    np.testing.assert_allclose(w, [[0, 1 / 3, 2 / 3]])


def test_a_newcomer_parallel_to_all_inherits_from_all_alike() -> None:
    np.testing.assert_array_equal(weights(np.array([[3.0, 0.0]]), np.array([[1.0, 0.0], [2.0, 0.0]])), [[0.5, 0.5]])


@pytest.mark.parametrize(("n_looked_at", "limit"), [(400, 4000), (100, 4000), (400, 2_000_000)])
def test_median_from_samples_is_near_the_one_from_everything(
    monkeypatch: pytest.MonkeyPatch, n_looked_at: int, limit: int
) -> None:
    previous, new = clustered(400, 5), clustered(300, 6)
    ids = [str(row) for row in range(400)]
    r = np.linspace(0.2, 0.6, 120)

    def median(rows: list[int]) -> float:
        known = Remembered([ids[row] for row in rows], previous[rows], ids[:120], previous[:120], r, 1.0)
        return history_median(assume(known, "euclidean", 0.0, Random(1)), new, "distance", Random(1))

    exact = median(list(range(400)))
    monkeypatch.setattr(_history, "_MAX_ENTRIES", limit)
    assert median(sorted(Random(2).sample(range(400), n_looked_at))) == pytest.approx(exact, rel=0.02)
