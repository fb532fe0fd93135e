from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.cli import Result
from support.llm_project import llm_project, writes
from support.projects import DATA, PLAIN, play, query, rows

if TYPE_CHECKING:
    from insgen.testing.llm_server import LlmServer

Cli = Callable[..., Result]


def test_fates_of_all_candidates_add_up(cli: Cli, played: Path) -> None:
    found = cli("status", played, "--json").json()

    assert sum(found["fates"].values()) == found["candidates"] == query(played, "SELECT count(*) FROM candidates")[0][0]
    assert found["fates"]["member"] == found["bank"]["members"] == 10
    assert sum(each["n"] for each in found["rejections"]) == sum(each["rejected"] for each in found["rounds"])
    assert found["unreadable"] == 1


def test_text_tells_run_bank_rounds_fates_and_rejections(cli: Cli, played: Path) -> None:
    done = cli("status", played)

    assert (done.code, done.stderr) == (0, "")
    for part in (
        ", ended: every source is used up.",
        "10 of at most 10 members",
        "not selected",
        "near_duplicate",
    ):
        assert part in done.stdout
    assert f"Rows that could not be read: 1; see insgen sql 'SELECT * FROM unreadable' -p {played}" in done.stdout


def test_project_that_only_waits_says_so(cli: Cli, make_project: Callable[..., Path]) -> None:
    project = make_project(PLAIN, {"extra.jsonl": rows(5)})
    cli("add", project / "extra.jsonl", "-p", project)

    told = cli("status", project).stdout

    assert f"No run yet: `insgen run {project}` begins." in told
    assert "5 added candidates wait for the next run." in told
    assert "waiting" in told


def test_empty_bank_is_no_trouble(cli: Cli, make_project: Callable[..., Path]) -> None:
    config = DATA + PLAIN + '[[filter]]\nuse = "length"\nmin_words = 500\nmax_words = 600\n'
    project = make_project(config, {"data.jsonl": rows(3)})
    play(project)

    done = cli("status", project)

    assert (done.code, done.stderr) == (0, "")
    assert "rejected" in done.stdout
    assert cli("bank", "list", "-p", project).code == 0


def test_project_without_a_database_says_what_to_call(cli: Cli, make_project: Callable[..., Path]) -> None:
    done = cli("status", make_project(PLAIN))

    assert (done.code, done.stdout) == (1, "")
    assert "insgen run" in done.stderr


def test_folder_without_a_project_is_a_usage_error(cli: Cli, tmp_path: Path) -> None:
    for command in (["status", tmp_path], ["why", "1", "-p", tmp_path], ["bank", "list", "-p", tmp_path / "none"]):
        done = cli(*command)

        assert (done.code, done.stdout) == (2, "")
        assert done.stderr.startswith("Error: There is no project in ")
        assert "insgen init" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_a_seed_policy_goes_by_is_told(cli: Cli, make_project: Callable[..., Path], llm_server: LlmServer) -> None:
    llm_server.reply = writes
    toml, files = llm_project(llm_server, "rounds = 2")
    project = make_project(f'{toml}[seeds]\nuse = "bandit"\n', files)
    play(project)
    assert "What the seed policy bandit went by in round 2:" in cli("status", project).stdout
    told = cli("status", project, "--json").json()["seed_policy"]
    assert (told["round"], told["policy"]) == (2, "bandit")
    assert sum(note["chance to be best"] for note in told["notes"]) == pytest.approx(1)
