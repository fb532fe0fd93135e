"""The caps hold over real connections, whatever a service takes, breaks or leaves out, over several runs."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.asking import Clock, questions

from insgen.config.settings import Budget, Llm
from insgen.errors import StageError
from insgen.models.asking import Asker
from insgen.models.llm import Provider
from insgen.store import calls
from insgen.store.calls import Spent
from insgen.store.database import Store, open_store
from insgen.testing.faults import (
    Fault,
    empty_choices,
    invalid_json,
    no_usage,
    reset_mid_body,
    server_error,
    short_body,
    too_many,
    wrong_content_type,
)
from insgen.testing.llm_server import Asked, LlmServer

N_QUESTIONS = 66
MAX_TOKENS = 20
LONGEST_PROMPT = len("question 0") + 2 * 16  # bytes, and what a chat format adds at most
FREE = (too_many("0"), server_error(500), server_error(503))
PERHAPS_BILLED = (reset_mid_body(), short_body(), invalid_json(), wrong_content_type(), empty_choices(), no_usage())


@dataclass
class Service:
    """What each attempt brings and takes depends on the question and on how often it was asked, not on the order.

    :ivar billed: prompt and answer tokens of every attempt that a service may have billed.
    """

    seed: int
    faulty: float
    billed: list[tuple[int, int]] = field(default_factory=list)
    tries: Counter[str] = field(default_factory=Counter)

    def fault(self, asked: Asked) -> Fault:
        draw = random.Random(f"{self.seed}/{asked.text}/{self.tries[asked.text]}")
        self.tries[asked.text] += 1
        fault = draw.choice([*FREE, *PERHAPS_BILLED]) if draw.random() < self.faulty else None
        prompt, completion = draw.randint(1, LONGEST_PROMPT), draw.randint(0, MAX_TOKENS)
        if fault not in FREE:
            self.billed.append((prompt, completion))
        usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
        return fault or Fault("usage", change=lambda answer: answer | {"usage": usage})

    def spent(self) -> Spent:
        """At 1 and 2 USD per million tokens."""
        prompt, completion = (sum(each[place] for each in self.billed) for place in (0, 1))
        return Spent((prompt + 2 * completion) / 1e6, len(self.billed), prompt + completion)


class BrokenOffError(Exception):
    """Somebody stopped the run."""


def run(store: Store, settings: Llm, budget: Budget, stop_after: int) -> None:
    """Ask everything once; what is stored already is not sent. Stopped by a watcher after so many calls have ended."""
    ended = 0

    def count(call: Mapping[str, Any]) -> None:  # noqa: ARG001 - a watcher's shape
        nonlocal ended
        ended += 1
        if ended == stop_after:
            raise BrokenOffError

    clock = Clock()
    asker = Asker(store, Provider(settings), settings, budget, count, clock, clock.sleep)
    try:
        asker.ask(questions(N_QUESTIONS))
    except (BrokenOffError, StageError):
        pass  # StageError: eight calls in a row have failed; the next run goes on all the same
    finally:
        asker.close()


@pytest.fixture(scope="module")
def service() -> Iterator[LlmServer]:
    with LlmServer() as server:
        yield server


BUDGETS = st.builds(
    Budget,
    usd=st.sampled_from([0.0, 0.0004, 0.002]),
    calls=st.sampled_from([0, 7, 40, 90]),
    tokens=st.sampled_from([0, 300, 1500, 4000]),
)


@given(BUDGETS, st.integers(0, 2**32), st.sampled_from([0.0, 0.2, 0.6]), st.lists(st.integers(1, 60), max_size=2))
@settings(deadline=None, max_examples=12)
def test_caps_hold_with_64_in_flight_whatever_the_service_does(
    service: LlmServer, budget: Budget, seed: int, faulty: float, stops: list[int]
) -> None:
    truth = Service(seed, faulty)
    service.faults = truth.fault
    llm = service.settings(concurrency=64, max_tokens=MAX_TOKENS)
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder) / "insgen.db")
        for stop_after in [*stops, 0]:
            answered = {text for (text,) in store.conn.execute(
                "SELECT messages ->> '$[0][1]' FROM calls WHERE answer IS NOT NULL")}  # fmt: skip
            before = truth.tries.copy()
            run(store, llm, budget, stop_after)

            assert not answered & set(truth.tries - before)
            true, ours = truth.spent(), calls.spent(store.conn)
            for cap, taken, counted in (
                (budget.usd, true.usd, ours.usd),
                (budget.calls, true.calls, ours.calls),
                (budget.tokens, true.tokens, ours.tokens),
            ):
                assert taken <= counted + 1e-9
                assert not cap or counted <= cap + 1e-9
        if not faulty:
            assert (ours.calls, ours.tokens) == (true.calls, true.tokens)
        store.close()
