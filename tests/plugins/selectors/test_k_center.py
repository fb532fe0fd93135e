"""Farthest-first traversal: DiverseEvol's worked examples, and what holds for any points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Literal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.pools import clustered, evolve, pool_of, random_tasks, tasks

from insgen import ConfigError
from insgen.bank.bank import Bank
from insgen.plugins.selectors._farthest import Traversal
from insgen.plugins.selectors.k_center import KCenterSelector

MakeBank = Callable[..., Bank]

POINTS = np.array([(0, 0), (1, 0), (0, 2), (5, 0), (5, 1), (2, 6), (9, 9), (4, 4)], dtype=float)


def farthest_first(
    points: np.ndarray, centers: Sequence[int], n_picks: int, *, repel: bool = True
) -> tuple[list[int], np.ndarray]:
    traversal = Traversal(points, np.ones(len(points)))
    traversal.begin(list(centers))
    (traversal.take_farthest if repel else traversal.take_top)(n_picks - len(centers))
    return traversal.order, np.sqrt(traversal.gaps)


def test_example_1_greedy() -> None:
    order, gaps = farthest_first(POINTS, [0], 5)
    assert order == [0, 6, 5, 4, 7]
    assert gaps[1:] == pytest.approx([12.727922, 6.324555, 5.099020, 2.828427], abs=6e-7)


def test_example_1_greedy_to_the_end_breaks_ties_by_row() -> None:
    order, gaps = farthest_first(POINTS, [0], 8)
    assert order == [0, 6, 5, 4, 7, 2, 1, 3]
    assert gaps[5:] == pytest.approx([2.0, 1.0, 1.0])


def test_example_1_batch_takes_those_farthest_from_the_start() -> None:
    order, gaps = farthest_first(POINTS, [0], 5, repel=False)
    assert order == [0, 6, 5, 7, 4]
    assert gaps[1:] == pytest.approx([12.7279, 6.3246, 5.6569, 5.0990], abs=6e-5)


def test_example_2_goes_on_from_given_centers() -> None:
    flat = POINTS * [1, 0.25]
    order, gaps = farthest_first(flat, [0, 6, 5], 5)
    assert order[3:] == [3, 7]
    assert gaps[3:] == pytest.approx([3.354102, 1.414214], abs=6e-7)


def test_example_7_near_copies_are_not_picked_first() -> None:
    rng = np.random.default_rng(350)
    points = rng.standard_normal((203, 256)) * 3
    points[190:] = points[:13] + 1e-4 * rng.standard_normal((13, 256))
    order, gaps = farthest_first(points.astype(np.float32), range(13), 203)
    assert order[13:18] == [35, 157, 36, 37, 124]
    assert gaps[13:18] == pytest.approx([67.7550, 67.1780, 66.7637, 66.7186, 66.6199], abs=6e-4)
    assert set(order[-13:]) == set(range(190, 203))
    assert gaps[-13:].max() < 1e-2


def brute_force(points: np.ndarray, start: int) -> list[int]:
    chosen = [start]
    while len(chosen) < len(points):
        gaps = [
            -1.0 if row in chosen else min(float(np.linalg.norm(points[row] - points[center])) for center in chosen)
            for row in range(len(points))
        ]
        chosen.append(int(np.argmax(gaps)))
    return chosen


def plain_loop(points: np.ndarray, weight: np.ndarray, start: int, n_picks: int) -> list[int]:
    """One pass over all points per pick."""
    order, gap = [start], np.full(len(points), np.inf)
    while len(order) < n_picks:
        gap = np.minimum(gap, np.linalg.norm(points - points[order[-1]], axis=1))
        gap[order[-1]] = -1.0
        order.append(int(np.argmax(gap * weight)))
    return order


@pytest.mark.parametrize("weighted", [False, True])
def test_blocks_give_the_picks_of_one_pass_per_pick(weighted: bool) -> None:
    points = clustered(3000, 8).astype(np.float64)
    weight = 1.0 + np.random.default_rng(1).uniform(size=3000) if weighted else np.ones(3000)
    traversal = Traversal(points, weight**2)
    traversal.begin([7])
    traversal.take_farthest(799)
    assert traversal.order == plain_loop(points, weight, 7, 800)
    from_scratch = ((points[:, None] - points[traversal.order][None, :100]) ** 2).sum(axis=2).min(axis=1)
    left = traversal.gap >= 0
    assert (traversal.gap[left] <= from_scratch[left] + 1e-9).all()


def test_many_copies_are_taken_last_in_the_order_of_age() -> None:
    points = np.repeat(np.eye(16, dtype=np.float32)[:4], 300, axis=0)
    order, gaps = farthest_first(points, [5], 1200)
    assert order[:4] == [5, 300, 600, 900]
    assert order[4:] == [row for row in range(1200) if row not in {5, 300, 600, 900}]
    assert gaps[4:].max() == 0.0


def test_more_equals_than_a_block_holds_go_by_age() -> None:
    points = np.eye(600, dtype=np.float32)
    assert farthest_first(points, [0], 600)[0] == list(range(600))


def test_more_given_centers_than_a_block_holds_are_measured_to_those_before_them() -> None:
    points = clustered(1300, 2).astype(np.float64)
    order, gaps = farthest_first(points, range(1300), 1300)
    expected = [np.linalg.norm(points[:row] - points[row], axis=1).min() for row in range(1, 1300)]
    assert order == list(range(1300))
    assert gaps[1:] == pytest.approx(expected, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 25))
def test_picks_are_those_of_a_search_from_scratch(seed: int, n: int) -> None:
    points = np.random.default_rng(seed).standard_normal((n, 4))
    order, gaps = farthest_first(points, [n // 2], n)
    assert order == brute_force(points, n // 2)
    assert (np.diff(gaps[1:]) <= 0).all()


def test_what_is_left_out_lies_within_the_last_gap(make_bank: MakeBank) -> None:
    everyone = random_tasks(120, 3)
    selection = KCenterSelector().select(pool_of(everyone), 30, make_bank(), Random(1), "")
    vector = {each.id: each.vector for each in everyone}
    kept = np.stack([vector[place.candidate_id] for place in selection.ranking])
    radius = max(np.linalg.norm(kept - each.vector, axis=1).min() for each in everyone)
    assert radius <= selection.ranking[-1].utility + 1e-6


def test_starts_from_the_oldest_of_the_best(make_bank: MakeBank) -> None:
    everyone = tasks(clustered(9, 1), [0.1, 0.5, 0.9, 0.2, 0.9, 0.1, 0.1, 0.1, 0.1])
    selection = KCenterSelector().select(pool_of(everyone), 9, make_bank(), Random(1), "")
    assert selection.ranking[0].candidate_id == everyone[2].id
    assert selection.ranking[0].diversity == 2.0


def test_starts_from_the_medoid(make_bank: MakeBank) -> None:
    angles = np.radians([0, 80, 41, 60])  # the mean points to 45 degrees or so
    vectors = np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    everyone = tasks(vectors, [1.0, 0.0, 0.0, 0.0])
    selection = KCenterSelector(start="medoid").select(pool_of(everyone), 1, make_bank(), Random(1), "")
    assert selection.ranking[0].candidate_id == everyone[2].id


def test_random_start_comes_from_the_seed(make_bank: MakeBank) -> None:
    everyone = random_tasks(50, 2)
    starts = {
        KCenterSelector(start="random")
        .select(pool_of(everyone), 1, make_bank(), Random(seed), "")
        .ranking[0]
        .candidate_id
        for seed in range(8)
    }
    assert len(starts) > 3


def test_members_start_keeps_every_member_in_its_place(make_bank: MakeBank) -> None:
    batches = [random_tasks(20, 1), random_tasks(30, 2, start=100)]
    first = KCenterSelector(start="members").select(pool_of(batches[0]), 8, make_bank(), Random(1), "")
    known = {each.id: each for each in batches[0]}
    members = [known[place.candidate_id] for place in first.ranking]
    second = KCenterSelector(start="members").select(
        pool_of([*members, *batches[1]], 8), 12, make_bank(), Random(2), ""
    )
    assert [place.candidate_id for place in second.ranking[:8]] == [each.id for each in members]
    assert {place.candidate_id for place in second.ranking[8:]} <= {each.id for each in batches[1]}


def test_many_small_rounds_equal_one_large_one(make_bank: MakeBank) -> None:
    everyone = random_tasks(60, 4)
    selector = KCenterSelector(start="members")
    once = evolve(selector, [everyone], 24, make_bank())[0]
    members = everyone[:0]
    for size in (6, 12, 18, 24):
        rest = [each for each in everyone if each not in members]
        selection = selector.select(pool_of([*members, *rest], len(members)), size, make_bank(), Random(0), "")
        members = [next(each for each in everyone if each.id == place.candidate_id) for place in selection.ranking]
    assert [place.candidate_id for place in once.ranking] == [each.id for each in members]


def test_cosine_measures_other_units_but_picks_the_same(make_bank: MakeBank) -> None:
    everyone = random_tasks(40, 6)
    euclidean, cosine = (
        KCenterSelector(distance=distance).select(pool_of(everyone), 40, make_bank(), Random(1), "").ranking
        for distance in ("euclidean", "cosine")
    )
    assert [place.candidate_id for place in cosine] == [place.candidate_id for place in euclidean]
    vector = {each.id: each.vector for each in everyone}
    first, second = (vector[place.candidate_id] for place in cosine[:2])
    assert cosine[1].diversity == pytest.approx(1 - float(first @ second), abs=1e-6)


def test_quality_counts_by_its_weight(make_bank: MakeBank) -> None:
    angles = np.radians([0, 50, 60])
    vectors = np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    everyone = tasks(vectors, [1.0, 0.9, 0.0])
    far, good = (
        KCenterSelector(quality_weight=weight).select(pool_of(everyone), 2, make_bank(), Random(1), "").ranking
        for weight in (0.0, 1.0)
    )
    assert [place.candidate_id for place in far] == [everyone[0].id, everyone[2].id]
    assert [place.candidate_id for place in good] == [everyone[0].id, everyone[1].id]
    gap = 2 * np.sin(np.radians(25))
    assert (good[1].diversity, good[1].utility) == pytest.approx((gap, gap * 1.9), abs=1e-6)
    assert (good[0].diversity, good[0].utility) == (2.0, 4.0)


@pytest.mark.parametrize("weight", [-0.1, float("nan"), float("inf")])
def test_impossible_quality_weight_is_refused(weight: float) -> None:
    with pytest.raises(ConfigError, match="k_center: quality_weight"):
        KCenterSelector(quality_weight=weight)


starts: st.SearchStrategy[Literal["quality", "medoid", "random", "members"]] = st.sampled_from(
    ["quality", "medoid", "random", "members"]
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 10**6), n=st.integers(1, 40), size=st.integers(0, 50), start=starts,
    reading=st.sampled_from(["greedy", "batch_topn"]),
)  # fmt: skip
def test_every_ranking_keeps_the_promises(
    make_bank: MakeBank, seed: int, n: int, size: int, start: Literal["quality", "medoid", "random", "members"],
    reading: Literal["greedy", "batch_topn"],
) -> None:  # fmt: skip
    vectors = clustered(n, seed)
    vectors[: seed % (n + 1)] = vectors[0]
    everyone = tasks(vectors, np.random.default_rng(seed).uniform(size=n))
    bank, pool, selector = (
        make_bank(),
        pool_of(everyone, seed % n),
        KCenterSelector(start=start, reading=reading, quality_weight=seed % 3),
    )
    selection = selector.select(pool, size, bank, Random(seed), "")
    ids = [place.candidate_id for place in selection.ranking]
    assert len(ids) == min(size, n)
    assert len(set(ids)) == len(ids)
    utilities = [place.utility for place in selection.ranking]
    assert utilities == sorted(utilities, reverse=True)
    assert selector.select(pool, n, bank, Random(seed), "").ranking[: len(ids)] == selection.ranking
