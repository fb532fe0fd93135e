"""Arrivals larger than a batch, and pools that cannot be ranked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest
from support.pools import clustered, evolve, pool_of, random_tasks, tasks

from insgen import Candidate, ConfigError, Pool, StageError
from insgen.bank.bank import Bank
from insgen.plugins.selectors.pibe import PibeSelector, _dense

MakeBank = Callable[..., Bank]

OPTIONS: list[dict[str, Any]] = [
    {},
    {"exact_history": 0},
    {"engine": "dense"},
    {"engine": "sparse", "preference_rule": "median"},
]


def cut(everyone: list[Candidate], *sizes: int) -> list[list[Candidate]]:
    ends = np.cumsum(sizes)
    return [everyone[end - size : end] for end, size in zip(ends, sizes, strict=True)]


@pytest.mark.parametrize("options", OPTIONS)
def test_a_large_arrival_is_ranked_as_if_it_came_in_rounds(make_bank: MakeBank, options: dict[str, Any]) -> None:
    everyone = random_tasks(150, 3)
    bank = make_bank(kept=everyone)
    selector = PibeSelector(batch_size=45, **options)
    first = selector.select(pool_of(everyone[:40]), 30, bank, Random(1), "")
    known = {each.id: each for each in everyone}
    members = [known[place.candidate_id] for place in first.ranking]
    at_once = selector.select(pool_of([*members, *everyone[40:]], 30), 30, bank, Random(2), first.state)
    in_rounds = evolve(replace(selector, batch_size=1000), cut(everyone, 40, 45, 45, 20), 30, bank)[-1]
    assert at_once == in_rounds


def test_a_batch_smaller_than_the_bank_fills_it_step_by_step(make_bank: MakeBank) -> None:
    everyone = random_tasks(70, 4)
    selection = PibeSelector(batch_size=9).select(pool_of(everyone), 50, make_bank(kept=everyone), Random(1), "")
    assert len(selection.ranking) == 50
    whole = PibeSelector(batch_size=9).select(pool_of(everyone), 500, make_bank(kept=everyone), Random(1), "")
    assert {place.candidate_id for place in whole.ranking} == {each.id for each in everyone}


def test_members_without_newcomers_are_ranked_again(make_bank: MakeBank) -> None:
    everyone = random_tasks(40, 5)
    selection = PibeSelector().select(pool_of(everyone, 40), 25, make_bank(kept=everyone), Random(1), "")
    assert len(selection.ranking) == 25


def test_memory_is_refused_before_anything_is_ranked(make_bank: MakeBank, monkeypatch: pytest.MonkeyPatch) -> None:
    everyone = random_tasks(400, 1)
    selector = PibeSelector(engine="dense", batch_size=150, max_memory_gb=0.002)
    monkeypatch.setattr(_dense, "propagate", None)  # nothing may come that far
    with pytest.raises(StageError, match=r"would take 0\.00\d+ GB for 250 candidates") as caught:
        selector.select(pool_of(everyone), 100, make_bank(), Random(1), "")
    assert "max_memory_gb = 0.002" in str(caught.value)
    assert "lower batch_size" in str(caught.value)


def test_batches_bound_the_memory_of_the_dense_engine(make_bank: MakeBank) -> None:
    everyone = random_tasks(400, 1)
    selector = PibeSelector(engine="dense", batch_size=90, max_memory_gb=0.002)
    assert len(selector.select(pool_of(everyone), 20, make_bank(kept=everyone), Random(1), "").ranking) == 20


def broken(name: str) -> Pool:
    everyone = random_tasks(12, 6)
    pool = pool_of(everyone)
    vectors, quality, candidates = pool.vectors.copy(), pool.quality.copy(), list(pool.candidates)
    if name == "quality":
        quality[7] = np.nan
    elif name == "twice":
        candidates[7] = candidates[2]
    elif name == "fewer vectors":
        vectors = vectors[:-1]
    else:
        vectors[7] *= np.float32({"nan": np.nan, "inf": np.inf, "zero": 0.0, "long": 3.0}[name])
    return Pool(tuple(candidates), vectors, quality, 0)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nan", "no vector of L2 norm 1, but nan"),
        ("inf", "no vector of L2 norm 1, but inf"),
        ("zero", "no vector of L2 norm 1, but 0"),
        ("long", "no vector of L2 norm 1, but 3"),
        ("quality", "no finite quality, but nan"),
        ("twice", "stands in the pool twice, at places 2 and 7"),
        ("fewer vectors", r"vectors of shape \(11, 16\)"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")  # making the bad vector
def test_a_broken_pool_is_refused_by_name(make_bank: MakeBank, name: str, said: str) -> None:
    pool = broken(name)
    with pytest.raises(StageError, match=said) as caught:
        PibeSelector().select(pool, 5, make_bank(), Random(1), "")
    assert name == "fewer vectors" or pool.candidates[7].id in str(caught.value)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("size", [0, 1, 7, 50])
@pytest.mark.parametrize("n", [0, 1, 2, 9])
def test_any_size_of_bank_and_pool_is_ranked(make_bank: MakeBank, options: dict[str, Any], size: int, n: int) -> None:
    everyone = random_tasks(9, 2)[:n]
    pool = pool_of(everyone) if n else Pool((), np.empty((0, 16), np.float32), np.empty(0), 0)
    selection = PibeSelector(max_iterations=30, **options).select(pool, size, make_bank(kept=everyone), Random(1), "")
    assert len(selection.ranking) == min(size, n)


@pytest.mark.parametrize("options", OPTIONS)
def test_equal_vectors_and_equal_qualities_leave_age_to_decide(make_bank: MakeBank, options: dict[str, Any]) -> None:
    everyone = tasks(np.repeat(clustered(1, 5), 20, axis=0), np.full(20, 0.5))
    selector = PibeSelector(max_iterations=30, **options)
    selection = selector.select(pool_of(everyone), 8, make_bank(kept=everyone), Random(1), "")
    assert len(selection.ranking) == 8
    assert all(np.isfinite(place.utility) for place in selection.ranking)
    if options.get("engine") != "sparse":
        assert [place.candidate_id for place in selection.ranking] == [each.id for each in everyone[:8]]


def test_a_finite_preference_is_wanted() -> None:
    for wrong in (float("nan"), float("inf")):
        with pytest.raises(ConfigError, match="Expected a finite number"):
            PibeSelector(preference=wrong)
