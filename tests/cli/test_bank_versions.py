"""`insgen bank show`, `merge` and `split`, as a user calls them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.cli import SMALL, Result
from support.projects import file_hashes, play, query, rows

Cli = Callable[..., Result]


@pytest.fixture
def other(make_project: Callable[..., Path]) -> Path:
    folder = make_project('[project]\nname = "other"\n' + SMALL, {"data.jsonl": rows(40, seed=2)})
    play(folder)
    return folder


def test_old_version_is_shown_as_it_was(cli: Cli, played: Path) -> None:
    found = cli("bank", "show", 1, "-p", played, "--json").json()

    events = "SELECT rank, candidate_id, utility FROM bank_events WHERE version = 1 ORDER BY rank"
    assert [(r["rank"], r["id"], r["utility"]) for r in found["members"]] == query(played, events)
    told = cli("bank", "show", 1, "-p", played, "--top", 2).stdout
    assert told.startswith("Version 1, made by round 1 on ")
    assert "10 of at most 10 members (+10 -0),\nranked by k_center" in told
    assert len(told.splitlines()) == 6


@pytest.mark.parametrize("version", [0, 3])
def test_version_that_is_not_there_is_a_usage_error(cli: Cli, played: Path, version: int) -> None:
    done = cli("bank", "show", version, "-p", played)

    assert (done.code, done.stdout) == (2, "")
    assert "Expected 1 to 2" in done.stderr


def test_merge_tells_what_came_and_the_log_shows_it(cli: Cli, project: Path, other: Path) -> None:
    done = cli("bank", "merge", other, "-p", project, "-q")

    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.startswith("other: 10 candidates, 10 new, 0 here already, 0 with a question that is here")
    assert "The bank is at version 3 with 10 members: " in done.stdout
    assert cli("bank", "log", "-p", project, "--json").json()[0]["action"] == "merge of other"
    again = cli("bank", "merge", other / "insgen.db", "-p", project, "-q")
    assert "Nobody new could be ranked; the bank stays as it is, with 10 members." in again.stdout


def test_merged_candidate_tells_where_it_came_from(cli: Cli, project: Path, other: Path) -> None:
    merged = cli("bank", "merge", other, "-p", project, "-q", "--json").json()

    told = cli("why", merged["admitted"][0], "-p", project)
    assert "merge of other" in told.stdout


def test_conflicts_are_listed_and_counted(cli: Cli, project: Path, tmp_path: Path) -> None:
    twin = Path(shutil.copytree(project, tmp_path / "twin"))
    [(instruction,)] = query(project, "SELECT instruction FROM v_bank WHERE rank = 1")
    answer = "This is how it is, told differently and at some length, so that it passes. " * 2
    (twin / "late.jsonl").write_text(json.dumps({"instruction": f"{instruction}!", "output": answer}) + "\n")
    cli("add", twin / "late.jsonl", "-p", twin)
    (twin / "insgen.toml").write_text((twin / "insgen.toml").read_text().replace('"exact_duplicate"', '"keywords"'))
    shorter = (twin / "insgen.toml").read_text().replace("limit = 0.9", "limit = 1.0")
    (twin / "insgen.toml").write_text(shorter)
    assert cli("run", twin, "-q").code == 0

    done = cli("bank", "merge", twin, "--kept", "-p", project, "-q")

    assert done.code == 0
    assert "1 with a question that is here already." in done.stdout
    assert "1 conflicts, in which this project's word stands." in done.stdout
    assert "This is how it is" in done.stdout


def test_merge_with_itself_is_a_usage_error(cli: Cli, project: Path) -> None:
    before = file_hashes(project)
    done = cli("bank", "merge", project, "-p", project, "-q")

    assert (done.code, done.stdout) == (2, "")
    assert "is this project itself" in done.stderr
    assert file_hashes(project) == before


def test_split_makes_a_project_that_can_be_listed(cli: Cli, project: Path, tmp_path: Path) -> None:
    done = cli("bank", "split", tmp_path / "best", "--where", "rank <= 3", "-p", project)

    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.startswith("3 of 10 members now make up the bank of ")
    ids = [each["id"] for each in cli("bank", "list", "-p", tmp_path / "best", "--json").json()]
    assert ids == [each["id"] for each in cli("bank", "list", "--top", 3, "-p", project, "--json").json()]


def test_bad_condition_names_the_columns(cli: Cli, project: Path, tmp_path: Path) -> None:
    done = cli("bank", "split", tmp_path / "best", "--where", "colour = 'red'", "-p", project)

    assert (done.code, done.stdout) == (2, "")
    assert "rank, id, instruction, input, output" in done.stderr
