from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.members import ranked, varied_members

from insgen import Candidate, Exporter, Member, Turn
from insgen.plugins.exporters.alpaca import AlpacaExporter
from insgen.plugins.exporters.messages import MessagesExporter
from insgen.plugins.exporters.prompt_completion import PromptCompletionExporter
from insgen.plugins.exporters.sharegpt import ShareGptExporter

EXPORTERS: list[Exporter] = [AlpacaExporter(), MessagesExporter(), PromptCompletionExporter(), ShareGptExporter()]
every_format = pytest.mark.parametrize("exporter", EXPORTERS, ids=lambda each: each.name)


def export(exporter: Exporter, members: list[Member], path: Path) -> list[dict[str, Any]]:
    assert exporter.export(iter(members), path) == len(members)
    return [json.loads(line) for line in path.read_text("utf-8").split("\n")[:-1]]


@pytest.fixture
def load(tmp_path: Path) -> Callable[[Path], list[dict[str, Any]]]:
    """Read a file as a trainer does: with `datasets`."""
    import datasets

    def read(path: Path) -> list[dict[str, Any]]:
        rows = datasets.load_dataset("json", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))
        return list(rows.to_list())

    return read


@every_format
def test_datasets_reads_back_what_was_written(
    exporter: Exporter, tmp_path: Path, load: Callable[[Path], list[dict[str, Any]]]
) -> None:
    written = export(exporter, varied_members(), tmp_path / "bank.jsonl")

    assert load(tmp_path / "bank.jsonl") == written
    assert [row["id"] for row in written] == [member.candidate.id for member in varied_members()]


@every_format
def test_every_row_has_the_same_keys_and_one_line(exporter: Exporter, tmp_path: Path) -> None:
    rows = export(exporter, varied_members(), tmp_path / "bank.jsonl")

    assert len({tuple(row) for row in rows}) == 1
    assert len((tmp_path / "bank.jsonl").read_text("utf-8").splitlines()) == len(rows)


@every_format
def test_file_is_the_same_bytes_each_time_and_ends_lines_with_newline_only(exporter: Exporter, tmp_path: Path) -> None:
    export(exporter, varied_members(), tmp_path / "first")
    export(exporter, varied_members(), tmp_path / "second")

    content = (tmp_path / "first").read_bytes()
    assert content == (tmp_path / "second").read_bytes()
    assert b"\r" not in content
    assert "„ß“ \U0001f600".encode() in content


@every_format
def test_rows_are_written_while_members_still_come(exporter: Exporter, tmp_path: Path) -> None:
    path = tmp_path / "bank.jsonl"
    sizes: list[int] = []

    def members() -> Iterator[Member]:
        for number in range(2_000):
            sizes.append(path.stat().st_size)
            yield from ranked(Candidate(f"Explain topic {number}.", output="Gladly. " * 20))

    exporter.export(members(), path)

    assert 0 < sizes[len(sizes) // 2] < sizes[-1]


@every_format
def test_no_members_give_an_empty_file(exporter: Exporter, tmp_path: Path) -> None:
    assert export(exporter, [], tmp_path / "bank.jsonl") == []


def test_alpaca_is_the_triple(tmp_path: Path) -> None:
    _, row, conversation, *_ = export(AlpacaExporter(), varied_members(), tmp_path / "bank.jsonl")

    assert {**row, "id": ""} == {"id": "", "instruction": "Translate.", "input": "Guten Tag", "output": "Good day"}
    assert conversation["output"] == "Call sort()."


def test_messages_hold_the_whole_conversation_in_order(tmp_path: Path) -> None:
    _, _, row, *_ = export(MessagesExporter(), varied_members(), tmp_path / "bank.jsonl")

    assert row["messages"] == [
        {"role": "system", "content": "You are terse."},
        {"role": "user", "content": "Sort a list."},
        {"role": "assistant", "content": "Call sort()."},
        {"role": "user", "content": "And faster?"},
        {"role": "assistant", "content": "Use an index."},
    ]


def test_sharegpt_holds_the_whole_conversation_with_its_own_words(tmp_path: Path) -> None:
    first, _, row, *_ = export(ShareGptExporter(), varied_members(), tmp_path / "bank.jsonl")

    assert row["system"] == "You are terse."
    assert row["conversations"] == [
        {"from": "human", "value": "Sort a list."},
        {"from": "gpt", "value": "Call sort()."},
        {"from": "human", "value": "And faster?"},
        {"from": "gpt", "value": "Use an index."},
    ]
    assert first["system"] == ""


def test_prompt_is_instruction_and_input_with_an_empty_line_between(tmp_path: Path) -> None:
    _, row, *_ = export(PromptCompletionExporter(), varied_members(), tmp_path / "bank.jsonl")

    assert (row["prompt"], row["completion"]) == ("Translate.\n\nGuten Tag", "Good day")


def test_conversation_without_answer_is_its_question_alone(tmp_path: Path) -> None:
    *_, row = export(MessagesExporter(), varied_members(), tmp_path / "messages")
    *_, other = export(ShareGptExporter(), varied_members(), tmp_path / "sharegpt")

    assert row["messages"] == [{"role": "user", "content": "Never answered."}]
    assert other["conversations"] == [{"from": "human", "value": "Never answered."}]


def test_formats_say_what_they_cannot_carry() -> None:
    assert {exporter.name: set(exporter.loses) for exporter in EXPORTERS} == {
        "alpaca": {"turns", "system"},
        "messages": set(),
        "prompt-completion": {"turns", "system"},
        "sharegpt": set(),
    }


texts = st.text(st.characters(exclude_categories=()), max_size=30)
pairs = st.lists(st.tuples(texts, texts), max_size=2)


@given(texts, texts, texts, pairs)
@settings(max_examples=60, deadline=None)
def test_messages_carry_every_text_of_any_conversation(
    tmp_path_factory: pytest.TempPathFactory, instruction: str, system: str, output: str, later: list[tuple[str, str]]
) -> None:
    turns = tuple(Turn(role, text) for pair in later for role, text in zip(("user", "assistant"), pair, strict=True))
    candidate = Candidate(instruction, output=output, turns=turns, system=system)

    (row,) = export(MessagesExporter(), ranked(candidate), tmp_path_factory.mktemp("export") / "bank.jsonl")

    said = [message["content"] for message in row["messages"]]
    alone = not candidate.output and not candidate.turns
    answer = [] if alone else [candidate.output]
    system_message = [candidate.system] if candidate.system else []
    assert said == [*system_message, candidate.instruction, *answer, *(turn.content for turn in candidate.turns)]
