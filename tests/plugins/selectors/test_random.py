"""Selection by chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.pools import evolve, pool_of, random_tasks

from insgen.bank.bank import Bank
from insgen.plugins.selectors.random import RandomSelector

MakeBank = Callable[..., Bank]


def test_the_bank_is_a_uniform_sample_of_all_that_ever_arrived(make_bank: MakeBank) -> None:
    batches = [random_tasks(8, number, start=100 * number) for number in range(5)]
    batch_of = {each.id: number for number, batch in enumerate(batches) for each in batch}
    bank, counts = make_bank(), Counter[int]()
    for seed in range(400):
        last = evolve(RandomSelector(), batches, 10, bank, seed=1000 * seed)[-1]
        counts.update(batch_of[place.candidate_id] for place in last.ranking)
    expected = 400 * 10 / 5
    chi_squared = sum((counts[number] - expected) ** 2 / expected for number in range(5))
    assert chi_squared < 18.5  # four degrees of freedom: one seed in a thousand would pass it by chance


def test_a_member_keeps_its_key(make_bank: MakeBank) -> None:
    batches = [random_tasks(10, 1), random_tasks(10, 2, start=100)]
    first, second = evolve(RandomSelector(), batches, 10, make_bank())
    before = {place.candidate_id: place.utility for place in first.ranking}
    stayed = [place for place in second.ranking if place.candidate_id in before]
    assert stayed
    assert all(place.utility == before[place.candidate_id] for place in stayed)


@pytest.mark.parametrize("state", ["", "nonsense", "[]", '{"format": "pibe 1"}'])
def test_members_without_a_known_key_draw_one(make_bank: MakeBank, state: str) -> None:
    everyone = random_tasks(12, 1)
    selection = RandomSelector().select(pool_of(everyone, 6), 12, make_bank(), Random(3), state)
    draws = Random(3)
    assert {place.candidate_id: place.utility for place in selection.ranking} == {
        e.id: draws.random() for e in everyone
    }


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), n=st.integers(1, 30), size=st.integers(0, 40))
def test_same_seed_same_prefixes_without_repeats(make_bank: MakeBank, seed: int, n: int, size: int) -> None:
    bank, pool = make_bank(), pool_of(random_tasks(n, 1))
    kept = RandomSelector().select(pool, size, bank, Random(seed), "").ranking
    assert len({place.candidate_id for place in kept}) == len(kept) == min(size, n)
    utilities = [place.utility for place in kept]
    assert utilities == sorted(utilities, reverse=True)
    assert RandomSelector().select(pool, n, bank, Random(seed), "").ranking[: len(kept)] == kept
