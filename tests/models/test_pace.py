from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.asking import Clock

from insgen.models.pace import Pace, retry_after_s


def in_loop(body: Callable[[Pace, Clock], Awaitable[None]], most: int = 64) -> None:
    async def main() -> None:
        clock = Clock()
        await body(Pace(most, clock, clock.sleep), clock)

    asyncio.run(main())


def test_no_more_than_the_limit_are_in_flight_and_the_rest_enter_in_the_order_they_asked() -> None:
    async def body(pace: Pace, clock: Clock) -> None:  # noqa: ARG001 - the shape of a body
        entered: list[int] = []

        async def one(number: int) -> None:
            await pace.admit()
            entered.append(number)
            assert pace.in_flight <= 3
            await asyncio.sleep(0)
            pace.leave()

        await asyncio.gather(*(one(number) for number in range(20)))
        assert entered == list(range(20))

    in_loop(body, most=3)


def test_one_overload_met_by_all_in_flight_halves_the_limit_once() -> None:
    async def body(pace: Pace, clock: Clock) -> None:  # noqa: ARG001 - the shape of a body
        epochs = [await pace.admit() for _ in range(64)]
        for epoch in epochs:
            assert epoch is not None
            pace.overloaded(epoch)
        assert pace.limit == 32.0
        later = await pace.admit()
        assert later is not None
        pace.overloaded(later)
        assert pace.limit == 16.0

    in_loop(body)


def test_limit_grows_by_one_per_round_trip_and_returns_to_the_most() -> None:
    async def body(pace: Pace, clock: Clock) -> None:  # noqa: ARG001 - the shape of a body
        epoch = await pace.admit()
        assert epoch is not None
        pace.overloaded(epoch)
        for _ in range(32):
            await pace.admit()
            pace.answered()
        assert 32.9 < pace.limit < 33.0
        for _ in range(4000):
            await pace.admit()
            pace.answered()
        assert pace.limit == 64.0

    in_loop(body)


def test_errors_that_say_nothing_of_load_leave_the_limit_alone() -> None:
    async def body(pace: Pace, clock: Clock) -> None:  # noqa: ARG001 - the shape of a body
        epoch = await pace.admit()
        assert epoch is not None
        pace.overloaded(epoch)
        await pace.admit()
        pace.leave()
        assert pace.limit == 32.0
        assert pace.in_flight == 0

    in_loop(body)


def test_pause_holds_for_everyone() -> None:
    async def body(pace: Pace, clock: Clock) -> None:
        epoch = await pace.admit()
        assert epoch is not None
        pace.overloaded(epoch, 7.5)
        await asyncio.gather(*(pace.admit() for _ in range(5)))
        assert clock.now == 7.5

    in_loop(body)


def test_stop_wakes_those_who_wait_for_a_place_or_for_a_pause() -> None:
    async def body(pace: Pace, clock: Clock) -> None:  # noqa: ARG001 - the shape of a body
        await pace.admit()
        waiting = [asyncio.create_task(pace.admit()) for _ in range(3)]
        await asyncio.sleep(0)
        pace.stop()
        assert await asyncio.gather(*waiting) == [None] * 3

        async def for_ever(seconds: float) -> None:  # noqa: ARG001 - a sleep
            await asyncio.Event().wait()

        paused = Pace(1, lambda: 0.0, for_ever)
        epoch = await paused.admit()
        assert epoch is not None
        paused.overloaded(epoch, 3600.0)
        sleeper = asyncio.create_task(paused.admit())
        await asyncio.sleep(0)
        paused.stop()
        assert await sleeper is None

    in_loop(body, most=1)


NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after": " 3 "}, 3.0),
        ({"retry-after": "-5"}, 0.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after": "Sun, 01 Mar 2026 12:01:30 GMT"}, 90.0),
        ({"retry-after": "Sun Mar  1 12:01:30 2026"}, 90.0),  # asctime, the obsolete form of RFC 9110, 5.6.7
        ({"retry-after": "Sun, 01 Mar 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "later"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers, NOW.timestamp()) == seconds


@given(st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms"]), st.text(max_size=30)))
def test_any_header_is_read_without_an_exception(headers: dict[str, str]) -> None:
    found = retry_after_s(headers, NOW.timestamp())
    assert found is None or 0.0 <= found < float("inf")


@given(st.integers(0, 10**6))
def test_dates_and_seconds_mean_the_same(seconds: int) -> None:
    moment = datetime.fromtimestamp(NOW.timestamp() + seconds, UTC)
    assert retry_after_s({"retry-after": format_datetime(moment, usegmt=True)}, NOW.timestamp()) == seconds
