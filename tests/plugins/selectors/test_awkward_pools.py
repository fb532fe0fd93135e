"""What every selector has to bear: too few, all alike, copies, nothing; and what it has to refuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from support.pools import clustered, pool_of, random_tasks, tasks

from insgen import Pool, Selection, Selector, StageError
from insgen.bank.bank import Bank
from insgen.plugins.selectors.cluster_quota import ClusterQuotaSelector
from insgen.plugins.selectors.deita import DeitaSelector
from insgen.plugins.selectors.facility_location import FacilityLocationSelector
from insgen.plugins.selectors.k_center import KCenterSelector
from insgen.plugins.selectors.mmr import MmrSelector
from insgen.plugins.selectors.quality import QualitySelector
from insgen.plugins.selectors.random import RandomSelector

MakeBank = Callable[..., Bank]

SELECTORS: list[Selector] = [
    *(ClusterQuotaSelector(), ClusterQuotaSelector(quota="equal"), DeitaSelector(), FacilityLocationSelector()),
    *(KCenterSelector(), KCenterSelector(start="members"), KCenterSelector(reading="batch_topn"), MmrSelector()),
    *(FacilityLocationSelector(quality_weight=0.5), QualitySelector(), RandomSelector()),
]
ALL = pytest.mark.parametrize("selector", SELECTORS, ids=repr)


def ranked(selector: Selector, pool: Pool, size: int, bank: Bank) -> Selection:
    """Select, and look at what every selection promises."""
    selection = selector.select(pool, size, bank, Random(1), "")
    ids = [place.candidate_id for place in selection.ranking]
    assert len(ids) == len(set(ids)) <= size
    assert {each.id for each in pool.candidates} >= set(ids)
    for place in selection.ranking:
        assert np.isfinite([place.diversity, place.quality, place.utility]).all()
    utilities = [place.utility for place in selection.ranking]
    assert utilities == sorted(utilities, reverse=True)
    return selection


@ALL
@pytest.mark.parametrize("size", [0, 1])
def test_smallest_banks(selector: Selector, size: int, make_bank: MakeBank) -> None:
    assert len(ranked(selector, pool_of(random_tasks(9, 1), 3 * size), size, make_bank()).ranking) == size


@ALL
def test_nothing_to_choose_from(selector: Selector, make_bank: MakeBank) -> None:
    nothing = Pool((), np.zeros((0, 8), dtype=np.float32), np.zeros(0), 0)
    assert ranked(selector, nothing, 5, make_bank()).ranking == ()


@ALL
def test_bank_larger_than_the_pool_keeps_all_that_may_stay(selector: Selector, make_bank: MakeBank) -> None:
    pool = pool_of(tasks(np.eye(6, dtype=np.float32), np.arange(6) / 6), 4)
    assert len(ranked(selector, pool, 50, make_bank()).ranking) == 6


@ALL
def test_bank_that_shrinks(selector: Selector, make_bank: MakeBank) -> None:
    assert len(ranked(selector, pool_of(random_tasks(40, 1), 30), 2, make_bank()).ranking) == 2


@ALL
def test_all_of_one_quality(selector: Selector, make_bank: MakeBank) -> None:
    pool = pool_of(tasks(np.eye(30, dtype=np.float32), [0.5] * 30))
    assert len(ranked(selector, pool, 10, make_bank()).ranking) == 10


@ALL
def test_all_of_one_vector(selector: Selector, make_bank: MakeBank) -> None:
    vectors = np.repeat(clustered(1, 1), 30, axis=0)
    everyone = tasks(vectors, np.linspace(0, 1, 30))
    kept = ranked(selector, pool_of(everyone), 10, make_bank()).ranking
    assert len(kept) == (1 if selector.name == "deita" else 10)
    if selector.name != "random":
        assert kept[0].candidate_id == everyone[-1].id


@ALL
def test_copies_among_others(selector: Selector, make_bank: MakeBank) -> None:
    vectors = clustered(40, 5)
    vectors[20:] = vectors[:20]
    assert len(ranked(selector, pool_of(tasks(vectors, np.zeros(40))), 12, make_bank()).ranking) >= 1


@ALL
@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
def test_vector_that_is_none_is_refused(selector: Selector, bad: float, make_bank: MakeBank) -> None:
    pool = pool_of(random_tasks(9, 1))
    pool.vectors[4] = bad
    with pytest.raises(StageError, match=f"{selector.name}: {pool.candidates[4].id}"):
        selector.select(pool, 5, make_bank(), Random(1), "")


@ALL
def test_missing_quality_is_refused(selector: Selector, make_bank: MakeBank) -> None:
    pool = pool_of(random_tasks(9, 1))
    pool.quality[2] = np.nan
    with pytest.raises(StageError, match=f"{selector.name}: {pool.candidates[2].id}"):
        selector.select(pool, 5, make_bank(), Random(1), "")


@ALL
def test_candidate_that_stands_there_twice_is_refused(selector: Selector, make_bank: MakeBank) -> None:
    pool = pool_of(random_tasks(9, 1))
    twice = replace(pool, candidates=(*pool.candidates[:8], pool.candidates[3]))
    with pytest.raises(StageError, match=f"{selector.name}: {pool.candidates[3].id}"):
        selector.select(twice, 5, make_bank(), Random(1), "")
