"""The file of a run's records: begun, resumed, never mixed with another run's."""

from __future__ import annotations

from pathlib import Path

import pytest

from insgen import DataError, TrainingStep
from insgen.feedback import read_feedback
from insgen.training.records import FeedbackFile


@pytest.fixture
def file(tmp_path: Path) -> FeedbackFile:
    made = FeedbackFile(tmp_path / "feedback.jsonl")
    assert made.begin(0, "run-1") == "run-1"
    for step in (1, 2, 3):
        made.append(TrainingStep("run-1", step, (("a", "b"),), time=1.5, loss=2.0, grad_norm=1.0))
    return made


def steps(file: FeedbackFile) -> list[int]:
    return [each.record.step for each in read_feedback(file.path) if isinstance(each.record, TrainingStep)]


def test_resumed_run_loses_the_steps_it_does_again(file: FeedbackFile) -> None:
    assert file.begin(2) == "run-1"
    assert steps(file) == [1, 2]


def test_half_a_line_of_a_killed_run_is_cut_off(file: FeedbackFile) -> None:
    with file.path.open("a") as opened:
        opened.write('{"schema": "insgen.feedb')

    assert file.begin(3) == "run-1"
    assert steps(file) == [1, 2, 3]


def test_run_that_begins_anew_under_its_name_empties_the_file(file: FeedbackFile) -> None:
    file.begin(0, "run-1")
    assert steps(file) == []


@pytest.mark.parametrize(("step", "run_id"), [(0, None), (0, "run-2"), (3, "run-2")])
def test_another_runs_records_are_refused_and_kept(file: FeedbackFile, step: int, run_id: str | None) -> None:
    with pytest.raises(DataError, match="holds the records of run run-1"):
        file.begin(step, run_id)
    assert steps(file) == [1, 2, 3]


def test_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello\n")
    with pytest.raises(DataError, match="line 1"):
        FeedbackFile(tmp_path / "notes.txt").begin(0)


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There is no folder"):
        FeedbackFile(tmp_path / "nowhere" / "feedback.jsonl").begin(0)


def test_runs_without_a_name_get_different_ones(tmp_path: Path) -> None:
    names = {FeedbackFile(tmp_path / f"{number}.jsonl").begin(0) for number in range(20)}
    assert len(names) == 20
