"""The responder `self_instruct`, over the real litellm and a local server."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.asking import asking

from insgen import Answer, Candidate, ConfigError, StageError
from insgen.config.settings import Budget
from insgen.models.templates import PromptFiles
from insgen.plugins.responders._instances import CONFLICTING, NONE, UNUSABLE
from insgen.plugins.responders.self_instruct import SelfInstructResponder
from insgen.store.database import Store
from insgen.testing.faults import content_filter, server_error
from insgen.testing.llm_server import Asked, LlmServer, Reply

LABELS = Candidate("Is the review positive or negative?")
OPPOSITE = Candidate("Name the opposite of the word.")
ADVICE = Candidate("Give one piece of advice to a new gardener.")


def kind_of(asked: Asked) -> str:
    """Which of the three prompts it is, and the instruction it ends with."""
    if asked.text.endswith("Is it a classification task?"):
        return "kind"
    return "labels" if "Class label:" in asked.text else "inputs"


def task_of(asked: Asked) -> str:
    return re.findall(r"^Task: (.*)$", asked.text, re.MULTILINE)[-1]


def plain(asked: Asked) -> str:
    """A well-behaved model."""
    if kind_of(asked) == "kind":
        return " Yes" if task_of(asked) == LABELS.instruction else " No"
    if kind_of(asked) == "labels":
        return "Class label: positive\nReview: Splendid.\nClass label: negative\nReview: Dreadful."
    if task_of(asked) == ADVICE.instruction:
        return "Output: Water in the evening."
    return "Example 1\nWord: hot\nOutput: cold\nExample 2\nWord: big\nOutput: small"


def answers(
    server: LlmServer, store: Store, candidates: list[Candidate], responder: SelfInstructResponder | None = None,
    **llm: object,
) -> list[Answer]:  # fmt: skip
    budget = llm.pop("budget", None)
    with asking(server, store, budget, **llm) as asker:  # type: ignore[arg-type]  # a Budget, by name
        made = (responder or SelfInstructResponder()).respond(candidates, asker, PromptFiles(Path("nowhere")))
    return list(made)


def test_each_kind_of_task_gets_input_and_output_in_its_own_way(llm_server: LlmServer, store: Store) -> None:
    llm_server.reply = plain
    labels, opposite, advice = answers(llm_server, store, [LABELS, OPPOSITE, ADVICE])

    assert (labels.input, labels.output) in [
        ("Review: Splendid.", "positive"),
        ("Review: Dreadful.", "negative"),
    ]
    assert (opposite.input, opposite.output) in [("Word: hot", "cold"), ("Word: big", "small")]
    assert (advice.input, advice.output) == ("", "Water in the evening.")
    stored = dict(store.conn.execute("SELECT id, answer FROM calls").fetchall())
    assert all(each.output in stored[each.call_id] for each in (labels, opposite, advice))


def test_prompts_have_as_many_examples_as_published_and_end_with_the_task(llm_server: LlmServer, store: Store) -> None:
    llm_server.reply = plain
    answers(llm_server, store, [LABELS, OPPOSITE])

    texts = {kind_of(asked): asked.text for asked in llm_server.asked}
    assert texts["kind"].count("classification task? Yes\n") == 12
    assert texts["kind"].count("classification task? No\n") == 19
    assert texts["inputs"].count("\nTask: ") == 11 + 1
    assert texts["labels"].count("\nTask: ") == 16 + 1
    assert texts["inputs"].endswith(f"Task: {OPPOSITE.instruction}")
    assert texts["labels"].endswith(f"Task: {LABELS.instruction}")


def test_calls_decode_as_published(llm_server: LlmServer, store: Store) -> None:
    llm_server.reply = plain
    many = [Candidate(f"Invent riddle number {n}.") for n in range(6)]
    answers(llm_server, store, [many[0], LABELS, *many[1:]])

    names = ("temperature", "top_p", "frequency_penalty", "presence_penalty", "max_tokens", "stop")
    assert len(llm_server.asked) == 14
    for asked in llm_server.asked:
        params, task = tuple(asked.body[name] for name in names), task_of(asked)
        if kind_of(asked) == "kind":
            assert params == (0, 0, 0, 0, 3, ["\n", "Task"])
        else:
            # Five go together: one classification task among them shortens them all.
            longest = 350 if task in (many[4].instruction, many[5].instruction) else 300
            assert params == (0, 0, 0, 1.5, longest, ["Example 6", "Task:"])


def test_top_p_can_be_raised_for_servers_that_refuse_zero(llm_server: LlmServer, store: Store) -> None:
    llm_server.reply = plain
    answers(llm_server, store, [OPPOSITE], SelfInstructResponder(top_p=1.0))

    assert {asked.body["top_p"] for asked in llm_server.asked} == {1}


@pytest.mark.parametrize(
    ("said", "labels"),
    [("Yes", True), (" yes\n", True), ("YES", True), ("Yes.", False), ("yEs", False), ("No", False), ("", False)],
)
def test_only_three_spellings_mean_yes(llm_server: LlmServer, store: Store, said: str, labels: bool) -> None:
    llm_server.reply = lambda asked: said if kind_of(asked) == "kind" else plain(asked)
    answers(llm_server, store, [OPPOSITE])

    assert [kind_of(asked) for asked in llm_server.asked] == ["kind", "labels" if labels else "inputs"]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply("I'd rather not."), NONE),
        (Reply("Output: Word:"), UNUSABLE),
        (Reply("Example 1\nhot\nOutput: cold\nExample 2\nhot\nOutput: icy"), CONFLICTING),
        (Reply("Output: half an ans", finish_reason="length"), NONE),
        (Reply("Output: x", finish_reason="content_filter"), "refused by the service"),
    ],
)
def test_reply_without_an_instance_leaves_the_candidate_unanswered(
    llm_server: LlmServer, store: Store, reply: Reply, reason: str
) -> None:
    llm_server.reply = lambda asked: "No" if kind_of(asked) == "kind" else reply
    (made,) = answers(llm_server, store, [OPPOSITE])

    assert (made.output, made.reason) == (None, reason)
    assert made.call_id


def test_one_of_several_instances_is_drawn_the_same_every_time(llm_server: LlmServer, store: Store) -> None:
    llm_server.reply = plain
    tasks = [Candidate(f"Name the opposite, number {n}.") for n in range(12)]
    first = answers(llm_server, store, tasks)
    again = answers(llm_server, store, tasks)  # from the store

    assert [each.output for each in first] == [each.output for each in again]
    assert {each.output for each in first} == {"cold", "small"}


def test_candidate_with_an_input_of_its_own_costs_nothing(llm_server: LlmServer, store: Store) -> None:
    llm_server.reply = plain
    given, made = answers(llm_server, store, [Candidate("Translate.", input="Hund"), OPPOSITE])

    assert (given.output, given.reason) == (None, "it has an input already")
    assert made.output
    assert not any("Translate." in asked.text for asked in llm_server.asked)


def test_failed_calls_touch_only_their_own_candidate(llm_server: LlmServer, store: Store) -> None:
    def fault(asked: Asked) -> object:
        if task_of(asked) == "one" and kind_of(asked) == "kind":
            return server_error(503)
        return content_filter() if task_of(asked) == "two" and kind_of(asked) == "inputs" else None

    llm_server.faults = fault  # type: ignore[assignment]  # a Fault or None
    llm_server.reply = plain
    made = answers(llm_server, store, [Candidate("one"), Candidate("two"), Candidate("three")])

    assert [(each.output is None, each.reason) for each in made] == [
        (True, "the call failed"),
        (True, "refused by the service"),
        (False, ""),
    ]


def test_spent_budget_is_the_reason_of_those_not_reached(llm_server: LlmServer, store: Store) -> None:
    llm_server.reply = plain
    made = answers(llm_server, store, [Candidate("one"), Candidate("two")], budget=Budget(calls=3))

    assert [each.reason for each in made] == ["", "the budget is spent"]
    assert len(llm_server.asked) == 3


def test_without_a_model_the_message_says_what_to_add() -> None:
    with pytest.raises(StageError, match=r"\[llm\]"):
        SelfInstructResponder().respond([OPPOSITE], None, PromptFiles(Path("nowhere")))


@pytest.mark.parametrize("top_p", [-0.1, 1.5, float("nan")])
def test_option_out_of_range_is_refused(top_p: float) -> None:
    with pytest.raises(ConfigError, match="Expected 0 to 1"):
        SelfInstructResponder(top_p=top_p)
