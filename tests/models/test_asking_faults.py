"""What real services do to a request, each over a real connection, and what it costs."""

from __future__ import annotations

import pytest
from support.asking import ask, asking, questions

from insgen.config.settings import Budget
from insgen.errors import StageError
from insgen.models.line import ATTEMPTS, FAILURES_IN_A_ROW, LONGEST_SILENCE_S
from insgen.store import calls
from insgen.store.database import Store
from insgen.testing.faults import (
    Fault,
    answered_twice,
    content_filter,
    context_overflow,
    empty_choices,
    forbidden,
    http_date,
    invalid_json,
    null_content,
    quota_gone,
    refused,
    reset,
    reset_mid_body,
    server_error,
    short_body,
    stall,
    stall_mid_body,
    too_many,
    unauthorised,
    unknown_model,
    wrong_content_type,
)
from insgen.testing.llm_server import Asked, LlmServer, Reply

NOT_BILLED = [server_error(500), server_error(502), server_error(503), server_error(529)]
PERHAPS_BILLED = [
    *(server_error(504), reset(), reset_mid_body(), short_body(), invalid_json(), wrong_content_type()),
    *(empty_choices(), stall(), stall_mid_body()),
]


@pytest.mark.parametrize("fault", NOT_BILLED, ids=lambda fault: fault.name)
def test_server_error_is_tried_again_and_costs_nothing(fault: Fault, llm_server: LlmServer, store: Store) -> None:
    llm_server.script(fault)
    with asking(llm_server, store) as asker:
        [response] = ask(asker, "What?")
        assert 0.25 <= asker.sleep.__self__.waits[0] <= 0.75  # type: ignore[attr-defined]  # the test's own Clock

    spent = calls.spent(store.conn)
    assert response.text == "Answer 1."
    assert (spent.calls, spent.tokens) == (1, 2 + 3)
    assert store.conn.execute("SELECT attempts, error FROM calls").fetchone() == (2, None)


@pytest.mark.parametrize("fault", PERHAPS_BILLED, ids=lambda fault: fault.name)
def test_attempt_that_may_have_been_billed_is_tried_again_and_counted_as_spent(
    fault: Fault, llm_server: LlmServer, store: Store
) -> None:
    llm_server.script(fault)
    patience = 3.0 if "stall" in fault.name else 60.0  # real seconds: a busy machine must not time out by itself
    with asking(llm_server, store, max_tokens=100, attempt_timeout_s=patience) as asker:
        [response] = ask(asker, "What?")

    spent = calls.spent(store.conn)
    assert response.text == "Answer 1."
    assert len(llm_server.asked) == 2
    assert (spent.calls, spent.tokens) == (2, (5 + 16 + 16 + 100) + (2 + 3))
    assert len(llm_server.paid) <= spent.calls


def test_attempts_that_may_have_been_billed_never_pass_a_cap_on_calls(llm_server: LlmServer, store: Store) -> None:
    llm_server.faults = lambda asked: invalid_json() if asked.number % 2 else None
    with asking(llm_server, store, Budget(calls=30), concurrency=64) as asker:
        responses = asker.ask(questions(64))
    assert len(llm_server.paid) == calls.spent(store.conn).calls == 30
    assert {response.finish_reason for response in responses} == {"stop", "budget"}


def test_answer_sent_twice_on_one_connection_is_read_once_and_harms_no_other(
    llm_server: LlmServer, store: Store
) -> None:
    llm_server.reply = lambda asked: f"to {asked.text}"
    llm_server.faults = lambda _: answered_twice()
    with asking(llm_server, store, concurrency=1) as asker:
        responses = asker.ask(questions(12))
    assert [response.text for response in responses] == [f"to question {n}" for n in range(12)]


