"""Figures of a choice, against worked numbers, plain loops and other implementations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import entropy

from insgen.report import metrics


def unit(n: int, d: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((n, d))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (np.eye(3), 3.0),
        (np.ones((4, 2)), 1.0),
        ([[1, 0], [1, 1]], 1.516637),
        ([[1, 0], [1, 1], [0, 1]], 1.889882),
    ],
)
def test_vendi_score_of_the_worked_examples(rows: object, expected: float) -> None:
    assert metrics.vendi_score(np.asarray(rows, dtype=np.float32)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("n", [7, 8, 9, 300])
def test_vendi_score_is_that_of_the_full_kernel_however_many_rows(n: int) -> None:
    rows = unit(n, 8)
    eigenvalues = np.linalg.eigvalsh(rows.astype(np.float64) @ rows.T.astype(np.float64) / n).clip(0)
    assert metrics.vendi_score(rows) == pytest.approx(np.exp(entropy(eigenvalues)), rel=1e-6)


@given(st.integers(0, 40), st.integers(1, 6), st.integers(0, 1000))
def test_vendi_score_lies_between_one_and_the_number_of_rows(n: int, d: int, seed: int) -> None:
    score = metrics.vendi_score(unit(n, d, seed))
    assert score == 0 if n == 0 else 1 - 1e-9 <= score <= min(n, d) + 1e-6


def test_copies_of_every_row_leave_the_vendi_score_as_it_is() -> None:
    rows = unit(20, 5)
    assert metrics.vendi_score(np.tile(rows, (7, 1))) == pytest.approx(metrics.vendi_score(rows), rel=1e-6)


@pytest.mark.parametrize("entries", [1, 50, 1 << 22])
def test_distances_are_those_of_another_implementation_whatever_the_blocks(
    entries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "_BLOCK_ENTRIES", entries)
    rows, centers = unit(60, 12), unit(9, 12, seed=1)
    all_pairs = cdist(rows, rows, "cosine")
    np.fill_diagonal(all_pairs, np.inf)

    assert metrics.nearest_distance(rows, centers) == pytest.approx(
        cdist(rows, centers, "cosine").min(axis=1), abs=1e-5
    )
    assert metrics.spacing(rows) == pytest.approx(all_pairs.min(axis=1), abs=1e-5)
    assert metrics.assign(rows, centers).tolist() == cdist(rows, centers, "cosine").argmin(axis=1).tolist()


def test_a_copy_is_no_distance_away_and_a_row_is_not_its_own_neighbour() -> None:
    rows = np.array([[1, 0], [1, 0], [0, 1], [-1, 0]], dtype=np.float32)

    assert metrics.spacing(rows).tolist() == [0, 0, 1, 1]
    assert metrics.nearest_distance(rows, rows[3:]).tolist() == [2, 2, 1, 0]


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_rows_have_no_spacing(n: int) -> None:
    assert metrics.spacing(unit(n, 3)).shape == (0,)


@pytest.mark.parametrize(
    ("labels", "n_labels", "expected"),
    [
        ([0, 1, 2, 3], 4, 1.0),
        ([2, 2, 2], 4, 0.0),
        ([0, 0, 1, 1], 4, 0.5),
        ([0, 0, 0, 1], 2, entropy([3, 1], base=2)),
        ([], 4, None),
        ([0, 0], 1, None),
    ],
)
def test_evenness_is_the_entropy_over_the_greatest_there_could_be(
    labels: list[int], n_labels: int, expected: float | None
) -> None:
    found = metrics.share_entropy(np.array(labels, dtype=np.int64), n_labels)
    assert found == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [([1, 2, 3], [3, 2, 1], 1.0), ([1, 2, 3, 4], [2, 9], 0.5), ([1], [2], 0.0), ([], [1], None)],
)
def test_overlap_is_the_share_of_the_smaller_set(first: list[int], second: list[int], expected: float | None) -> None:
    assert metrics.overlap(first, second) == expected
    assert metrics.overlap(second, first) == expected
