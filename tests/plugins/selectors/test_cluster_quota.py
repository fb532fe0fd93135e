"""Selection by cluster and quality."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.pools import pool_of, random_tasks, tasks

from insgen import Candidate, ConfigError
from insgen.bank.bank import Bank
from insgen.plugins.selectors.cluster_quota import ClusterQuotaSelector, largest_remainder

MakeBank = Callable[..., Bank]

GROUPS = [0] * 12 + [1] * 6 + [2] * 2


def grouped(seed: int = 1) -> list[Candidate]:
    """Three tight groups of 12, 6 and 2; quality is the number of the row."""
    rng = np.random.default_rng(seed)
    vectors = np.eye(8)[GROUPS] + 0.01 * rng.standard_normal((20, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return tasks(vectors.astype(np.float32), np.arange(20) / 20)


def test_places_follow_the_size_of_the_clusters_and_quality_fills_them(make_bank: MakeBank) -> None:
    everyone = grouped()
    ranking = ClusterQuotaSelector(clusters=3).select(pool_of(everyone), 10, make_bank(), Random(1), "").ranking
    row_of = {each.id: row for row, each in enumerate(everyone)}
    rows = [row_of[place.candidate_id] for place in ranking]
    assert sorted(rows) == [*range(6, 12), *range(15, 18), 19]
    assert rows == [11, 17, 10, 9, 19, 16, 8, 7, 15, 6]  # keys .6 .3 .2 .12 .1 .1 .0857 .0667 .06 .0545
    keys = [0.6, 0.3, 0.2, 0.12, 0.1, 0.1, 0.6 / 7, 0.6 / 9, 0.06, 0.6 / 11]
    assert [place.utility for place in ranking] == pytest.approx(keys)
    assert [place.diversity for place in ranking] == pytest.approx(
        [1, 1, 1 / 2, 1 / 3, 1, 1 / 2, 1 / 4, 1 / 5, 1 / 3, 1 / 6]
    )


def test_equal_places_as_far_as_clusters_reach(make_bank: MakeBank) -> None:
    everyone = grouped()
    selector = ClusterQuotaSelector(clusters=3, quota="equal")
    ranking = selector.select(pool_of(everyone), 12, make_bank(), Random(1), "").ranking
    row_of = {each.id: row for row, each in enumerate(everyone)}
    assert Counter(GROUPS[row_of[place.candidate_id]] for place in ranking) == {0: 5, 1: 5, 2: 2}


def test_largest_remainder_by_hand() -> None:
    # shares 4.7, 1.6, 1.58, 1.2, .61, .31 of 10: the textbook's election of 100,000
    votes = np.array([47_000, 16_000, 15_800, 12_000, 6_100, 3_100])
    assert largest_remainder(votes, 10, votes).tolist() == [5, 2, 1, 1, 1, 0]
    assert largest_remainder(np.array([5, 5, 5]), 4, np.array([9, 9, 9])).tolist() == [2, 1, 1]
    assert largest_remainder(np.array([1, 1, 1]), 7, np.array([1, 2, 9])).tolist() == [1, 2, 4]
    assert largest_remainder(np.array([1, 1]), 0, np.array([3, 3])).tolist() == [0, 0]


@settings(max_examples=60, deadline=None)
@given(data=st.data(), counts=st.lists(st.integers(1, 40), min_size=1, max_size=12))
def test_remainders_keep_to_the_shares(data: st.DataObject, counts: list[int]) -> None:
    sizes = np.array(counts)
    total = data.draw(st.integers(0, int(sizes.sum())))
    places = largest_remainder(sizes, total, sizes)
    assert places.sum() == total
    assert (np.abs(places - total * sizes / sizes.sum()) < 1).all()


def test_same_seed_same_clusters(make_bank: MakeBank) -> None:
    pool, bank = pool_of(random_tasks(80, 2)), make_bank()
    first, second = (ClusterQuotaSelector().select(pool, 20, bank, Random(4), "") for _ in range(2))
    assert first == second


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), n=st.integers(1, 60), size=st.integers(0, 70))
def test_every_ranking_keeps_the_promises(make_bank: MakeBank, seed: int, n: int, size: int) -> None:
    everyone = random_tasks(n, seed)
    ranking = ClusterQuotaSelector().select(pool_of(everyone), size, make_bank(), Random(seed), "").ranking
    assert len({place.candidate_id for place in ranking}) == len(ranking) == min(size, n)
    utilities = [place.utility for place in ranking]
    assert utilities == sorted(utilities, reverse=True)


@pytest.mark.parametrize("clusters", [1, -2])
def test_impossible_number_of_clusters_is_refused(clusters: int) -> None:
    with pytest.raises(ConfigError, match="cluster_quota: clusters"):
        ClusterQuotaSelector(clusters=clusters)
