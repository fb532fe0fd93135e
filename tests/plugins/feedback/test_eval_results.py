"""Evaluation results as signals: sample logs of lm-evaluation-harness, plain rows, what grows, what is refused."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from insgen import ConfigError, DataError, Signal
from insgen.plugins.feedback.eval_results import EvalResults

LOG = "samples_gsm8k_cot_2026-03-01T10-20-30.123456.jsonl"


def sample(doc_id: int, score: object, **changes: Any) -> dict[str, Any]:
    """A row as the harness logs it."""
    plain = {
        "doc_id": doc_id,
        "doc": {"question": f"Question {doc_id}?", "answer": "7"},
        "target": "7",
        "arguments": {"gen_args_0": {"arg_0": "a few examples, then the question"}},
        "resps": [["7"]],
        "filtered_resps": ["7"],
        "filter": "strict-match",
        "metrics": ["exact_match"],
        "exact_match": score,
    }
    return plain | changes


def write(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read(source: EvalResults, project: Path) -> list[Signal]:
    """All that a source has to say."""
    signals, position, moved = list[Signal](), "", True
    while moved:
        found = source.read(project, position)
        signals += found.signals
        position, moved = found.position, found.position != position
    return signals


def test_failed_items_ask_for_more_and_passed_ones_for_less(tmp_path: Path) -> None:
    write(tmp_path / LOG, [sample(0, 0.0), sample(1, 1.0), sample(2, True), sample(3, 0.25)])
    signals = read(EvalResults(LOG), tmp_path)
    assert [signal.value for signal in signals] == [1.0, -1.0, -1.0, 0.5]
    assert {signal.name for signal in signals} == {"eval:gsm8k_cot"}
    assert signals[0].text == "Question 0?"
    assert signals[0].candidate_id == ""
    assert {signal.time for signal in signals} == {datetime(2026, 3, 1, 10, 20, 30, tzinfo=UTC).timestamp()}


def test_of_several_filters_the_first_counts_or_the_one_that_is_named(tmp_path: Path) -> None:
    rows = [sample(0, 0.0), sample(1, 0.0), sample(0, 1.0, filter="flexible"), sample(1, 1.0, filter="flexible")]
    write(tmp_path / LOG, rows)
    assert [signal.value for signal in read(EvalResults(LOG), tmp_path)] == [1.0, 1.0]
    assert [signal.value for signal in read(EvalResults(LOG, filter="flexible"), tmp_path)] == [-1.0, -1.0]


def test_multiple_choice_of_an_older_harness_is_read(tmp_path: Path) -> None:
    old = {"doc_id": 0, "doc": {"query": "Which?", "choices": ["a", "b"]}, "target": 1, "resps": [], "acc": 0.0}
    write(tmp_path / LOG, [old | {"filtered_resps": [], "acc_norm": 1.0}])
    assert [(s.text, s.value) for s in read(EvalResults(LOG), tmp_path)] == [("Which?", 1.0)]
    assert [s.value for s in read(EvalResults(LOG, metric="acc_norm"), tmp_path)] == [-1.0]


def test_the_question_may_stand_anywhere_in_the_doc(tmp_path: Path) -> None:
    write(tmp_path / LOG, [sample(0, 0.0, doc={"body": {"premise": "It rains."}})])
    with pytest.raises(DataError, match=r"(?s)line 1: its doc has no question .*keys are body.*--option text="):
        read(EvalResults(LOG), tmp_path)
    assert read(EvalResults(LOG, text="body.premise"), tmp_path)[0].text == "It rains."


def test_plain_rows_have_tags_or_the_task(tmp_path: Path) -> None:
    rows = [
        {"text": "Add 2 and 3.", "score": 0, "tags": ["sums", "easy"]},
        {"text": "Name a river.", "score": 1.0, "tags": "geography"},
        {"id": "b2:abc", "score": 0.5},
    ]
    write(tmp_path / "eval.jsonl", rows)
    found = [(s.candidate_id, s.text, s.name, s.value) for s in read(EvalResults("eval.jsonl", task="mine"), tmp_path)]
    assert found == [
        ("", "Add 2 and 3.", "eval:easy,sums", 1.0),
        ("", "Name a river.", "eval:geography", -1.0),
        ("b2:abc", "", "eval:mine", 0.0),
    ]


def test_a_log_is_read_on_from_where_it_stopped_and_a_new_file_from_its_beginning(tmp_path: Path) -> None:
    source = EvalResults("evals/**/samples_*.jsonl")
    first = write(tmp_path / "evals" / "m" / LOG, [sample(0, 0.0)])
    whole = json.dumps(sample(1, 1.0))
    with first.open("a") as file:
        file.write(whole[:40])
    one = source.read(tmp_path, "")
    assert [signal.text for signal in one.signals] == ["Question 0?"]
    assert source.read(tmp_path, one.position).signals == ()
    with first.open("a") as file:
        file.write(whole[40:] + "\n")
    two = source.read(tmp_path, one.position)
    assert [signal.text for signal in two.signals] == ["Question 1?"]
    write(tmp_path / "evals" / "m" / LOG.replace("2026-03", "2026-04"), [sample(0, 1.0)])
    three = source.read(tmp_path, two.position)
    assert [signal.value for signal in three.signals] == [-1.0]
    assert source.read(tmp_path, three.position).position == three.position


def test_many_rows_come_in_bites(tmp_path: Path) -> None:
    write(tmp_path / "eval.jsonl", ({"text": f"Task {n}.", "score": n % 2} for n in range(2500)))
    source = EvalResults("eval.jsonl")
    assert len(source.read(tmp_path, "").signals) == 1000
    assert len(read(source, tmp_path)) == 2500


def test_no_file_says_nothing(tmp_path: Path) -> None:
    for path in ("eval.jsonl", "evals/*.jsonl"):
        assert EvalResults(path).read(tmp_path, "").signals == ()


def test_time_of_a_plain_file_is_that_of_its_last_change(tmp_path: Path) -> None:
    path = write(tmp_path / "eval.jsonl", [{"text": "A task.", "score": 1}])
    os.utime(path, (5, 1234.5))
    assert read(EvalResults("eval.jsonl"), tmp_path)[0].time == 1234.5


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "it is no JSON"),
        ("[1]", "no object"),
        ('{"question": "x"}', "neither doc_id and doc"),
        ('{"text": "x", "score": 2}', '"score" is 2, expected a score from 0'),
        ('{"text": "x", "score": NaN}', '"score" is nan'),
        ('{"text": " ", "score": 1}', "\"text\" is ' '"),
        ('{"text": "x", "id": "y", "score": 1}', "text and id, or neither"),
        ('{"text": "x", "score": 1, "tags": ["a,b"]}', "without commas"),
        ('{"doc_id": 1, "doc": "x", "acc": 1}', "\"doc\" is 'x'"),
        ('{"doc_id": 1, "doc": {"question": "x"}, "bleu": 31.5}', "its numbers are bleu"),
    ],
)
def test_what_is_no_result_is_refused_with_its_line(tmp_path: Path, line: str, problem: str) -> None:
    (tmp_path / "eval.jsonl").write_text(f"\n{line}\n")
    with pytest.raises(DataError) as refused:
        read(EvalResults("eval.jsonl"), tmp_path)
    assert str(refused.value).startswith(f"{tmp_path / 'eval.jsonl'}, line 2: ")
    assert problem in str(refused.value)
    assert str(refused.value).count("\n") == 2


def test_an_empty_path_is_refused() -> None:
    with pytest.raises(ConfigError, match="path is empty"):
        EvalResults(" ")
