from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insgen.config.settings import Budget
from insgen.models.purse import Purse
from insgen.store.calls import Reserve, Spent

NOTHING = Spent(0.0, 0, 0)


def spend(
    budget: Budget, costs: list[tuple[int, int]], places: int, order: random.Random
) -> tuple[list[bool], Spent, Spent]:
    """Buy calls of (worst, true) tokens, so many at once; what ends next is drawn.

    :returns: which were allowed, what the purse says, and the most it ever said.
    """
    purse, allowed, most = Purse(budget, NOTHING), [False] * len(costs), [NOTHING]

    async def one(number: int, gate: asyncio.Semaphore, ends: list[asyncio.Event]) -> None:
        worst, true = costs[number]
        async with gate:
            if not await purse.reserve(Reserve(worst / 1000, worst)):
                return
            allowed[number] = True
            before, now = most[0], purse.taken
            most[0] = Spent(max(before.usd, now.usd), max(before.calls, now.calls), max(before.tokens, now.tokens))
            end = asyncio.Event()
            ends.append(end)
            await end.wait()
            purse.settle(Reserve(worst / 1000, worst), true / 1000, true)

    async def main() -> None:
        gate, ends = asyncio.Semaphore(places), list[asyncio.Event]()
        tasks = [asyncio.create_task(one(number, gate, ends)) for number in range(len(costs))]
        while not all(task.done() for task in tasks):
            for _ in range(5):
                await asyncio.sleep(0)
            if ends:
                ends.pop(order.randrange(len(ends))).set()

    asyncio.run(main())
    return allowed, purse.taken, most[0]


ONE = st.integers(1, 60).flatmap(lambda worst: st.tuples(st.just(worst), st.integers(0, worst)))
CALLS = st.lists(ONE, max_size=30)
BUDGETS = st.builds(Budget, usd=st.sampled_from([0.0, 0.05, 0.2]), calls=st.sampled_from([0, 3, 12]),
                    tokens=st.sampled_from([0, 40, 150]))  # fmt: skip


@given(BUDGETS, CALLS, st.integers(0, 2**32))
@settings(deadline=None, max_examples=60)
def test_caps_hold_at_every_moment_and_refusals_do_not_depend_on_the_concurrency(
    budget: Budget, costs: list[tuple[int, int]], seed: int
) -> None:
    one_by_one, spent_alone, _ = spend(budget, costs, 1, random.Random(seed))
    together, spent, most = spend(budget, costs, 64, random.Random(seed))

    assert together == one_by_one
    assert (spent.calls, spent.tokens) == (spent_alone.calls, spent_alone.tokens)
    assert spent.usd == pytest.approx(spent_alone.usd)
    for cap, figure in ((budget.usd, most.usd - 1e-9), (budget.calls, most.calls), (budget.tokens, most.tokens)):
        assert not cap or figure <= cap


def test_first_refusal_is_remembered_though_a_smaller_call_fits_later() -> None:
    async def main() -> None:
        purse = Purse(Budget(tokens=100), NOTHING)
        assert not await purse.reserve(Reserve(0.0, 101))
        assert await purse.reserve(Reserve(0.0, 100))
        assert purse.refused == "tokens 100: 0 spent or reserved, the next call can take 101"

    asyncio.run(main())


def test_released_reservations_make_room_and_lost_ones_do_not() -> None:
    async def main() -> None:
        purse = Purse(Budget(calls=2), NOTHING)
        worst = Reserve(0.5, 10)
        assert await purse.reserve(worst)
        purse.release(worst)
        assert purse.taken == NOTHING
        for _ in range(2):
            assert await purse.reserve(worst)
            purse.lose()
        assert not await purse.reserve(worst)
        assert purse.taken == Spent(1.0, 2, 20)

    asyncio.run(main())


def test_what_was_spent_before_counts() -> None:
    purse = Purse(Budget(usd=1.0), Spent(0.9, 5, 100))
    assert not purse.over(Reserve(0.1, 1))
    assert purse.over(Reserve(0.11, 1)) == "usd 1: $0.9000 spent or reserved, the next call can cost $0.1100"


def test_stop_turns_away_those_who_wait() -> None:
    async def main() -> None:
        purse = Purse(Budget(calls=1), NOTHING)
        assert await purse.reserve(Reserve(0.0, 1))
        waiting = asyncio.create_task(purse.reserve(Reserve(0.0, 1)))
        await asyncio.sleep(0)
        purse.stop()
        assert not await waiting
        assert not purse.refused

    asyncio.run(main())
