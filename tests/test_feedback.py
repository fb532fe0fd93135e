"""The feedback contract: what is written is read back, and what breaks it is refused with its line."""

from __future__ import annotations

import json
import tempfile
import tracemalloc
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insgen.errors import DataError
from insgen.feedback import MAX_LINE_BYTES, SCHEMA, read_feedback, signal_line, step_line
from insgen.records import CandidateId, Signal, TrainingStep

STEP: dict[str, Any] = {
    "schema": SCHEMA,
    "run_id": "run-1",
    "round": 3,
    "step": 1,
    "items": [["b2:1", "b2:2"], ["b2:3"]],
    "loss": 2.5,
    "grad_norm": 1.9,
    "grad_norm_kind": "pre_clip",
    "max_grad_norm": 1.0,
    "lr": 2e-5,
    "n_target_tokens": 120,
    "trainable_params": 1000,
    "item_loss": {"b2:1": 2.0},
    "time": 1_760_000_000.5,
}
ITEM: dict[str, Any] = {"schema": SCHEMA, "kind": "item", "id": "b2:1", "name": "verdict", "value": -1, "time": 5}


def write(folder: Path, *rows: Mapping[str, Any] | str | bytes) -> Path:
    path = folder / "feedback.jsonl"
    lines = [row if isinstance(row, str | bytes) else json.dumps(row) for row in rows]
    path.write_bytes(b"".join((line if isinstance(line, bytes) else line.encode()) + b"\n" for line in lines))
    return path


def test_the_records_of_the_contract_are_read_with_their_lines(tmp_path: Path) -> None:
    path = write(tmp_path, STEP, "  ", ITEM | {"source": "me"})
    first, second = read_feedback(path)
    assert first.record == TrainingStep(
        run_id="run-1",
        step=1,
        items=(("b2:1", "b2:2"), ("b2:3",)),
        time=1_760_000_000.5,
        round=3,
        loss=2.5,
        grad_norm=1.9,
        grad_norm_kind="pre_clip",
        max_grad_norm=1.0,
        lr=2e-5,
        n_target_tokens=120,
        trainable_params=1000,
        item_loss={"b2:1": 2.0},
    )
    assert second.record == Signal(CandidateId("b2:1"), "verdict", -1.0, "me", "", 5.0)
    assert [(each.line, each.end) for each in (first, second)] == [
        (1, len(path.read_bytes().splitlines()[0]) + 1),
        (3, len(path.read_bytes())),
    ]


def test_what_may_be_unknown_may_be_null_or_left_out(tmp_path: Path) -> None:
    bare = {key: STEP[key] for key in ("schema", "run_id", "step", "items", "time")}
    nulls = bare | dict.fromkeys(("loss", "grad_norm", "max_grad_norm", "lr", "n_target_tokens", "item_loss"))
    one, other = read_feedback(write(tmp_path, bare, nulls))
    assert one.record == other.record
    assert isinstance(one.record, TrainingStep)
    assert (one.record.grad_norm, one.record.grad_norm_kind, one.record.item_loss) == (None, "unknown", {})


def test_reading_goes_on_from_a_place(tmp_path: Path) -> None:
    path = write(tmp_path, STEP, STEP | {"step": 2}, STEP | {"step": 3, "loss": "high"})
    first = next(iter(read_feedback(path)))
    assert [each.line for each in [next(read_feedback(path, first.end, first.line))]] == [2]
    with pytest.raises(DataError, match="line 3"):
        list(read_feedback(path, first.end, first.line))


names = st.text(min_size=1, max_size=20).filter(lambda text: all(not "\ud800" <= sign <= "\udfff" for sign in text))
numbers = st.floats(0, 1e12)


@given(
    st.builds(
        TrainingStep,
        run_id=names,
        step=st.integers(1, 2**62),
        items=st.lists(st.lists(names, max_size=3).map(tuple), min_size=1, max_size=3).map(tuple),
        time=numbers,
        round=st.integers(0, 99),
        loss=st.none() | st.floats(-1e9, 1e9),
        grad_norm=st.none() | numbers,
        grad_norm_kind=st.sampled_from(["pre_clip", "post_clip", "unknown"]),
        n_target_tokens=st.none() | st.integers(0, 10**9),
    )
)
def test_a_written_step_is_read_back(step: TrainingStep) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (back,) = read_feedback(write(Path(folder), step_line(step)))
    assert back.record == step


@pytest.mark.parametrize(
    "signal",
    [
        Signal(CandidateId("b2:1"), "eval:mmlu", 0.25, "harness", time=3.5),
        Signal(CandidateId(""), "verdict", 1.0, text="Name a prime,\u2028 \U0001f600."),
    ],
)
def test_a_written_signal_is_read_back(tmp_path: Path, signal: Signal) -> None:
    (back,) = read_feedback(write(tmp_path, signal_line(signal)))
    assert back.record == signal


