"""Watchers hear everything in order; one that raises stops the run, and what was stored stays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.projects import DATA, EMBED, FILTERS, SCORE, SELECT, contents, count, play, query, rounds_played, rows

from insgen.hooks.handed import StageProgress
from insgen.hooks.spec import hookimpl

TOML = "[loop]\nbatch = 15\n" + DATA + EMBED + FILTERS + SCORE + SELECT


class Diary:
    """Writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []

    @hookimpl
    def insgen_run_started(self, run_id: int, config: Mapping[str, Any]) -> None:
        self.heard.append(("run started", run_id, config["loop"]["batch"]))

    @hookimpl
    def insgen_stage_advanced(self, progress: StageProgress) -> None:
        self.heard.append(("stage", progress.round, progress.stage, progress.done, progress.total, progress.note))

    @hookimpl
    def insgen_round_finished(self, run_id: int, round: int, counters: Mapping[str, Any]) -> None:
        self.heard.append(
            ("round", run_id, round, counters["proposed"], counters["kept"], sum(counters["rejected_by"].values()))
        )

    @hookimpl
    def insgen_bank_changed(self, version: int, admitted: tuple[str, ...], evicted: tuple[str, ...]) -> None:
        self.heard.append(("bank", version, len(admitted), len(evicted)))

    @hookimpl
    def insgen_run_finished(self, run_id: int, reason: str, counters: Mapping[str, int]) -> None:
        self.heard.append(("run finished", run_id, reason, counters["rounds"], counters["members"]))


def test_a_run_is_told_from_beginning_to_end(make_project: Callable[..., Path]) -> None:
    project, diary = make_project(TOML, {"data.jsonl": rows(30)}), Diary()
    result = play(project, watchers=[diary])
    heard = diary.heard
    assert heard[0] == ("run started", 1, 15)
    assert heard[-1] == ("run finished", 1, result.reason, 2, 10)
    stages = [each[2] for each in heard if each[:2] == ("stage", 1) and each[3] == each[4]]
    expected = [
        "filter length",
        "filter exact_duplicate",
        "embed",
        "filter near_duplicate",
        "score heuristic",
        "select quality",
    ]
    assert list(dict.fromkeys(stages)) == expected
    for row in rounds_played(project):
        at = heard.index(("round", 1, row[0], row[1], row[7], row[4]))
        assert heard[at + 1] == ("bank", row[0], row[8], row[9])
    notes = [each[5] for each in heard if each[0] == "stage" and each[5]]
    assert notes[0].startswith("kept ")
    assert notes[0].endswith(" of 15")


def test_a_stage_says_how_far_it_is_and_never_goes_back(make_project: Callable[..., Path]) -> None:
    project, diary = make_project("[loop]\nbatch = 150\n" + DATA + EMBED + SELECT, {"data.jsonl": rows(150)}), Diary()
    play(project, watchers=[diary])
    embedded = [each[3:5] for each in diary.heard if each[0] == "stage" and each[2] == "embed"]
    assert embedded[0] == (0, 150)
    assert embedded[-1] == (150, 150)
    assert embedded == sorted(embedded)
    assert len(embedded) > 4


class Raiser:
    """Raises in one hook."""

    def __init__(self, hook: str) -> None:
        def shout() -> None:
            raise RuntimeError("enough")

        setattr(self, hook, hookimpl(shout))


@pytest.mark.parametrize(
    ("hook", "n_rounds", "reason"),
    [
        ("insgen_run_started", 0, "it was stopped by an error"),
        ("insgen_stage_advanced", 0, "it was stopped by an error"),
        ("insgen_round_finished", 1, "it was stopped by an error"),
        ("insgen_bank_changed", 1, "it was stopped by an error"),
        ("insgen_run_finished", 2, "every source is used up"),
    ],
)
def test_a_watcher_that_raises_stops_the_run_at_that_point(
    make_project: Callable[..., Path], hook: str, n_rounds: int, reason: str
) -> None:
    files = {"data.jsonl": rows(30)}
    project, undisturbed = make_project(TOML, files), make_project(TOML, files)
    with pytest.raises(RuntimeError, match="enough"):
        play(project, watchers=[Raiser(hook)])
    assert count(project, "rounds") == n_rounds
    assert query(project, "SELECT reason FROM runs") == [(reason,)]
    assert query(project, "SELECT count(*) FROM runs WHERE finished_utc IS NULL") == [(0,)]
    play(project)
    play(undisturbed)
    assert contents(project) == contents(undisturbed)
