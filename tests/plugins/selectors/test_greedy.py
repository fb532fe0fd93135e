"""Facility location and MMR against plain greedy, which measures every candidate again for every pick."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.pools import clustered, pool_of, random_tasks, tasks

from insgen import ConfigError, Pool
from insgen.bank.bank import Bank
from insgen.plugins.selectors.facility_location import FacilityLocationSelector
from insgen.plugins.selectors.mmr import MmrSelector

MakeBank = Callable[..., Bank]


class PlainCoverage:
    """Facility location, with the whole matrix and every gain from scratch."""

    def __init__(self, pool: Pool, weight: float) -> None:
        self.similarity = np.maximum(pool.vectors.astype(np.float64) @ pool.vectors.T.astype(np.float64), 0.0)
        self.greatest = self.similarity.sum(axis=0).max()
        self.quality, self.weight = pool.quality, weight

    def diversity(self, taken: list[int]) -> np.ndarray:
        cover = self.similarity[taken].max(axis=0, initial=0.0)
        return np.asarray(np.maximum(self.similarity - cover, 0.0).sum(axis=1) / self.greatest)

    def worth(self, diversity: np.ndarray) -> np.ndarray:
        return (1 - self.weight) * diversity + self.weight * self.quality


class PlainRelevance:
    """MMR, with the whole matrix."""

    def __init__(self, pool: Pool, weight: float) -> None:
        self.similarity = pool.vectors.astype(np.float64) @ pool.vectors.T.astype(np.float64)
        self.quality, self.weight = pool.quality, weight

    def diversity(self, taken: list[int]) -> np.ndarray:
        return np.asarray(1.0 - self.similarity[:, taken].max(axis=1, initial=-1.0))

    def worth(self, diversity: np.ndarray) -> np.ndarray:
        return self.weight * self.quality + (1 - self.weight) * (diversity - 1.0)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), n=st.integers(1, 90), weight=st.sampled_from([0.0, 0.2, 0.5, 1.0]))
def test_every_pick_is_one_that_plain_greedy_could_take(make_bank: MakeBank, seed: int, n: int, weight: float) -> None:
    everyone, bank = random_tasks(n, seed), make_bank()
    pool, size = pool_of(everyone, seed % n), max(n // 2, 1)
    row_of = {each.id: row for row, each in enumerate(everyone)}
    for selector, plain in (
        (FacilityLocationSelector(quality_weight=weight), PlainCoverage(pool, weight)),
        (MmrSelector(quality_weight=weight), PlainRelevance(pool, weight)),
    ):
        ranking = selector.select(pool, size, bank, Random(1), "").ranking
        taken: list[int] = []
        for place in ranking:
            row, diversity = row_of[place.candidate_id], plain.diversity(taken)
            worth = plain.worth(diversity)
            assert place.diversity == pytest.approx(diversity[row], abs=1e-5)
            assert place.utility == pytest.approx(worth[row], abs=1e-5)
            assert worth[row] >= np.delete(worth, taken).max() - 1e-5  # equals may come in either order
            taken.append(row)
        utilities = [place.utility for place in ranking]
        assert utilities == sorted(utilities, reverse=True)
        assert selector.select(pool, n, bank, Random(1), "").ranking[:size] == ranking


def on_circle(*degrees: float) -> np.ndarray:
    angles = np.radians(degrees)
    return np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)


def test_facility_location_worked_example(make_bank: MakeBank) -> None:
    # cosines: .5 between neighbours at 60 degrees, 0 at 90 and beyond; sums 1.5, 2, 1.5, 1
    everyone = tasks(on_circle(0, 60, 120, 240), [0.1, 0.1, 0.1, 0.9])
    ranking = FacilityLocationSelector().select(pool_of(everyone), 4, make_bank(), Random(1), "").ranking
    assert [place.candidate_id for place in ranking] == [everyone[row].id for row in (1, 3, 0, 2)]
    assert [place.diversity for place in ranking] == pytest.approx([1.0, 0.5, 0.25, 0.25], abs=1e-6)
    weighted = FacilityLocationSelector(quality_weight=0.5).select(pool_of(everyone), 1, make_bank(), Random(1), "")
    assert weighted.ranking[0].candidate_id == everyone[3].id  # (.5 + .9)/2 beats (1 + .1)/2
    assert weighted.ranking[0].utility == pytest.approx(0.7, abs=1e-6)


def test_mmr_worked_example(make_bank: MakeBank) -> None:
    everyone = tasks(on_circle(0, 60, 90), [1.0, 0.9, 0.3])
    ranking = MmrSelector(quality_weight=0.5).select(pool_of(everyone), 3, make_bank(), Random(1), "").ranking
    # second pick: .45 - .25 = .2 against .15 - 0; third: .15 - .433
    assert [place.candidate_id for place in ranking] == [each.id for each in everyone]
    assert [place.utility for place in ranking] == pytest.approx([1.0, 0.2, 0.15 - np.cos(np.pi / 6) / 2], abs=1e-6)
    assert [place.diversity for place in ranking] == pytest.approx([2.0, 0.5, 1 - np.cos(np.pi / 6)], abs=1e-6)


def test_equals_go_by_quality_then_by_age(make_bank: MakeBank) -> None:
    everyone = tasks(np.eye(4, dtype=np.float32), [0.2, 0.7, 0.7, 0.1])
    for selector in (FacilityLocationSelector(), MmrSelector(quality_weight=0.0)):
        ranking = selector.select(pool_of(everyone), 4, make_bank(), Random(1), "").ranking
        assert [place.candidate_id for place in ranking] == [everyone[row].id for row in (1, 2, 0, 3)]


def test_coverage_in_several_blocks_is_that_of_one(make_bank: MakeBank) -> None:
    everyone = tasks(clustered(4500, 3, dimension=8), np.zeros(4500))
    pool, taken = pool_of(everyone), list[int]()
    ranking = FacilityLocationSelector().select(pool, 6, make_bank(), Random(1), "").ranking
    plain = PlainCoverage(pool, 0.0)
    while len(taken) < 6:
        taken.append(int(np.argmax(plain.diversity(taken))))
    assert [place.candidate_id for place in ranking] == [everyone[row].id for row in taken]


@pytest.mark.parametrize("kind", [FacilityLocationSelector, MmrSelector])
@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan")])
def test_impossible_quality_weight_is_refused(
    kind: type[FacilityLocationSelector | MmrSelector], weight: float
) -> None:
    with pytest.raises(ConfigError, match=f"{kind.name}: quality_weight"):
        kind(quality_weight=weight)
