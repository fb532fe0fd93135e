"""Order, budget figures, resuming: the everyday of asking, against a local server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from support.asking import Clock, ask, asking, questions

from insgen.config.settings import Budget, Llm
from insgen.errors import ConfigError, StageError
from insgen.models.asking import Asker
from insgen.models.llm import Provider
from insgen.store import calls
from insgen.store.calls import Spent
from insgen.store.database import Store
from insgen.testing.faults import no_usage, slow_body
from insgen.testing.llm_server import MODEL, LlmServer, Reply, count_tokens


def paid(server: LlmServer) -> Spent:
    """The server's own count."""
    prompt = sum(count_tokens(asked.text) for asked, _ in server.paid)
    completion = sum(count_tokens(text) for _, text in server.paid)
    return Spent((prompt * 1.0 + completion * 2.0) / 1e6, len(server.paid), prompt + completion)


def test_answers_come_in_the_order_asked_whatever_order_they_arrive_in(llm_server: LlmServer, store: Store) -> None:
    llm_server.reply = lambda asked: f"to {asked.text}"
    llm_server.hold(12, order=(7, 3, 11, 0, 5, 9, 1, 10, 2, 8, 6, 4))
    with asking(llm_server, store) as asker:
        responses = asker.ask(questions(12))

    assert [response.text for response in responses] == [f"to question {n}" for n in range(12)]
    assert llm_server.most_in_flight == 12


def test_no_more_are_in_flight_than_the_config_allows(llm_server: LlmServer, store: Store) -> None:
    llm_server.reply = lambda _: Reply("yes", delay_s=0.005)
    with asking(llm_server, store, concurrency=5) as asker:
        asker.ask(questions(40))
    assert llm_server.most_in_flight == 5


def test_spent_equals_the_servers_own_count_to_the_token(llm_server: LlmServer, store: Store) -> None:
    llm_server.reply = lambda asked: "word " * (asked.number % 7)
    with asking(llm_server, store, concurrency=64) as asker:
        asker.ask(questions(100))

    spent = calls.spent(store.conn)
    assert (spent.calls, spent.tokens) == (paid(llm_server).calls, paid(llm_server).tokens) == (100, spent.tokens)
    assert spent.usd == pytest.approx(paid(llm_server).usd, rel=1e-12)


def test_everything_about_a_call_is_stored(llm_server: LlmServer, store: Store) -> None:
    llm_server.reply = lambda _: Reply("4", "length", logprobs={"4": -0.1, "5": -2.4})
    told: list[Mapping[str, Any]] = []
    with asking(llm_server, store, told=told) as asker:
        asker.run_id = 3
        asker.scope(2, "score judge")
        [response] = ask(asker, "How good?", prompt_hash="b2:1", logprobs=True, top_logprobs=5)

    row = store.conn.execute(
        "SELECT run_id, round, stage, ordinal, model, prompt_hash, answer, finish_reason, attempts, cost_usd, logprobs,"
        " reserved_usd, reserved_tokens, lost_calls, error FROM calls WHERE id = ?", (response.call_id,)
    ).fetchone()  # fmt: skip
    logprobs = '{"4": -0.1, "5": -2.4}'
    cost = 3 * 1e-6 + 1 * 2e-6  # nine characters are three tokens here, one is one
    assert row == (3, 2, "score judge", 0, MODEL, "b2:1", "4", "length", 1, cost, logprobs, None, None, 0, None)
    assert (response.finish_reason, response.cost_usd, response.logprobs) == ("length", cost, logprobs)
    assert [(fact["ordinal"], fact["completion_tokens"], fact["cost_usd"]) for fact in told] == [(0, 1, cost)]


def test_answers_that_were_paid_for_are_not_asked_for_again(llm_server: LlmServer, store: Store) -> None:
    with asking(llm_server, store) as asker:
        asker.scope(1, "generate a")
        first = [response.text for response in asker.ask(questions(5))]
    with asking(llm_server, store) as asker:
        asker.scope(1, "generate a")
        again = [response.text for response in asker.ask(questions(7))]
        assert asker.reused == 5

    assert again[:5] == first
    assert len(llm_server.asked) == 7


def test_same_question_may_be_asked_twice_and_answered_twice(llm_server: LlmServer, store: Store) -> None:
    with asking(llm_server, store) as asker:
        responses = ask(asker, "Again?") + ask(asker, "Again?")
        asker.scope(2, "")
        responses += ask(asker, "Again?")
    assert len({response.text for response in responses}) == 3


def test_missing_usage_leaves_the_worst_case_standing(llm_server: LlmServer, store: Store) -> None:
    llm_server.script(no_usage())
    with asking(llm_server, store, max_tokens=100) as asker:
        [response] = ask(asker, "What?")

    spent = calls.spent(store.conn)
    assert (response.text, response.cost_usd) == ("Answer 0.", None)
    assert spent.tokens > 100
    assert spent.usd > 100 * 2.0 / 1e6
    with asking(llm_server, store, Budget(tokens=spent.tokens + 50), max_tokens=100) as asker:
        assert ask(asker, "What?")[0].text == "Answer 0."  # from the store
        assert ask(asker, "More?")[0].finish_reason == "budget"