def test_same_answer_to_every_question_is_kept_once_per_question(llm_server: LlmServer, store: Store) -> None:
    llm_server.reply = lambda _: "always this"
    with asking(llm_server, store) as asker:
        responses = asker.ask(questions(5))
    assert len({response.call_id for response in responses}) == 5
    assert store.conn.execute("SELECT count(*) FROM calls WHERE answer = 'always this'").fetchone() == (5,)


def test_null_content_is_an_empty_answer_not_an_invented_one(llm_server: LlmServer, store: Store) -> None:
    llm_server.script(null_content())
    with asking(llm_server, store) as asker:
        [response] = ask(asker, "What?")
    assert (response.text, response.error) == ("", "")
    assert len(llm_server.asked) == 1


WAITS = [("30", 30.0, 30.0), ("0.5", 0.5, 0.5), ("date", 98.0, 100.0), ("", 1.0, 1.0)]


@pytest.mark.parametrize(("text", "low", "high"), WAITS)
def test_retry_after_is_waited_for(text: str, low: float, high: float, llm_server: LlmServer, store: Store) -> None:
    llm_server.script(too_many(http_date(100.0) if text == "date" else text))
    with asking(llm_server, store) as asker:
        ask(asker, "What?")
        assert low <= asker.clock() <= high


def test_storm_of_429_uses_up_no_attempt_and_no_deadline(llm_server: LlmServer, store: Store) -> None:
    storm = {number for number in range(400) if number % 20 >= 5}  # three of four requests are turned away
    llm_server.faults = lambda asked: too_many("10") if asked.number in storm else None
    with asking(llm_server, store, concurrency=64, timeout_s=20.0) as asker:
        responses = asker.ask(questions(64))

    assert not [response.error for response in responses if response.error]
    assert len(llm_server.paid) == calls.spent(store.conn).calls == 64
    assert store.conn.execute("SELECT max(attempts) FROM calls").fetchone() == (1,)


def test_service_that_says_429_for_an_hour_stops_the_run(llm_server: LlmServer, store: Store) -> None:
    llm_server.faults = lambda _: too_many("0")
    with asking(llm_server, store) as asker:
        with pytest.raises(StageError, match="too much to do and has said so for an hour"):
            asker.ask(questions(3))
        assert LONGEST_SILENCE_S < asker.clock() < LONGEST_SILENCE_S + 100
    assert len(llm_server.asked) < 3 * 100  # it does not hammer
    assert calls.spent(store.conn).calls == 0


def test_service_that_asks_for_hours_of_rest_stops_the_run_at_once(llm_server: LlmServer, store: Store) -> None:
    llm_server.script(too_many("7200"))
    with asking(llm_server, store) as asker, pytest.raises(StageError, match="asks to wait 7200 s"):
        ask(asker, "What?")


PERMANENT = [
    (unauthorised(), "Put a valid key into the environment .OPENAI_API_KEY."),
    (forbidden(), "Put a valid key into the environment .OPENAI_API_KEY."),
    (unknown_model(), r"Change \[llm\] model or api_base"),
    (quota_gone(), "The account is empty: top it up"),
    (refused(402), "The account is empty: top it up"),
]


@pytest.mark.parametrize(("fault", "cure"), PERMANENT, ids=lambda each: each.name if isinstance(each, Fault) else "")
def test_permanent_error_stops_at_once_and_answers_in_flight_are_stored(
    fault: Fault, cure: str, llm_server: LlmServer, store: Store
) -> None:
    llm_server.hold(4, order=(2, 0, 1, 3))  # the third to arrive is refused first, the others are answered afterwards
    llm_server.script(None, None, fault, None)
    with asking(llm_server, store, concurrency=4) as asker:
        with pytest.raises(StageError, match=cure):
            asker.ask(questions(50))
        with pytest.raises(StageError, match=cure):  # and nothing else is asked in this run
            ask(asker, "And now?")
    assert len(llm_server.asked) == 4
    assert len(llm_server.paid) == calls.spent(store.conn).calls == 3


