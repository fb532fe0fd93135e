from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.cli import Result
from support.projects import file_hashes, query

from insgen.report.metrics import vendi_score

Cli = Callable[..., Result]


def members(project: Path) -> list[tuple[object, ...]]:
    return query(project, "SELECT rank, candidate_id, diversity, quality, utility FROM members ORDER BY rank")


def test_best_members_stand_in_order_of_rank(cli: Cli, played: Path) -> None:
    found = cli("bank", "list", "-p", played, "--top", 4, "--json").json()

    assert [(r["rank"], r["id"], r["diversity"], r["quality"], r["utility"]) for r in found] == members(played)[:4]
    assert [line.split()[0] for line in cli("bank", "list", "-p", played, "--top", 4).stdout.splitlines()[2:]] == list(
        "1234"
    )


def test_log_has_every_version_newest_first(cli: Cli, played: Path) -> None:
    log = cli("bank", "log", "-p", played, "--json").json()

    assert [each["version"] for each in log] == [2, 1]
    assert (log[1]["admitted"], log[1]["evicted"], log[1]["members"]) == (10, 0, 10)
    assert log[0]["admitted"] == log[0]["evicted"] > 0
    assert "mean quality" in cli("bank", "log", "-p", played).stdout


def test_log_measures_every_version_with_one_model(cli: Cli, played: Path) -> None:
    log = cli("bank", "log", "-p", played, "--vendi", "--json").json()

    blobs = query(
        played,
        "SELECT v.vector FROM bank_events e JOIN vectors v USING (candidate_id)"
        " WHERE e.version = 1 AND e.event != 'evicted'",
    )
    rows = np.stack([np.frombuffer(blob, "<f4") for (blob,) in blobs])  # type: ignore[call-overload]  # bytes
    assert log[1]["vendi"] == pytest.approx(vendi_score(rows), rel=1e-6)
    assert 1 <= log[0]["vendi"] <= 10
    assert "vendi" in cli("bank", "log", "-p", played, "--vendi").stdout.split("\n")[0]


def test_difference_of_two_versions_agrees_with_the_events(cli: Cli, played: Path) -> None:
    found = cli("bank", "diff", 1, 2, "-p", played, "--json").json()

    events = query(played, "SELECT event, candidate_id FROM bank_events WHERE version = 2")
    assert {r["id"] for r in found["admitted"]} == {id_ for event, id_ in events if event == "admitted"}
    assert {r["id"] for r in found["evicted"]} == {id_ for event, id_ in events if event == "evicted"}
    assert len(found["moved"]) + found["unmoved"] == sum(event == "kept" for event, _ in events)
    assert f"admitted: {len(found['admitted'])}\n" in cli("bank", "diff", 1, 2, "-p", played).stdout


def test_version_0_is_the_empty_bank(cli: Cli, played: Path) -> None:
    found = cli("bank", "diff", 0, 1, "-p", played, "--json").json()

    assert (len(found["admitted"]), found["evicted"], found["moved"]) == (10, [], [])


def test_versions_are_compared_backwards_too(cli: Cli, played: Path) -> None:
    there, back = (cli("bank", "diff", *pair, "-p", played, "--json").json() for pair in ((1, 2), (2, 1)))

    assert [r["id"] for r in there["admitted"]] == [r["id"] for r in back["evicted"]]


@pytest.mark.parametrize(
    "command", [("diff", 1, 3), ("diff", -1, 2), ("rollback", 2), ("rollback", 0), ("rollback", 9)]
)
def test_version_that_is_not_there_is_a_usage_error(cli: Cli, project: Path, command: tuple[object, ...]) -> None:
    before = file_hashes(project)

    done = cli("bank", *(["--"] if -1 in command else []), *command, "-p", project)

    assert (done.code, done.stdout) == (2, "")
    assert file_hashes(project) == before


def test_rollback_brings_ranks_and_measures_back_as_a_new_version(cli: Cli, project: Path) -> None:
    now = members(project)
    first = query(
        project,
        "SELECT rank, candidate_id, diversity, quality, utility FROM bank_events WHERE version = 1 ORDER BY rank",
    )

    done = cli("bank", "rollback", 1, "-p", project)

    assert (done.code, done.stderr) == (0, "")
    assert "The bank is at version 3, with the members of version 1" in done.stdout
    assert members(project) == first != now
    assert cli("bank", "rollback", 2, "-p", project, "--json").json()["version"] == 4
    assert members(project) == now
    actions = [each["action"] for each in cli("bank", "log", "-p", project, "--json").json()]
    assert actions == ["rollback to 2", "rollback to 1", "round", "round"]


def test_run_goes_on_from_a_rollback(cli: Cli, project: Path) -> None:
    cli("bank", "rollback", 1, "-p", project)
    row = '{"instruction": "Explain how a finalizer delays deletion.", "output": "It is a key that blocks it."}\n'
    (project / "late.jsonl").write_text(row)
    cli("add", project / "late.jsonl", "-p", project)

    assert cli("run", project, "-q").code == 0
    assert cli("bank", "log", "-p", project, "--json").json()[0]["version"] == 4