@pytest.mark.parametrize("concurrency", [1, 7, 64])
def test_what_the_budget_refuses_does_not_depend_on_the_concurrency(
    concurrency: int, llm_server: LlmServer, store: Store
) -> None:
    llm_server.reply = lambda _: "short"
    with asking(llm_server, store, Budget(tokens=400), concurrency=concurrency, max_tokens=100) as asker:
        responses = asker.ask(questions(80))

    # A question and its answer take 5 tokens (of four characters). The next can take 100 and 43 (its 11 bytes, and 16
    # for each of two frames), or 42 for one of the first ten: 400 - 143 = 257 leaves room for 51 before it, not for 52.
    assert [response.finish_reason for response in responses] == ["stop"] * 52 + ["budget"] * 28
    assert len(llm_server.asked) == len(llm_server.paid) == 52
    assert paid(llm_server).tokens == 52 * 5


def test_budget_refusal_names_the_cap_and_its_figures(llm_server: LlmServer, store: Store) -> None:
    with asking(llm_server, store, Budget(calls=2)) as asker:
        responses = asker.ask(questions(3))
        assert asker.budget_spent == asker.afford() == "calls 2: 2 made"
    assert responses[2].error == "the budget is spent: calls 2: 2 made"
    assert len(llm_server.asked) == 2


def test_unknown_price_is_refused_before_anything_is_asked(llm_server: LlmServer, store: Store) -> None:
    free = llm_server.settings(input_usd_per_million=-1.0, output_usd_per_million=-1.0)
    with pytest.raises(ConfigError, match="No price is known for the model") as refusal:
        Asker(store, Provider(free), free, Budget(), lambda _: None)
    assert "input_usd_per_million" in str(refusal.value)
    half = llm_server.settings(output_usd_per_million=-1.0)
    with pytest.raises(ConfigError, match="only one of"):
        Asker(store, Provider(half), half, Budget(), lambda _: None)


def test_stated_price_of_nothing_is_a_price(llm_server: LlmServer, store: Store) -> None:
    free = {"input_usd_per_million": 0.0, "output_usd_per_million": 0.0}
    with asking(llm_server, store, Budget(usd=0.01), **free) as asker:
        assert ask(asker, "What?")[0].cost_usd == 0.0


def test_price_of_a_listed_model_is_known_without_the_network() -> None:
    price = Provider(Llm("openai/gpt-4o-mini")).price()
    assert price is not None
    assert (price.prompt, price.completion) == (1.5e-7, 6e-7)  # OpenAI's published 0.15 and 0.60 USD per million


def test_model_without_a_provider_is_refused(llm_server: LlmServer, store: Store) -> None:
    with (
        asking(llm_server, store, model="no-such-model", api_base="") as asker,
        pytest.raises(ConfigError, match='knows no provider for the model "no-such-model"'),
    ):
        ask(asker, "What?")


@pytest.mark.parametrize("name", ["api_key", "model", "stream", "n", "extra_headers"])
def test_requests_may_not_set_what_is_not_theirs(name: str, llm_server: LlmServer, store: Store) -> None:
    with asking(llm_server, store) as asker, pytest.raises(StageError, match=f"sets {name} among its params"):
        ask(asker, "What?", **{name: "x"})
    assert not llm_server.asked


def test_watcher_that_raises_stops_the_run_after_the_answers_in_flight_are_stored(
    llm_server: LlmServer, store: Store
) -> None:
    llm_server.hold(4)

    def refuse(call: Mapping[str, Any]) -> None:
        raise RuntimeError(f"I do not like call {call['ordinal']}")

    settings, clock = llm_server.settings(concurrency=4), Clock()
    asker = Asker(store, Provider(settings), settings, Budget(), refuse, clock, clock.sleep)
    with pytest.raises(RuntimeError, match=r"I do not like call [0-3]"):
        asker.ask(questions(9))
    asker.close()
    assert len(llm_server.asked) == 4
    assert store.conn.execute("SELECT count(*) FROM calls WHERE answer IS NOT NULL").fetchone() == (4,)


def test_litellm_is_left_as_it_was(llm_server: LlmServer, store: Store) -> None:
    import litellm

    before = {name: repr(getattr(litellm, name)) for name in ("suppress_debug_info", "num_retries", "callbacks",
              "success_callback", "failure_callback", "drop_params", "cache", "api_key", "api_base")}  # fmt: skip
    with asking(llm_server, store) as asker:
        ask(asker, "What?")
    assert {name: repr(getattr(litellm, name)) for name in before} == before


def test_asker_can_be_made_again_after_it_was_closed(llm_server: LlmServer, store: Store) -> None:
    for number in range(3):
        with asking(llm_server, store) as asker:
            asker.scope(number, "")
            assert ask(asker, "What?")[0].text == f"Answer {number}."


def test_slow_answer_arrives_whole(llm_server: LlmServer, store: Store) -> None:
    llm_server.script(slow_body())
    with asking(llm_server, store) as asker:
        assert ask(asker, "What?")[0].text == "Answer 0."
    assert len(llm_server.asked) == 1
