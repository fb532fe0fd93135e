"""Selection by quality."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.pools import clustered, pool_of, tasks

from insgen.bank.bank import Bank
from insgen.plugins.selectors.quality import QualitySelector

MakeBank = Callable[..., Bank]


def test_best_first_and_equals_by_age(make_bank: MakeBank) -> None:
    everyone = tasks(clustered(5, 1), [0.5, 0.9, 0.5, 0.1, 0.9])
    selection = QualitySelector().select(pool_of(everyone, 2), 4, make_bank(), Random(1), "")
    assert [place.candidate_id for place in selection.ranking] == [everyone[row].id for row in (1, 4, 0, 2)]
    assert [(place.quality, place.utility) for place in selection.ranking] == [(q, q) for q in (0.9, 0.9, 0.5, 0.5)]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(quality=st.lists(st.floats(0, 1), min_size=1, max_size=30), size=st.integers(0, 40))
def test_nothing_left_out_is_better_than_anything_kept(make_bank: MakeBank, quality: list[float], size: int) -> None:
    everyone = tasks(clustered(len(quality), 1), quality)
    bank, pool = make_bank(), pool_of(everyone)
    kept = QualitySelector().select(pool, size, bank, Random(1), "").ranking
    assert [place.utility for place in kept] == sorted(quality, reverse=True)[:size]
    assert len({place.candidate_id for place in kept}) == len(kept) == min(size, len(quality))
    assert QualitySelector().select(pool, len(quality), bank, Random(1), "").ranking[: len(kept)] == kept
