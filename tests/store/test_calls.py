from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from insgen.store import calls
from insgen.store.calls import Arrived, CallKey, Reserve, Spent
from insgen.store.database import Store

WORST = Reserve(0.5, 100)


def key(number: int = 0) -> CallKey:
    return CallKey(f"c{number}", 1, "generate a", number, "openai/x", {"max_tokens": 9}, (("user", "hi"),), "b2:p")


def arrived(cost: float | None = 0.2, tokens: int | None = 30) -> Arrived:
    return Arrived("text", "stop", cost, tokens, None if tokens is None else 5, 1, 12, "2026-01-01T00:00:00+00:00")


def test_reservation_counts_until_it_is_settled(store: Store) -> None:
    calls.reserve(store.conn, 1, key(), WORST)
    assert calls.spent(store.conn) == Spent(0.5, 1, 100)
    assert calls.stored_answer(store.conn, "c0") is None
    calls.settle(store.conn, "c0", arrived())
    assert calls.spent(store.conn) == Spent(0.2, 1, 35)
    assert calls.stored_answer(store.conn, "c0") == ("text", "stop", 0.2, None)


def test_reservation_left_by_a_killed_process_is_lost_once_it_is_asked_again(store: Store) -> None:
    calls.reserve(store.conn, 1, key(), WORST)
    calls.reserve(store.conn, 2, key(), WORST)
    assert calls.spent(store.conn) == Spent(1.0, 2, 200)
    calls.settle(store.conn, "c0", arrived())
    assert calls.spent(store.conn) == Spent(0.7, 2, 135)
    assert store.conn.execute("SELECT run_id, lost_calls FROM calls").fetchone() == (2, 1)


def test_lost_attempt_stands_as_spent_and_failed_call_costs_nothing_more(store: Store) -> None:
    calls.reserve(store.conn, 1, key(), WORST)
    calls.lose(store.conn, "c0", "lost: reset")
    assert calls.spent(store.conn) == Spent(0.5, 1, 100)
    calls.reserve(store.conn, 1, key(), WORST)
    calls.fail(store.conn, "c0", "lost: reset", 6)
    assert calls.spent(store.conn) == Spent(0.5, 1, 100)
    assert store.conn.execute("SELECT error, attempts, answer FROM calls").fetchone() == ("lost: reset", 6, None)


def test_answer_without_usage_keeps_its_reservation_as_cost(store: Store) -> None:
    calls.reserve(store.conn, 1, key(), WORST)
    calls.settle(store.conn, "c0", arrived(None, None))
    assert calls.spent(store.conn) == Spent(0.5, 1, 100)


def test_nothing_was_spent_in_a_new_project(store: Store) -> None:
    assert calls.spent(store.conn) == Spent(0.0, 0, 0)


STEPS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["reserve", "lose", "settle", "settle unknown", "fail"])))


@given(STEPS)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_spent_is_what_a_ledger_on_paper_says(store: Store, steps: list[tuple[int, str]]) -> None:
    store.conn.execute("DELETE FROM calls")
    standing, cost, done = dict[int, int](), 0, set[int]()
    for number, step in steps:
        if number in done or (step != "reserve" and number not in standing):
            continue
        name = f"c{number}"
        if step == "reserve":
            cost += standing.get(number, 0)
            standing[number] = 100
            calls.reserve(store.conn, 1, key(number), WORST)
        elif step == "lose":
            cost += standing.pop(number)
            calls.lose(store.conn, name, "lost")
        elif step == "fail":
            del standing[number]
            calls.fail(store.conn, name, "error", 1)
        else:
            done.add(number)
            cost += standing.pop(number) if step == "settle unknown" else 35 + 0 * standing.pop(number)
            calls.settle(store.conn, name, arrived() if step == "settle" else arrived(None, None))

    spent = calls.spent(store.conn)
    assert spent.tokens == cost + sum(standing.values())
    paper = store.conn.execute(
        "SELECT coalesce(sum(coalesce(cost_usd, 0) + 0.5 * (lost_calls + (reserved_usd IS NOT NULL))), 0) FROM calls"
    ).fetchone()[0]
    assert spent.usd == pytest.approx(paper)
