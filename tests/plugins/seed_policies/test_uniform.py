"""The uniform policy: distinct, reproducible, blind to weights."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from insgen import CandidateId, Seed, Signal
from insgen.plugins.seed_policies.uniform import UniformPolicy, insgen_seed_policies

SEEDS = [Seed(f"s{i}", f"Task {i}", weight=weight) for i, weight in enumerate((0.0, 1.0, 1.0, 5.0, 100.0))]


@pytest.mark.parametrize(("n", "expected"), [(0, 0), (1, 1), (3, 3), (5, 5), (9, 5)])
def test_draws_distinct_seeds_and_fewer_only_when_there_are_fewer(n: int, expected: int) -> None:
    drawn = UniformPolicy().draw(n, SEEDS, [], Random(1))
    assert len(drawn) == expected
    assert len({seed.id for seed in drawn}) == expected
    assert set(drawn) <= set(SEEDS)


def test_no_seeds_give_none() -> None:
    assert list(UniformPolicy().draw(3, [], [], Random(1))) == []


def test_same_rng_state_gives_the_same_seeds() -> None:
    assert UniformPolicy().draw(3, SEEDS, [], Random(7)) == UniformPolicy().draw(3, SEEDS, [], Random(7))


def test_signals_change_nothing() -> None:
    signals = [Signal(CandidateId("s1"), "loss", -1.0)]
    assert UniformPolicy().draw(3, SEEDS, signals, Random(7)) == UniformPolicy().draw(3, SEEDS, [], Random(7))


def test_weights_are_ignored() -> None:
    rng = Random(3)
    counts = Counter(seed.id for _ in range(5000) for seed in UniformPolicy().draw(2, SEEDS, [], rng))
    # Each is drawn with probability 2/5: 2000 times, standard deviation 35; six of them are allowed.
    assert all(abs(counts[seed.id] - 2000) < 210 for seed in SEEDS)


def test_is_offered() -> None:
    assert insgen_seed_policies() == [UniformPolicy]
