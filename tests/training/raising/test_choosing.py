"""Batches from scores: so many of each class, ties by id, and what small classes cannot fill."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from insgen.training.raising.choosing import Classes, best


def classes(labels: list[int], ids: list[str] | None = None) -> Classes:
    return Classes(np.array(labels), ids or [f"b2:{row:04d}" for row in range(len(labels))])


def choose(labels: list[int], scores: list[float], size: int) -> list[int]:
    return classes(labels).choose(np.array(scores, dtype=np.float32), size).tolist()


def test_each_class_gives_its_best() -> None:
    assert choose([0, 1, 0, 1, 0, 1], [1, 9, 3, 7, 2, 8], 4) == [2, 4, 1, 5]


def test_places_left_over_go_to_the_classes_whose_next_score_is_best() -> None:
    labels, scores = [0, 0, 1, 1, 2, 2], [5, 1, 9, 3, 8, 2]

    assert sorted(choose(labels, scores, 5)) == [0, 2, 3, 4, 5]  # next scores 1, 3 and 2: classes 1 and 2
    assert sorted(choose(labels, scores, 4)) == [0, 2, 3, 4]


def test_what_a_small_class_cannot_fill_goes_to_the_best_rows_left() -> None:
    assert choose([0, 1, 1, 1, 1, 2, 2, 2], [1, 4, 3, 2, 1, 9, 8, 7], 6) == [0, 1, 2, 5, 6, 7]
    assert sorted(choose([0, 0, 0, 1], [1, 2, 3, 0], 4)) == [0, 1, 2, 3]


def test_equal_scores_go_by_id() -> None:
    ids = ["b2:d", "b2:a", "b2:c", "b2:b"]

    assert classes([0, 0, 0, 0], ids).choose(np.zeros(4, dtype=np.float32), 2).tolist() == [1, 3]


def test_equal_next_scores_of_classes_go_by_id_whatever_the_number_of_the_class() -> None:
    made = classes([0, 0, 1, 1], ["b2:c", "b2:d", "b2:a", "b2:b"])

    assert made.choose(np.zeros(4, dtype=np.float32), 3).tolist() == [0, 2, 3]


pools = st.integers(1, 40).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(0, 4), min_size=n, max_size=n),
        st.lists(st.integers(-3, 3).map(float), min_size=n, max_size=n),  # with many ties
        st.integers(1, n),
        st.randoms(use_true_random=False),
    )
)


@given(pools)
def test_g4_counts_constants_and_permutations(pool: tuple[list[int], list[float], int, object]) -> None:
    raw, scores, size, random = pool
    labels = np.unique(raw, return_inverse=True)[1].tolist()
    ids = [f"b2:{row * 7919 % 1009:04d}" for row in range(len(labels))]
    chosen = classes(labels, ids).choose(np.array(scores, dtype=np.float32), size).tolist()

    assert len(chosen) == len(set(chosen)) == size
    share = size // len(set(labels))
    for label in set(labels):
        own = [row for row in range(len(labels)) if labels[row] == label]
        first = [row for row in chosen if labels[row] == label]
        assert len(first) >= min(share, len(own))
        worst = min((scores[row] for row in first), default=np.inf)
        assert all(scores[row] <= worst for row in own if row not in first)  # a class gives its best

    shuffled = list(range(len(labels)))
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # a random.Random
    again = classes([labels[row] for row in shuffled], [ids[row] for row in shuffled]).choose(
        np.array([scores[row] for row in shuffled], dtype=np.float32), size
    )
    assert sorted(shuffled[row] for row in again) == sorted(chosen)
    if size % len(set(labels)) == 0 and min(labels.count(label) for label in set(labels)) >= share:
        moved = np.array(scores) + np.array([10.0, -4.0, 7.0, 0.0, 2.0])[labels]
        assert classes(labels, ids).choose(moved.astype(np.float32), size).tolist() == chosen


def test_places_are_those_within_the_class() -> None:
    assert classes([0, 1, 0, 1]).places(np.array([1, 5, 2, 6], dtype=np.float32)).tolist() == [1, 1, 0, 0]


@pytest.mark.parametrize("n", [0, 1, 5, 9])
def test_best_of_some_rows_is_a_sorted_prefix(n: int) -> None:
    scores = np.array([3, 1, 2, 2, 9, 2, 0], dtype=np.float32)
    assert best(scores, np.arange(7), n).tolist() == [4, 0, 2, 3, 5, 1, 6][:n]
