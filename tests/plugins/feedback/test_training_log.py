"""The feedback source `training-log`: it follows a file that grows, is cut, or is replaced."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.training import log_file, steps

from insgen import CandidateId, DataError, Signal
from insgen.feedback import step_line
from insgen.plugins.feedback import training_log
from insgen.plugins.feedback.training_log import TrainingLog, insgen_feedback_sources

LOG = TrainingLog("runs/log.jsonl")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs/log.jsonl"


def test_a_file_that_is_not_there_yet_says_nothing(tmp_path: Path) -> None:
    read = LOG.read(tmp_path, "")
    assert (read.steps, read.signals, read.position) == ((), (), "")


def test_reads_on_as_the_file_grows_and_leaves_an_incomplete_line(tmp_path: Path, log: Path) -> None:
    said = Signal(CandidateId("b2:1"), "verdict", 1.0, "me", "", 3.0)
    log_file(log, [*steps()[:3], said])
    first = LOG.read(tmp_path, "")
    assert (list(first.steps), list(first.signals)) == (steps()[:3], [said])
    line = step_line(steps()[3])
    with log.open("a") as file:
        file.write(line[:40])
    assert LOG.read(tmp_path, first.position).position == first.position
    with log.open("a") as file:
        file.write(line[40:] + "\n")
    second = LOG.read(tmp_path, first.position)
    assert list(second.steps) == [steps()[3]]
    assert LOG.read(tmp_path, second.position).position == second.position


def test_many_records_come_bit_by_bit(tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_log, "_AT_ONCE", 4)
    log_file(log, steps())
    position, sizes = "", []
    while (read := LOG.read(tmp_path, position)).position != position:
        position = read.position
        sizes.append(len(read.steps))
    assert sizes == [4, 4, 2]


@pytest.mark.parametrize("n", [2, 12])
def test_another_file_in_its_place_is_read_from_the_beginning(tmp_path: Path, log: Path, n: int) -> None:
    log_file(log, steps())
    position = LOG.read(tmp_path, "").position
    other = (steps("other") * 2)[:n]
    log_file(log, other)
    assert list(LOG.read(tmp_path, position).steps) == other


def test_a_broken_line_is_named_with_its_number_in_the_file(tmp_path: Path, log: Path) -> None:
    log_file(log, steps()[:2])
    position = LOG.read(tmp_path, "").position
    with log.open("a") as file:
        file.write("oops\n")
    with pytest.raises(DataError, match=r"log.jsonl, line 3: no JSON"):
        LOG.read(tmp_path, position)


def test_is_offered() -> None:
    assert insgen_feedback_sources() == [TrainingLog]
