"""Plans of batches: what `insgen batches` writes is read back, anything else is refused by its line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from insgen import DataError
from insgen.report.batches import write_plan
from insgen.training.plan import known_rows, read_plan

LINE = '{"schema": "insgen.batches/1", "batch": 1, "ids": ["a", "b"], "diversity": null}\n'


def test_written_plan_is_read_back(tmp_path: Path) -> None:
    vectors = np.eye(5, dtype=np.float32)
    plan = write_plan(["a", "b", "c", "d", "e"], vectors, tmp_path / "plan.jsonl", size=2)

    assert read_plan(tmp_path / "plan.jsonl") == [tuple("abcde"[row] for row in batch) for batch in plan.batches]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "is no JSON"),
        (json.dumps({"ids": ["a"]}), "does not say"),
        (LINE.replace('["a", "b"]', "[1]"), "has no list of ids"),
        (LINE.replace('["a", "b"]', "[]"), "has no list of ids"),
        (LINE.replace('"b"', '"a"'), "names a row twice"),
        ("[]", "does not say"),
    ],
)
def test_damaged_line_is_named(tmp_path: Path, line: str, problem: str) -> None:
    (tmp_path / "plan.jsonl").write_text(LINE + line.strip() + "\n")

    with pytest.raises(DataError, match=f"Line 2 of .*{problem}"):
        read_plan(tmp_path / "plan.jsonl")


@pytest.mark.parametrize("content", [None, "", "\n\n"])
def test_plan_without_batches_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "plan.jsonl").write_text(content)
    with pytest.raises(DataError, match="insgen batches"):
        read_plan(tmp_path / "plan.jsonl")


def test_ids_without_a_row_are_counted_and_named() -> None:
    with pytest.raises(DataError, match=r"2 rows of the plan are not in the file: b, c\."):
        known_rows([("a", "b"), ("b", "c")], {"a": 1}, "the file")
    assert known_rows([("a", "b"), ("b",)], {"a": 1, "b": 2}, "the file") == [[1, 2], [2]]
