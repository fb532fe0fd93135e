from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from support.cli import Result
from support.projects import file_hashes

Cli = Callable[..., Result]


def test_sound_project_passes_and_is_not_changed(cli: Cli, project: Path) -> None:
    before = file_hashes(project)

    done = cli("check", project)

    assert (done.code, done.stderr) == (0, "")
    assert all(line.startswith("ok ") for line in done.stdout.splitlines())
    assert "generator 1, dataset: gives candidates" in done.stdout
    assert file_hashes(project) == before


def test_problem_is_shown_whole_and_gives_exit_status_1(cli: Cli, project: Path) -> None:
    (project / "data.jsonl").unlink()

    done = cli("check", project)

    assert done.code == 1
    problem = done.stdout[done.stdout.index("PROBLEM") :]
    assert "data.jsonl" in problem
    assert len(problem.splitlines()) > 1  # what to do stands below


def test_findings_are_json_too(cli: Cli, project: Path) -> None:
    (project / "data.jsonl").unlink()

    done = cli("check", project, "--json")

    assert done.code == 1
    assert {tuple(each) for each in done.json()} == {("what", "ok", "finding")}
    assert [each["what"] for each in done.json() if not each["ok"]] == ["generator 1, dataset"]


def test_wrong_config_is_an_error_of_the_config(cli: Cli, project: Path) -> None:
    done = cli("check", project, "--set", "filter.near_duplicate.limt=0.5")

    assert (done.code, done.stdout) == (2, "")
    assert 'there is no key "limt". Did you mean "limit"?' in done.stderr
