from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insgen.bank.neighbours import Neighbours

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from insgen.hooks.handed import NeighbourIndex


def unit_vectors(n: int, d: int = 32, seed: int = 0, n_centres: int = 20) -> NDArray[np.float32]:
    """Clustered unit vectors, so that near and far neighbours both occur."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(n_centres, d))
    raw = centres[rng.integers(n_centres, size=n)] + 0.7 * rng.normal(size=(n, d))
    return (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)


def build(rows: NDArray[np.float32], **options: int) -> Neighbours:
    index = Neighbours(rows.shape[1], **options)
    index.add(rows)
    return index


def brute_force(
    rows: NDArray[np.float32], queries: NDArray[np.float32], k: int
) -> tuple[list[list[int]], NDArray[np.float32]]:
    """Every pair in float64, sorted by (similarity descending, row ascending)."""
    similarity = np.clip(queries.astype(np.float64) @ rows.astype(np.float64).T, -1, 1).astype(np.float32)
    ranked = [sorted(range(len(rows)), key=lambda row: (-line[row], row))[:k] for line in similarity]
    return ranked, similarity


def test_it_fulfils_the_protocol() -> None:
    index: NeighbourIndex = build(unit_vectors(3))
    assert (len(index), index.exact) == (3, True)


@pytest.mark.parametrize("k", [1, 2, 7, 200])
def test_exact_search_equals_brute_force(k: int) -> None:
    rows, queries = unit_vectors(200), unit_vectors(50, seed=1)
    found, similarity = build(rows).nearest(queries, k)
    expected, every = brute_force(rows, queries, k)
    assert found.tolist() == expected
    np.testing.assert_allclose(similarity, np.take_along_axis(every, found, axis=1), atol=1e-7)
    assert (found.dtype, similarity.dtype) == (np.int64, np.float32)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_ties_are_ordered_by_row_number(data: st.DataObject) -> None:
    axes = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=30))
    k = data.draw(st.integers(1, 35))
    rows = np.eye(4, dtype=np.float32)[axes]
    found, similarity = build(rows).nearest(np.eye(4, dtype=np.float32)[:1], k)
    same = [row for row, axis in enumerate(axes) if axis == 0]
    others = [row for row, axis in enumerate(axes) if axis != 0]
    assert found[0].tolist() == (same + others)[:k]
    assert similarity[0].tolist() == ([1.0] * len(same) + [0.0] * len(others))[:k]


def test_more_neighbours_than_rows_gives_all_rows() -> None:
    found, similarity = build(unit_vectors(3)).nearest(unit_vectors(5, seed=2), 10)
    assert found.shape == similarity.shape == (5, 3)
    assert sorted(found[0].tolist()) == [0, 1, 2]


def test_empty_index_and_empty_question_give_empty_answers() -> None:
    empty = build(np.empty((0, 32), np.float32))
    assert empty.nearest(unit_vectors(2), 4)[0].shape == (2, 0)
    assert build(unit_vectors(9)).nearest(np.empty((0, 32), np.float32), 4)[1].shape == (0, 4)


def test_adding_piece_by_piece_equals_adding_at_once() -> None:
    rows, queries = unit_vectors(120), unit_vectors(20, seed=3)
    grown = Neighbours(32)
    for start in range(0, 120, 7):
        grown.add(rows[start : start + 7])
    assert len(grown) == 120
    for one, other in zip(grown.nearest(queries, 5), build(rows).nearest(queries, 5), strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_answer_does_not_depend_on_what_is_asked_with_it() -> None:
    rows, queries = unit_vectors(3000, d=8), unit_vectors(3000, d=8, seed=4)
    index = build(rows)
    found, similarity = index.nearest(queries, 3)  # nine million pairs: several blocks
    for line in range(0, 3000, 97):
        alone = index.nearest(queries[line : line + 1], 3)
        np.testing.assert_array_equal(alone[0][0], found[line])
        np.testing.assert_array_equal(alone[1][0], similarity[line])


def test_similarity_never_leaves_its_range() -> None:
    rows = np.tile(unit_vectors(1), (4, 1)) * np.float32(1.0004)
    similarity = build(rows).nearest(np.vstack([rows[:1], -rows[:1]]), 4)[1]
    assert similarity.max() == 1.0
    assert similarity.min() == -1.0


def test_it_goes_over_to_hnswlib_above_the_threshold_and_keeps_growing() -> None:
    rows = unit_vectors(1600)
    index = build(rows[:400], exact_rows=400)
    assert index.exact
    index.add(rows[400:401])
    assert not index.exact
    index.add(rows[401:1000])
    for row in range(1000, 1600):
        index.add(rows[row : row + 1])
    found, similarity = index.nearest(rows, 1)
    np.testing.assert_array_equal(found[:, 0], np.arange(1600))
    np.testing.assert_allclose(similarity[:, 0], 1.0, atol=1e-6)


def test_hnswlib_finds_nearly_all_true_neighbours_and_measures_them_exactly() -> None:
    rows, queries = unit_vectors(4000), unit_vectors(200, seed=5)
    index = build(rows, exact_rows=1000)
    found, similarity = index.nearest(queries, 10)
    expected, every = brute_force(rows, queries, 10)
    hits = sum(len(set(line) & set(true)) for line, true in zip(found.tolist(), expected, strict=True))
    assert not index.exact
    assert hits / 2000 >= 0.98
    np.testing.assert_allclose(similarity, np.take_along_axis(every, found, axis=1), atol=1e-7)
    assert (np.diff(similarity, axis=1) <= 0).all()


def test_exact_can_be_asked_for_above_the_threshold() -> None:
    rows, queries = unit_vectors(900), unit_vectors(30, seed=6)
    found, _ = build(rows, exact_rows=100).nearest(queries, 8, exact=True)
    assert found.tolist() == brute_force(rows, queries, 8)[0]


def test_a_rebuilt_index_gives_the_same_answers_however_the_rows_arrived() -> None:
    rows, queries = unit_vectors(2500), unit_vectors(100, seed=7)
    at_once = build(rows, exact_rows=500)
    in_pieces = Neighbours(32, exact_rows=500)
    for start in range(0, 2500, 333):
        in_pieces.add(rows[start : start + 333])
    for one, other in zip(at_once.nearest(queries, 20), in_pieces.nearest(queries, 20), strict=True):
        np.testing.assert_array_equal(one, other)


def test_every_row_is_handed_out_even_if_the_graph_does_not_reach_it() -> None:
    rows = np.tile(unit_vectors(1), (600, 1))
    found, _ = build(rows, exact_rows=100).nearest(rows[:1], 600)
    assert found[0].tolist() == list(range(600))


def test_without_hnswlib_it_stays_exact_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "hnswlib", None)
    rows, queries = unit_vectors(300), unit_vectors(10, seed=8)
    with caplog.at_level(logging.WARNING):
        index = build(rows[:200], exact_rows=100)
        index.add(rows[200:])
    assert index.exact
    assert [record.message.split(" (")[0] for record in caplog.records] == ["hnswlib cannot be imported"]
    assert index.nearest(queries, 4)[0].tolist() == brute_force(rows, queries, 4)[0]


@pytest.mark.parametrize("bad", [0.0, float("nan"), float("inf"), 2.0])
def test_vectors_without_norm_one_are_refused_and_nothing_is_added(bad: float) -> None:
    index = build(unit_vectors(4))
    wrong = unit_vectors(2, seed=9)
    wrong[1] *= np.float32(bad)
    with pytest.raises(ValueError, match="vector 1 has L2 norm"):
        index.add(wrong)
    with pytest.raises(ValueError, match="vector 1 has L2 norm"):
        index.nearest(wrong, 1)
    assert len(index) == 4


def test_wrong_shapes_and_k_are_refused() -> None:
    index = build(unit_vectors(4))
    with pytest.raises(ValueError, match=r"expected \(m, 32\)"):
        index.add(unit_vectors(2, d=8))
    with pytest.raises(ValueError, match="one vector by row"):
        index.nearest(unit_vectors(1)[0], 1)
    with pytest.raises(ValueError, match="k = 0"):
        index.nearest(unit_vectors(1), 0)
