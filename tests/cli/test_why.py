from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.cli import Result
from support.projects import query

Cli = Callable[..., Result]


def best(project: Path) -> str:
    return str(query(project, "SELECT candidate_id FROM members WHERE rank = 1")[0][0])


@pytest.mark.parametrize("shape", ["{}", "rank", "#rank", "no tag", "beginning"])
def test_candidate_is_found_by_id_beginning_or_rank(cli: Cli, played: Path, shape: str) -> None:
    wanted = best(played)
    typed = {"rank": "1", "#rank": "#1", "no tag": wanted[3:], "beginning": wanted[:14]}.get(shape, wanted)

    found = cli("why", typed, "-p", played, "--json").json()

    assert found["candidate"]["id"] == wanted
    assert found["fate"]["fate"] == "member"


def test_story_of_a_member_has_source_verdicts_score_and_versions(cli: Cli, played: Path) -> None:
    told = cli("why", "1", "-p", played).stdout

    assert told.startswith(best(played))
    assert "data.jsonl, line " in told
    for part in (
        "fate         member, rank 1",
        "kept by length",
        "kept by near_duplicate",
        "score by heuristic",
        "at rank 1",
    ):
        assert part in told


def test_story_of_a_rejection_has_measure_limit_and_neighbour(cli: Cli, played: Path) -> None:
    wanted, neighbour, value = query(
        played, "SELECT candidate_id, neighbour, value FROM verdicts WHERE NOT kept AND filter = 'near_duplicate'"
    )[0]

    told = cli("why", wanted, "-p", played).stdout

    assert "REJECTED (near-duplicate) by near_duplicate" in told
    assert f"cosine similarity {value:.4g}" in told
    assert "limit 0.9" in told
    assert neighbour in told


def test_evicted_member_keeps_its_history(cli: Cli, played: Path) -> None:
    wanted = query(played, "SELECT candidate_id FROM bank_events WHERE event = 'evicted'")[0][0]

    told = cli("why", wanted, "-p", played).stdout

    assert "fate         evicted" in told
    assert "version 1  admitted at rank" in told
    assert "version 2  evicted" in told


def test_waiting_candidate_has_a_story(cli: Cli, project: Path) -> None:
    (project / "late.jsonl").write_text('{"instruction": "Explain what waits here.", "output": "A candidate."}\n')
    cli("add", project / "late.jsonl", "-p", project)
    wanted = query(project, "SELECT id FROM candidates WHERE fate = 'waiting'")[0][0]

    told = cli("why", wanted, "-p", project).stdout

    assert "fate         waiting" in told
    assert "late.jsonl, line 1" in told


@pytest.mark.parametrize("typed", ["b2:ffffffffffff", "999", "%", "' OR 1=1 --", ""])
def test_unknown_candidate_is_a_usage_error(cli: Cli, played: Path, typed: str) -> None:
    done = cli("why", typed, "-p", played)

    assert (done.code, done.stdout) == (2, "")
    assert "Expected an id" in done.stderr


def test_ambiguous_beginning_names_what_fits(cli: Cli, played: Path) -> None:
    done = cli("why", "b2:", "-p", played)

    assert (done.code, done.stdout) == (2, "")
    assert '"b2:" fits several candidates: b2:' in done.stderr
