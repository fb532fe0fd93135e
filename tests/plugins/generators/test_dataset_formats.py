"""Rows of the known formats -> candidates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.data_files import read_all, write_rows

from insgen import Candidate, StageError, Turn, Unreadable, clean_text
from insgen.plugins.generators.dataset import DatasetGenerator
from insgen.plugins.generators.dataset._formats import COLUMNS, Texts, read_conversation, read_triple


def read(tmp_path: Path, *rows: Any, **options: Any) -> tuple[list[Candidate], list[Unreadable]]:
    write_rows(tmp_path / "d.jsonl", rows)
    return read_all(DatasetGenerator(paths=("d.jsonl",), **options), tmp_path)


def one(tmp_path: Path, row: Any, **options: Any) -> Candidate:
    candidates, unreadable = read(tmp_path, row, **options)
    assert not unreadable
    return candidates[0]


def reason(tmp_path: Path, row: Any) -> str:
    candidates, unreadable = read(tmp_path, row)
    assert not candidates
    return unreadable[0].reason


def said(*messages: str) -> list[dict[str, str]]:
    """Messages written ``role: content``."""
    return [{"role": role, "content": content} for role, content in (m.split(": ", 1) for m in messages)]


@pytest.mark.parametrize(
    "row",
    [
        {"instruction": "Add", "input": "1 and 2", "output": "3"},
        {"instruction": "Add", "context": "1 and 2", "response": "3", "category": "closed_qa"},
        {"instruction": "Add", "input": "1 and 2", "response": "3"},
        {"prompt": "Add", "input": "1 and 2", "completion": "3"},
        {"prompt": "Add", "context": "1 and 2", "response": "3"},
        {"question": "Add", "context": "1 and 2", "answer": "3"},
        {"question": "Add", "input": "1 and 2", "response": "3", "id": 7},
    ],
)
def test_a_triple_is_read_under_all_its_names(tmp_path: Path, row: dict[str, Any]) -> None:
    assert one(tmp_path, row) == Candidate("Add", "1 and 2", "3")


def test_columns_of_any_name_are_read_when_the_config_names_them(tmp_path: Path) -> None:
    row = {"q": "Add", "ctx": "1 and 2", "a": "3", "sys": "Be brief.", "from": "me", "terms": "MIT", "prompt": "no"}
    candidate = one(
        tmp_path,
        row,
        instruction_column="q",
        input_column="ctx",
        output_column="a",
        system_column="sys",
        source_column="from",
        licence_column="terms",
    )
    assert candidate == Candidate("Add", "1 and 2", "3", system="Be brief.")
    assert (candidate.origin.kind, candidate.origin.licence) == ("me", "MIT")


def test_columns_that_are_not_named_stay_unread(tmp_path: Path) -> None:
    assert one(tmp_path, {"q": "Add", "input": "1", "output": "2"}, instruction_column="q") == Candidate("Add")


def test_sharegpt_keeps_system_and_later_turns(tmp_path: Path) -> None:
    spoken = [("system", "Be kind."), ("human", "Hi"), ("gpt", "Hello"), ("human", "And?"), ("gpt", "Bye")]
    row = {"id": "x", "conversations": [{"from": role, "value": text} for role, text in spoken]}
    assert one(tmp_path, row) == Candidate(
        "Hi", "", "Hello", (Turn("user", "And?"), Turn("assistant", "Bye")), "Be kind."
    )


def test_messages_with_text_parts_are_joined_by_lines(tmp_path: Path) -> None:
    parts = [{"type": "text", "text": "Look"}, {"type": "input_text", "text": "here"}, "now"]
    row = {"messages": [{"role": "user", "content": parts}, {"role": "assistant", "content": "Yes"}]}
    assert one(tmp_path, row) == Candidate("Look\nhere\nnow", "", "Yes")


def test_a_system_column_and_system_messages_come_together(tmp_path: Path) -> None:
    row = {"system": "One.", "messages": said("system: Two.", "developer: Three.", "user: Hi", "assistant: Ho")}
    assert one(tmp_path, row).system == "One.\n\nTwo.\n\nThree."


def test_a_question_that_nobody_answered_is_an_instruction_without_output(tmp_path: Path) -> None:
    assert one(tmp_path, {"messages": said("user: Hi")}) == Candidate("Hi")
    assert one(tmp_path, {"messages": said("user: Hi", "assistant: ")}) == Candidate("Hi")


def test_a_last_message_of_the_user_without_reply_is_left_out(tmp_path: Path) -> None:
    candidate = one(tmp_path, {"messages": said("user: Hi", "assistant: Ho", "user: More?")})
    assert candidate == Candidate("Hi", "", "Ho")


@pytest.mark.parametrize(
    ("messages", "told"),
    [
        (said("assistant: Hi"), "message 1 is the assistant's where the user's is expected"),
        (said("user: a", "user: b"), "message 2 is the user's where the assistant's is expected"),
        (said("user: a", "assistant: b", "system: c"), "message 3 is a system message in the middle"),
        (said("user: a", "assistant: ", "user: c", "assistant: d"), "message 2 is empty"),
        (said("user:  ", "assistant: b"), "message 1 is empty"),
        (said("user: a", "tool: b"), "message 2 belongs to the call of a tool"),
        (said("user: a", "observation: b"), "message 2 belongs to the call of a tool"),
        (said("user: a", "narrator: b"), "message 2 has an unknown role: 'narrator'"),
        ([*said("user: a"), {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}], "call of a tool"),
        ([*said("user: a"), {"role": "assistant", "content": "", "function_call": {"name": "f"}}], "call of a tool"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}], "no text: 'image_url'"),
        ([{"role": "user", "content": {"text": "a"}}], "holds a dict, not text"),
        ([{"content": "a"}], "message 1 has an unknown role: None"),
        (["Hi"], "message 1 is a str, not an object"),
        (said("system: a"), "no message of the user"),
        ([], "no list of messages"),
        ({"role": "user"}, "no list of messages"),
        ("[broken", "is text, but no JSON"),
    ],
)
def test_a_conversation_that_cannot_be_kept_is_unreadable_with_its_reason(
    tmp_path: Path, messages: Any, told: str
) -> None:
    assert told in reason(tmp_path, {"messages": messages})


def test_a_conversation_about_a_picture_is_unreadable(tmp_path: Path) -> None:
    row = {"conversations": said("user: <image> What is it?", "assistant: A cat"), "image": "cat.jpg"}
    assert '"image"' in reason(tmp_path, row)


def test_a_conversation_may_stand_as_json_in_a_cell(tmp_path: Path) -> None:
    assert one(tmp_path, {"messages": json.dumps(said("user: Hi", "assistant: Ho"))}) == Candidate("Hi", "", "Ho")


def test_numbers_become_text_and_missing_values_become_empty(tmp_path: Path) -> None:
    rows = [
        {"instruction": 42, "input": None, "output": 0},
        {"instruction": "Is it?", "input": 1.5, "output": False},
        {"instruction": "Nothing?", "output": float("nan")},
    ]
    candidates, unreadable = read(tmp_path, *rows)
    assert candidates == [Candidate("42", "", "0"), Candidate("Is it?", "1.5", "False"), Candidate("Nothing?")]
    assert not unreadable


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"instruction": None, "output": "x"}, '"instruction" is empty or missing'),
        ({"instruction": "", "output": "x"}, '"instruction" is empty or missing'),
        ({"instruction": " \n\u0000", "output": "x"}, "instruction is empty"),
        ({"instruction": ["a"], "output": "x"}, '"instruction" holds a list, not text'),
        ({"instruction": "a", "output": {}}, '"output" holds a dict, not text'),
        ({"output": "x", "instruction": "a", "input": []}, '"input" holds a list, not text'),
    ],
)
def test_a_row_without_text_is_unreadable_with_its_reason(tmp_path: Path, row: Any, told: str) -> None:
    assert told in reason(tmp_path, row)


@pytest.mark.parametrize(
    "row",
    [
        {"text": "All in one."},
        {"input": "a", "output": "b"},
        {"question": "Who?", "answers": ["me"]},
        {"prompt": "Say", "chosen": "a", "rejected": "b"},
        {"instruction": "Say", "target": "b"},
    ],
)
def test_unknown_columns_are_refused_and_listed_instead_of_losing_answers(tmp_path: Path, row: Any) -> None:
    with pytest.raises(StageError) as told:
        read(tmp_path, row)
    assert all(f'"{name}"' in str(told.value) for name in row)
    assert "instruction with output" in str(told.value)
    assert "instruction_column" in str(told.value)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"format": "messages"}, '"messages" was expected'),
        ({"format": "prompt-completion"}, '"prompt", "question" was expected'),
        ({"instruction_column": "task"}, '"task" was expected'),
        ({"instruction_column": "instruction", "output_column": "reply"}, 'names "reply"'),
        ({"licence_column": "terms"}, 'names "terms"'),
    ],
)
def test_columns_that_the_config_names_must_be_there(tmp_path: Path, options: dict[str, Any], told: str) -> None:
    with pytest.raises(StageError, match=told):
        read(tmp_path, {"instruction": "a", "output": "b"}, **options)


def test_html_and_scripts_stay_as_they_are(tmp_path: Path) -> None:
    text = "<script>alert('&amp;')</script> <b>bold</b>"
    assert one(tmp_path, {"instruction": text, "output": text}) == Candidate(text, "", text)


texts = st.text(min_size=1, max_size=20).filter(clean_text)


@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=4), st.one_of(st.just(""), texts))
def test_a_conversation_written_in_either_style_is_read_back(pairs: list[tuple[str, str]], system: str) -> None:
    spoken = [(role, text) for pair in pairs for role, text in zip(("user", "assistant"), pair, strict=True)]
    head = [("system", system)] if system else []
    messages = [{"role": role, "content": text} for role, text in head + spoken]
    shared = [
        {"from": {"user": "human", "assistant": "gpt"}.get(role, role), "value": text} for role, text in head + spoken
    ]
    turns = tuple(Turn(role, text) for role, text in spoken[2:])
    expected = Texts(spoken[0][1], "", spoken[1][1], turns, system)
    assert read_conversation({"messages": messages}, COLUMNS["messages"]) == expected
    assert read_conversation({"conversations": shared}, COLUMNS["sharegpt"]) == expected


@given(texts, st.text(max_size=20), st.text(max_size=20))
def test_a_triple_is_read_back(instruction: str, input_: str, output: str) -> None:
    row = {"instruction": instruction, "input": input_, "output": output}
    assert read_triple(row, COLUMNS["alpaca"]) == Texts(instruction, input_, output)