def test_service_that_stays_away_stops_the_run(llm_server: LlmServer, store: Store) -> None:
    llm_server.faults = lambda _: server_error(500)
    message = f"{FAILURES_IN_A_ROW} calls of openai/test-model in a row failed"
    with asking(llm_server, store, concurrency=1) as asker, pytest.raises(StageError, match=message):
        asker.ask(questions(50))
    assert len(llm_server.asked) == FAILURES_IN_A_ROW * ATTEMPTS
    assert calls.spent(store.conn).calls == 0


def test_total_deadline_ends_a_call(llm_server: LlmServer, store: Store) -> None:
    llm_server.faults = lambda _: server_error(500)
    with asking(llm_server, store, timeout_s=2.0) as asker:
        [response] = ask(asker, "What?")
        assert asker.clock() < 2.0 + 6.0
    assert "given up after 2 s" in response.error
    assert len(llm_server.asked) < ATTEMPTS


def test_too_long_a_request_is_shrunk_by_a_fifth_until_it_fits(llm_server: LlmServer, store: Store) -> None:
    llm_server.faults = lambda asked: context_overflow() if asked.body["max_tokens"] > 500 else None
    with asking(llm_server, store, max_tokens=1000) as asker:
        [response] = ask(asker, "What?")
    assert not response.error
    assert [asked.body["max_tokens"] for asked in llm_server.asked] == [1000, 800, 640, 512, 409]


def test_prompt_that_never_fits_fails_alone(llm_server: LlmServer, store: Store) -> None:
    llm_server.faults = lambda asked: context_overflow() if asked.text == "question 2" else None
    with asking(llm_server, store, max_tokens=100) as asker:
        responses = asker.ask(questions(4))
    assert [response.finish_reason for response in responses] == ["stop", "stop", "error", "stop"]
    assert responses[2].error.startswith("context: ")


@pytest.mark.parametrize("status", [400, 405, 413, 422, 451])
def test_refused_request_fails_alone_is_not_tried_again_and_costs_nothing(
    status: int, llm_server: LlmServer, store: Store
) -> None:
    llm_server.faults = lambda asked: refused(status) if asked.text == "question 1" else None
    with asking(llm_server, store) as asker:
        responses = asker.ask(questions(3))
    assert [response.finish_reason for response in responses] == ["stop", "error", "stop"]
    assert responses[1].error.startswith("refused: ")
    assert len(llm_server.asked) == 3
    assert calls.spent(store.conn).calls == 2


def test_filtered_content_fails_alone_and_is_not_tried_again(llm_server: LlmServer, store: Store) -> None:
    llm_server.faults = lambda asked: content_filter() if asked.text == "question 1" else None
    with asking(llm_server, store) as asker:
        responses = asker.ask(questions(3))
    assert [response.finish_reason for response in responses] == ["stop", "filtered", "stop"]
    assert len(llm_server.asked) == 3


@pytest.mark.parametrize("concurrency", [1, 64])
def test_under_all_faults_at_once_every_question_gets_its_own_answer(
    concurrency: int, llm_server: LlmServer, store: Store
) -> None:
    every = [too_many("1"), *NOT_BILLED, reset_mid_body(), short_body(), invalid_json(), wrong_content_type(),
             empty_choices(), answered_twice()]  # fmt: skip
    tries: dict[str, int] = {}

    def fault(asked: Asked) -> Fault | None:
        nth = tries[asked.text] = tries.get(asked.text, 0) + 1
        number = int(asked.text.split()[1])
        return every[number % len(every)] if nth <= number % 3 else None

    llm_server.faults = fault
    llm_server.reply = lambda asked: Reply(f"to {asked.text}")
    with asking(llm_server, store, concurrency=concurrency) as asker:
        responses = asker.ask(questions(66))
    assert [response.text for response in responses] == [f"to question {n}" for n in range(66)]
    assert len(llm_server.paid) <= calls.spent(store.conn).calls
