"""Rows as text: which pieces are learned."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.models import save_model

from insgen import Candidate, ConfigError, DataError, Turn
from insgen.training.templates import Piece, alpaca, chat, template_of

TALK = Candidate(
    "explain", output="a pod", system="is", turns=(Turn("user", "the node"), Turn("assistant", "holds a pod"))
)


class Tokenizer:
    """A tokenizer's name and chat template, rendered by jinja2 alone."""

    name_or_path = "here"
    eos_token = "</s>"

    def __init__(self, chat_template: str) -> None:
        self.chat_template = chat_template

    def apply_chat_template(self, messages: object, *, tokenize: bool, add_generation_prompt: bool) -> str:
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        def refuse(message: str) -> None:
            from jinja2 import TemplateError

            raise TemplateError(message)

        assert not tokenize
        environment = ImmutableSandboxedEnvironment()
        environment.globals["raise_exception"] = refuse
        template = environment.from_string(self.chat_template)
        return template.render(messages=messages, add_generation_prompt=add_generation_prompt)


def learned(pieces: list[Piece]) -> list[str]:
    return [piece.text for piece in pieces if piece.learned]


def test_alpaca_headings_hold_input_only_where_there_is_one() -> None:
    with_input = alpaca(Candidate("Translate.", "Guten Tag", "Good day"), "</s>")
    without = alpaca(Candidate("Explain a pod.", output="It runs."), "")

    assert "".join(piece.text for piece in with_input) == (
        "### Instruction:\nTranslate.\n\n### Input:\nGuten Tag\n\n### Response:\nGood day</s>"
    )
    assert "".join(piece.text for piece in without) == "### Instruction:\nExplain a pod.\n\n### Response:\nIt runs."
    assert learned(with_input) == ["Good day</s>"]


def test_every_answer_of_a_conversation_is_learned_and_no_question() -> None:
    assert learned(alpaca(TALK, "</s>")) == ["a pod</s>", "holds a pod</s>"]


def test_chat_template_is_used_where_there_is_one(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(save_model(tmp_path / "chat", chat=True))
    pieces = list(template_of(tokenizer, "auto")(TALK))

    assert learned(pieces) == ["a pod </s> ", "holds a pod </s> "]
    assert "".join(piece.text for piece in pieces) == (
        "<| system |> is </s> <| user |> explain </s> <| assistant |> a pod </s> "
        "<| user |> the node </s> <| assistant |> holds a pod </s> "
    )
    assert learned(list(template_of(tokenizer, "alpaca")(TALK)))[0] == "a pod</s>"


def test_row_without_an_answer_is_a_question_with_nothing_to_learn() -> None:
    row = Candidate("explain a pod")

    assert learned(alpaca(row, "</s>")) == []
    assert [piece.text for piece in chat(row, Tokenizer("{{ messages[0].content }}?"))] == ["explain a pod?"]


def test_template_that_rewrites_earlier_messages_is_refused() -> None:
    forgetful = Tokenizer("{{ messages | length }}{% for m in messages %}{{ m.content }};{% endfor %}")

    with pytest.raises(DataError, match="changes what stands before an answer"):
        chat(TALK, forgetful)


def test_template_that_refuses_a_role_is_named() -> None:
    strict = Tokenizer("{{ raise_exception('no system role') if messages[0].role == 'system' else 'ok' }}")

    with pytest.raises(DataError, match="no system role"):
        chat(TALK, strict)


def test_chat_template_must_be_there_to_be_asked_for() -> None:
    with pytest.raises(ConfigError, match="has no chat template"):
        template_of(Tokenizer(""), "chat")
