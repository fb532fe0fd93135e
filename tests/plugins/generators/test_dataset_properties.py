"""Whatever stands in a file: no exception but a refusal, and every row is a candidate or told as unreadable."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.data_files import rounds, write_lines

from insgen import Generated, StageError
from insgen.plugins.generators.dataset import DatasetGenerator
from insgen.plugins.generators.dataset._formats import COLUMNS

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(sorted(frozenset[str]().union(*(columns.names() for columns in COLUMNS.values()))))
roles = st.sampled_from(["user", "human", "assistant", "gpt", "system", "tool"]) | values
messages = st.lists(
    st.dictionaries(st.sampled_from(["role", "from"]), roles, max_size=2).flatmap(
        lambda head: st.dictionaries(st.sampled_from(["content", "value", "tool_calls"]), values, max_size=2).map(
            lambda body: head | body
        )
    ),
    max_size=4,
)
rows = (
    st.dictionaries(KEYS | st.text(max_size=4), values, max_size=6)
    | st.fixed_dictionaries({"messages": messages | values})
    | st.fixed_dictionaries({"conversations": messages | values}, optional={"system": values})
    | values
)
# A first row that is recognised, so that the others are read, whatever they are.
heads = st.sampled_from(
    [
        {"instruction": "i", "input": "", "output": "o"},
        {"prompt": "p", "completion": "c"},
        {"messages": [{"role": "user", "content": "m"}]},
        {"conversations": [{"from": "human", "value": "c"}]},
    ]
)
raw_lines = st.binary(max_size=30).map(lambda line: line.replace(b"\n", b""))


def anew(name: str, project: Path, limit: int) -> list[Generated] | None:
    """All rounds, each by a new instance; nothing when the data set is refused."""
    try:
        return list(rounds((DatasetGenerator(paths=(name,)) for _ in range(99)), project, limit=limit))
    except StageError:
        return None


def lines_of(generated: list[Generated]) -> list[int]:
    """The first lines of candidates and unreadable rows, in their order within each kind."""
    return sorted(
        [c.origin.line_start or 0 for g in generated for c in g.candidates]
        + [bad.line or 0 for g in generated for bad in g.unreadable]
    )


def check_contract(generated: list[Generated], limit: int) -> None:
    for one in generated:
        assert len(one.candidates) <= limit
        for candidate in one.candidates:
            assert candidate.instruction
            assert [turn.role for turn in candidate.turns] == ["user", "assistant"] * (len(candidate.turns) // 2)
            assert all(turn.content for turn in candidate.turns)
            assert candidate.output or not candidate.turns
            json.dumps([candidate.origin.kind, candidate.origin.licence], ensure_ascii=False).encode()
        assert all(bad.reason and bad.reason.encode() for bad in one.unreadable)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@settings(max_examples=150, deadline=None)
@given(heads, st.lists(rows, max_size=8), st.integers(1, 4), st.booleans())
def test_every_row_of_json_lines_is_a_candidate_or_told(
    folder: Path, head: Any, content: list[Any], limit: int, ascii_only: bool
) -> None:
    texts = [json.dumps(row, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass") for row in [head, *content]]
    write_lines(folder / "d.jsonl", texts)
    generated = anew("d.jsonl", folder, limit)
    assert generated is not None
    assert lines_of(generated) == list(range(1, len(texts) + 1))
    check_contract(generated, limit)


@settings(max_examples=100, deadline=None)
@given(heads, st.lists(rows, max_size=6), st.integers(1, 4))
def test_every_element_of_an_array_is_a_candidate_or_told(
    folder: Path, head: Any, content: list[Any], limit: int
) -> None:
    (folder / "d.json").write_text("[" + ",\n".join(map(json.dumps, [head, *content])) + "]")
    generated = anew("d.json", folder, limit)
    assert generated is not None
    assert lines_of(generated) == list(range(1, len(content) + 2))
    check_contract(generated, limit)


@settings(max_examples=150, deadline=None)
@given(st.lists(raw_lines | st.just(b'{"prompt": "p"}'), max_size=8), st.sampled_from(["d.jsonl", "d.json", "d.csv"]))
def test_any_bytes_are_read_or_refused(folder: Path, lines: list[bytes], name: str) -> None:
    write_lines(folder / name, lines)
    generated = anew(name, folder, 2)
    if generated is not None:
        check_contract(generated, 2)
        told = lines_of(generated)
        assert told == sorted(set(told))
        assert told[-1] <= len(lines) + 1  # a cut array is told at its end


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.text(max_size=6), st.none(), st.integers()), min_size=1, max_size=12), st.integers(1, 5))
def test_the_size_of_rounds_changes_nothing_but_the_rounds(folder: Path, content: list[Any], limit: int) -> None:
    write_lines(folder / "s.jsonl", ['{"instruction": "first"}', *(json.dumps({"instruction": c}) for c in content)])
    by_rounds, at_once = anew("s.jsonl", folder, limit), anew("s.jsonl", folder, 1000)
    assert by_rounds is not None
    assert at_once is not None
    assert [c for g in by_rounds for c in g.candidates] == list(at_once[0].candidates)
    assert [bad for g in by_rounds for bad in g.unreadable] == list(at_once[0].unreadable)
    assert all(len(g.candidates) == limit for g in by_rounds[:-1])
