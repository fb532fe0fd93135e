"""Exit statuses, and what goes to which stream."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.cli import PROGRAM, Result, insgen, plain_environment
from support.projects import DATA, PLAIN, file_hashes, plugin, rows

Cli = Callable[..., Result]

USAGE = [
    ["rnu"],
    ["run", "--rounds", "x"],
    ["run", "--rounds", "-1"],
    ["run", "a", "b"],
    ["run", "--nonsense"],
    ["why"],
    ["sql"],
    ["add"],
    ["export"],
    ["bank"],
    ["bank", "list", "--top", "0"],
    ["bank", "diff", "one", "two"],
    ["plugins", "show"],
    [],
]


@pytest.mark.parametrize("arguments", USAGE, ids=" ".join)
def test_usage_error_is_2_with_its_message_on_stderr(cli: Cli, arguments: list[str]) -> None:
    done = cli(*arguments)

    assert (done.code, done.stdout) == (2, "")
    assert "Usage: insgen" in done.stderr
    assert "Traceback" not in done.stderr


def test_mistyped_command_is_answered_with_a_suggestion(cli: Cli) -> None:
    assert "run" in cli("rnu").stderr.split("Error:")[1]


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["--version"], ["run", "-h"], ["bank", "log", "--help"]])
def test_help_is_data(cli: Cli, arguments: list[str]) -> None:
    done = cli(*arguments)

    assert (done.code, done.stderr) == (0, "")
    assert "insgen" in done.stdout


def test_config_that_cannot_be_understood_is_2(cli: Cli, make_project: Callable[..., Path]) -> None:
    for config in ("[lopp]\n", "[loop]\nbatch = 'x'\n", "not toml", '[[filter]]\nuse = "rogue"\n'):
        done = cli("run", make_project(config))
        assert (done.code, done.stdout) == (2, "")
        assert done.stderr.startswith("Error: ")
        assert len(done.stderr.splitlines()) >= 3  # what happened, what was expected, what to do


def test_run_that_cannot_go_on_is_1_without_a_traceback(make_project: Callable[..., Path]) -> None:
    body = (
        'def filter(self, candidates, bank):\n    raise StageError("Nothing works today.\\n  Expected luck.\\n  Wait.")'
    )
    config = 'plugins = ["./rogue.py"]\n' + DATA + PLAIN + '[[filter]]\nuse = "rogue"\n'
    project = make_project(config, {"rogue.py": plugin(body, "insgen_filters"), "data.jsonl": rows(3)})

    done = insgen("run", project)

    assert (done.code, done.stdout) == (1, "")
    assert "Nothing works today.\n  Expected luck.\n  Wait." in done.stderr
    assert "Traceback" not in done.stderr


def test_bug_keeps_its_traceback(make_project: Callable[..., Path]) -> None:
    watcher = "from insgen import hookimpl\n@hookimpl\ndef insgen_run_started():\n    return 1 / 0\n"
    project = make_project('plugins = ["./watcher.py"]\n' + PLAIN, {"watcher.py": watcher})

    done = insgen("run", project, "-q")

    assert (done.code, done.stdout) == (1, "")
    assert "ZeroDivisionError" in done.stderr


QUIET = [["run", "{p}", "-q"], ["replay", "{p}", "-q"], ["add", "{p}/data.jsonl", "-p", "{p}", "-q"]]


@pytest.mark.parametrize("arguments", QUIET, ids=lambda arguments: arguments[0])
def test_quiet_command_is_silent_on_stderr(project: Path, arguments: list[str]) -> None:
    done = insgen(*(each.format(p=project) for each in arguments))

    assert (done.code, done.stderr) == (0, "")
    assert done.stdout


LOOKING = [
    ["status", "{p}"],
    ["why", "1", "-p", "{p}"],
    ["bank", "list", "-p", "{p}"],
    ["bank", "log", "-p", "{p}"],
    ["bank", "diff", "0", "1", "-p", "{p}"],
    ["sql", "SELECT * FROM v_bank", "-p", "{p}"],
    ["export", "{out}", "-p", "{p}"],
    ["replay", "{p}", "-q"],
    ["check", "{p}"],
    ["plugins", "list", "-p", "{p}"],
]


@pytest.mark.parametrize("arguments", LOOKING, ids=lambda arguments: " ".join(arguments[:2]))
def test_command_that_looks_changes_no_file(cli: Cli, project: Path, tmp_path: Path, arguments: list[str]) -> None:
    before = file_hashes(project)

    done = cli(*(each.format(p=project, out=tmp_path / "out.jsonl") for each in arguments))

    assert (done.code, done.stderr) == (0, "")
    assert file_hashes(project) == before


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
@pytest.mark.parametrize("arguments", [["bank", "list"], ["bank", "list", "--json"], ["sql", "{many}", "--csv"]])
def test_reader_that_goes_away_is_no_error(played: Path, arguments: list[str]) -> None:
    many = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 100000) SELECT x FROM n"
    command = [*PROGRAM, *(each.format(many=many) for each in arguments), "-p", str(played)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=plain_environment()) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        told = running.stderr.read()

    assert (running.returncode, told) == (0, b"")


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
def test_run_goes_on_when_nobody_reads_its_progress(project: Path) -> None:
    command = [*PROGRAM, "replay", str(project)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=plain_environment()) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stderr.close()
        told = running.stdout.read()

    assert running.returncode == 0
    assert b"members in both" in told
