"""The responder `llm`, over the real litellm and a local server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.asking import asking

from insgen import Answer, Candidate, ConfigError, StageError
from insgen.config.settings import Budget
from insgen.models.templates import PromptFiles
from insgen.plugins.responders.llm import LlmResponder
from insgen.store.database import Store
from insgen.testing.faults import content_filter, server_error
from insgen.testing.llm_server import Asked, LlmServer, Reply

TASK = Candidate("Name the largest planet.", input="Only of the solar system.")


def answers(
    server: LlmServer, store: Store, candidates: list[Candidate], responder: LlmResponder | None = None, **llm: object
) -> list[Answer]:
    budget = llm.pop("budget", None)
    with asking(server, store, budget, **llm) as asker:  # type: ignore[arg-type]  # a Budget, by name
        return list((responder or LlmResponder()).respond(candidates, asker, PromptFiles(Path("nowhere"))))


def test_every_candidate_gets_its_own_answer_and_the_call_it_came_from(llm_server: LlmServer, store: Store) -> None:
    llm_server.reply = lambda asked: f"About: {asked.body['messages'][-1]['content']}"
    made = answers(llm_server, store, [TASK, Candidate("Name a moon.")])

    assert [each.output for each in made] == [
        "About: Name the largest planet.\n\nOnly of the solar system.",
        "About: Name a moon.",
    ]
    stored = dict(store.conn.execute("SELECT id, answer FROM calls").fetchall())
    assert {each.call_id: each.output for each in made} == stored


def test_task_stands_word_for_word_in_the_users_message_and_the_rules_in_the_systems(
    llm_server: LlmServer, store: Store
) -> None:
    candidate = Candidate("Explain ${HOME} and {braces}.", system="You are a sailor.")
    answers(llm_server, store, [candidate], LlmResponder(max_words=120, max_tokens=300, temperature=0.3))

    body = llm_server.asked[0].body
    system, user = body["messages"]
    assert user == {"role": "user", "content": "Explain ${HOME} and {braces}."}
    assert system["role"] == "system"
    assert system["content"].startswith("You are a sailor.")
    assert "at most 120 words" in system["content"]
    assert (body["max_tokens"], body["temperature"]) == (300, 0.3)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply("Jupiter is the larg", finish_reason="length"), "answer cut off"),
        (Reply("   "), "empty answer"),
        (Reply("NO ANSWER: there is no picture."), "declined"),
        (Reply("I'm sorry, but I can't help with that."), "refusal"),
        (Reply("As an AI language model, I have no body."), "refusal"),
        (Reply("Name the largest planet."), "answer repeats the task"),
        (Reply("Jupi", finish_reason="content_filter"), "refused by the service"),
    ],
)
def test_answer_that_is_none_leaves_the_candidate_unanswered_with_the_reason(
    llm_server: LlmServer, store: Store, reply: Reply, reason: str
) -> None:
    llm_server.reply = lambda _: reply
    (made,) = answers(llm_server, store, [TASK])

    assert (made.output, made.reason) == (None, reason)
    assert made.call_id == store.conn.execute("SELECT id FROM calls").fetchone()[0]


def test_cut_and_declining_answers_are_kept_where_the_options_say_so(llm_server: LlmServer, store: Store) -> None:
    llm_server.reply = lambda _: Reply("I'm sorry, but no", finish_reason="length")
    (made,) = answers(llm_server, store, [TASK], LlmResponder(cut="keep", refusals="keep"))

    assert (made.output, made.reason) == ("I'm sorry, but no", "")


def test_failed_call_and_refused_content_touch_only_their_own_candidate(llm_server: LlmServer, store: Store) -> None:
    def fault(asked: Asked) -> object:
        text = asked.body["messages"][-1]["content"]
        return server_error(503) if "one" in text else content_filter() if "two" in text else None

    llm_server.faults = fault  # type: ignore[assignment]  # a Fault or None
    made = answers(llm_server, store, [Candidate("one"), Candidate("two"), Candidate("three")])

    assert [(each.output is None, each.reason) for each in made] == [
        (True, "the call failed"),
        (True, "refused by the service"),
        (False, ""),
    ]


def test_budget_that_is_spent_is_the_reason_of_those_not_reached(llm_server: LlmServer, store: Store) -> None:
    made = answers(llm_server, store, [Candidate("one"), Candidate("two")], budget=Budget(calls=1))

    assert [each.reason for each in made] == ["", "the budget is spent"]
    assert len(llm_server.asked) == 1


def test_without_a_model_the_message_says_what_to_add() -> None:
    with pytest.raises(StageError, match=r"\[llm\]"):
        LlmResponder().respond([TASK], None, PromptFiles(Path("nowhere")))


@pytest.mark.parametrize(
    "make",
    [
        lambda: LlmResponder(max_words=-1),
        lambda: LlmResponder(max_tokens=-5),
        lambda: LlmResponder(temperature=2.5),
        lambda: LlmResponder(temperature=-0.5),
    ],
)
def test_option_out_of_range_is_refused(make: Callable[[], LlmResponder]) -> None:
    with pytest.raises(ConfigError, match="Expected"):
        make()
