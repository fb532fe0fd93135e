"""Deita's selection: worked numbers, and the plain sequential scan it has to equal."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.pools import clustered, pool_of, tasks

from insgen import ConfigError
from insgen.bank.bank import Bank
from insgen.plugins.selectors._redundancy import Scan, similarities
from insgen.plugins.selectors.deita import DeitaSelector

MakeBank = Callable[..., Bank]


def one_by_one(vectors: np.ndarray, order: np.ndarray, limit: float, size: int) -> list[int]:
    """The scan as the paper describes it."""
    kept: list[int] = []
    for row in order.tolist():
        others = np.array(kept, dtype=np.int64)
        if len(kept) < size and not (similarities(vectors, np.full(len(kept), row), others) > limit).any():
            kept.append(row)
    return kept


def on_circle(*degrees: float) -> np.ndarray:
    angles = np.radians(degrees)
    return np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)


def test_worked_example(make_bank: MakeBank) -> None:
    # cos 25.8 = 0.9003, cos 25.9 = 0.8996; the third is near to the second alone, which was itself left out
    everyone = tasks(on_circle(0, 25.8, 51.5, 200, 225.9), [0.9, 0.8, 0.7, 1.0, 0.1])
    kept = DeitaSelector().select(pool_of(everyone), 5, make_bank(), Random(1), "").ranking
    assert [place.candidate_id for place in kept] == [everyone[row].id for row in (3, 0, 2, 4)]
    assert [place.utility for place in kept] == [1.0, 0.9, 0.7, 0.1]
    expected = [2.0, 1 - np.cos(np.radians(160)), 1 - np.cos(np.radians(51.5)), 1 - np.cos(np.radians(25.9))]
    assert [place.diversity for place in kept] == pytest.approx(expected, abs=1e-6)


def test_limit_itself_is_kept(make_bank: MakeBank) -> None:
    vectors = np.array([[1, 0, 0], [0.5, 0.5, np.sqrt(0.5)]], dtype=np.float32)  # the product is 0.5 exactly
    kept = DeitaSelector(max_similarity=0.5).select(pool_of(tasks(vectors, [1, 0])), 2, make_bank(), Random(1), "")
    assert len(kept.ranking) == 2


def test_equal_quality_goes_by_age(make_bank: MakeBank) -> None:
    everyone = tasks(on_circle(0, 10, 90, 100), [0.5] * 4)
    kept = DeitaSelector().select(pool_of(everyone, 2), 4, make_bank(), Random(1), "").ranking
    assert [place.candidate_id for place in kept] == [everyone[0].id, everyone[2].id]


def test_limit_of_one_leaves_nothing_out(make_bank: MakeBank) -> None:
    everyone = tasks(np.repeat(on_circle(30), 5, axis=0), [0.5] * 5)
    kept = DeitaSelector(max_similarity=1.0).select(pool_of(everyone), 9, make_bank(), Random(1), "").ranking
    assert [place.candidate_id for place in kept] == [each.id for each in everyone]


@pytest.mark.parametrize("limit", [1.1, -1.01, float("nan")])
def test_impossible_limit_is_refused(limit: float) -> None:
    with pytest.raises(ConfigError, match="deita: max_similarity"):
        DeitaSelector(max_similarity=limit)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6), n=st.integers(1, 120), limit=st.sampled_from([-0.5, 0.0, 0.3, 0.8, 0.9, 0.97]),
    size=st.integers(1, 130), copies=st.integers(0, 30),
)  # fmt: skip
def test_picks_are_those_of_the_sequential_scan(seed: int, n: int, limit: float, size: int, copies: int) -> None:
    vectors = clustered(n, seed)
    vectors[: min(copies, n)] = vectors[-1]
    order = np.random.default_rng(seed).permutation(n)
    assert Scan(vectors, order, limit).kept(size).tolist() == one_by_one(vectors, order, limit, size)


@pytest.mark.parametrize(("limit", "dimension"), [(0.9, 64), (0.5, 64), (0.9, 4)])
def test_blocks_and_bounds_change_nothing(limit: float, dimension: int) -> None:
    rng = np.random.default_rng(3)
    scale = np.exp(-np.arange(dimension) / 10.0)
    vectors = np.repeat(rng.standard_normal((1200, dimension)), 5, axis=0) * scale
    vectors += 0.3 * rng.standard_normal(vectors.shape) * scale
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    order = rng.permutation(len(vectors))
    kept = Scan(vectors, order, limit).kept(len(vectors)).tolist()
    assert kept == one_by_one(vectors, order, limit, len(vectors))
    assert Scan(vectors, order, limit).kept(len(kept) // 2).tolist() == kept[: len(kept) // 2]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), n=st.integers(1, 40), size=st.integers(0, 50))
def test_nobody_kept_is_too_similar_to_a_better_one(make_bank: MakeBank, seed: int, n: int, size: int) -> None:
    everyone = tasks(clustered(n, seed), np.random.default_rng(seed).uniform(size=n))
    bank, pool = make_bank(), pool_of(everyone, seed % n)
    kept = DeitaSelector().select(pool, size, bank, Random(1), "").ranking
    assert all(place.diversity >= 0.1 - 1e-6 for place in kept)
    assert [place.utility for place in kept] == sorted((place.utility for place in kept), reverse=True)
    assert DeitaSelector().select(pool, n, bank, Random(1), "").ranking[: len(kept)] == kept