REFUSED: list[tuple[str | bytes | dict[str, Any], str]] = [
    ("{oops", "no JSON ("),
    ("[" * 100_000, "no JSON ("),
    ("[1]", "a JSON value that is no object"),
    (b'{"schema": "\xff"}', "not UTF-8 text (invalid start byte at byte 12 of the line)"),
    ({}, '"schema" is None, this version of insgen reads "insgen.feedback/1"'),
    (STEP | {"schema": "insgen.feedback/2"}, "\"schema\" is 'insgen.feedback/2'"),
    (STEP | {"kind": "epoch"}, '"kind" is \'epoch\', expected "step" or "item"'),
    (STEP | {"grad_nrom": 1}, 'there is no key "grad_nrom" (Did you mean "grad_norm"?)'),
    ('{"schema": "insgen.feedback/1", "step": 1, "step": 2}', 'the key "step" stands twice'),
    ({k: v for k, v in STEP.items() if k != "time"}, '"time" is missing'),
    (STEP | {"run_id": ""}, "\"run_id\" is '', expected a text"),
    (STEP | {"run_id": "x" * 501}, '"run_id" is '),
    (STEP | {"step": 0}, '"step" is 0, expected a whole number of at least 1'),
    (STEP | {"step": True}, '"step" is True'),
    (STEP | {"step": 1.0}, '"step" is 1.0'),
    (STEP | {"step": 2**63}, '"step" is 9223372036854775808'),
    (STEP | {"step": None}, '"step" is None'),
    (STEP | {"items": []}, '"items" is [], expected a list of micro-batches'),
    (STEP | {"items": ["b2:1"]}, "\"items\" holds 'b2:1', expected lists of ids"),
    (STEP | {"items": [[7]]}, '"items" holds 7, expected ids'),
    (STEP | {"items": [["\ud800"]]}, "\"items\" holds '\\ud800'"),
    (STEP | {"grad_norm": float("nan")}, "it holds NaN, which is no number of JSON"),
    (STEP | {"grad_norm": float("inf")}, "it holds Infinity"),
    (json.dumps(STEP).replace("1.9", "1e999"), '"grad_norm" is inf, expected a finite number of at least 0'),
    (STEP | {"grad_norm": -0.5}, '"grad_norm" is -0.5, expected a finite number of at least 0'),
    (STEP | {"grad_norm": "1.9"}, "\"grad_norm\" is '1.9'"),
    (STEP | {"grad_norm_kind": "clipped"}, "\"grad_norm_kind\" is 'clipped', expected one of pre_clip, post_clip"),
    (STEP | {"n_target_tokens": 1.5}, '"n_target_tokens" is 1.5'),
    (STEP | {"item_loss": [1]}, '"item_loss" is [1], expected an object'),
    (STEP | {"item_loss": {"b2:9": 1.0}}, "\"item_loss\" names 'b2:9', which is not among the items"),
    (STEP | {"item_loss": {"b2:1": None}}, "\"item_loss\" of 'b2:1' is null"),
    (STEP | {"item_loss": {"b2:1": "x"}}, "\"b2:1\" is 'x'"),
    (ITEM | {"value": 1.5}, '"value" is 1.5, expected a number from -1'),
    (ITEM | {"value": None}, '"value" is None'),
    (ITEM | {"text": "both"}, 'expected either "id" or "text"'),
    ({k: v for k, v in ITEM.items() if k != "id"}, 'expected either "id" or "text"'),
    ({k: v for k, v in ITEM.items() if k != "id"} | {"text": " "}, "\"text\" is ' ', expected the instruction"),
    (ITEM | {"source": 3}, '"source" is 3, expected text'),
    (ITEM | {"loss": 1}, 'there is no key "loss"'),
]


@pytest.mark.parametrize(("row", "part"), REFUSED, ids=[part[:40] for _, part in REFUSED])
def test_a_line_that_breaks_the_contract_is_refused_with_its_number(
    tmp_path: Path, row: str | bytes | dict[str, Any], part: str
) -> None:
    path = write(tmp_path, STEP, "", row, STEP)
    with pytest.raises(DataError) as caught:
        list(read_feedback(path))
    for expected in (f"{path}, line 3: ", part, "Expected a record such as {", "Mend or delete the line"):
        assert expected in str(caught.value)


@given(st.binary(max_size=200) | st.text().map(str.encode))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any"
        path.write_bytes(raw)
        with suppress(DataError):
            list(read_feedback(path))


def test_a_cut_last_line_is_an_error_unless_the_file_grows(tmp_path: Path) -> None:
    path = write(tmp_path, STEP)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:50])
    with pytest.raises(DataError, match=r"line 2: the file ends in the middle of this record"):
        list(read_feedback(path))
    (found,) = read_feedback(path, growing=True)
    assert found.end == len(whole)
    path.write_bytes(whole.rstrip(b"\n"))
    assert len(list(read_feedback(path))) == 1


def test_a_line_longer_than_the_limit_is_refused_without_being_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.truncate(3 * MAX_LINE_BYTES)  # a hole: one line of zero bytes
    for growing in (False, True):
        with pytest.raises(DataError, match=f"line 1: longer than {MAX_LINE_BYTES:,} bytes"):
            list(read_feedback(path, growing=growing))


def test_a_long_file_is_read_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "long"
    with path.open("w") as file:
        for step in range(1, 5001):
            file.write(
                json.dumps(STEP | {"step": step, "items": [[f"b2:{n:032x}" for n in range(20)]], "item_loss": {}})
            )
            file.write("\n")
    tracemalloc.start()
    n = sum(1 for _ in read_feedback(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert n == 5000
    assert peak < 1_000_000 < path.stat().st_size


@pytest.mark.parametrize("name", ["none.jsonl", "."])
def test_a_file_that_is_none_is_said(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"cannot be read: .*\n  Expected a feedback file"):
        list(read_feedback(tmp_path / name))
