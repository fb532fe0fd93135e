"""PIBE's carried state in a real project: it lives in the database, with the bank's versions, and nowhere else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.cli import insgen
from support.projects import DATA, EMBED, FILTERS, SCORE, contents, play, query, rows, versions

from insgen.store import members
from insgen.store.database import open_store

MakeProject = Callable[..., Path]

TOML = "[loop]\nbatch = 25\n" + DATA + EMBED + FILTERS + SCORE
ENGINES = {
    "nn": "",
    "nn, median estimated": "exact_history = 0\nreservoir = 12\n",
    "dense": "preference = -0.9\n",
    "sparse": 'engine = "sparse"\npreference_rule = "median"\n',
}

engines = pytest.mark.parametrize("engine", ENGINES)


def project_of(make_project: MakeProject, engine: str) -> Path:
    select = f'[select]\nuse = "pibe"\nsize = 12\n{ENGINES[engine]}'
    return make_project(TOML + select, {"data.jsonl": rows(110)})


@engines
def test_stopping_after_every_round_ends_with_the_same_bank(make_project: MakeProject, engine: str) -> None:
    at_once, apart = project_of(make_project, engine), project_of(make_project, engine)
    play(at_once)
    for _ in range(10):
        play(apart, rounds=1)
    assert len(versions(at_once)) >= 4
    assert versions(apart) == versions(at_once)
    assert contents(apart) == contents(at_once)


def test_another_process_goes_on_with_the_same_bank(make_project: MakeProject) -> None:
    engine = "nn, median estimated"
    at_once, apart = project_of(make_project, engine), project_of(make_project, engine)
    play(at_once)
    play(apart, rounds=2)
    done = insgen("run", apart, "--quiet")
    assert done.code == 0, done.stderr
    assert versions(apart) == versions(at_once)
    assert contents(apart) == contents(at_once)


@engines
def test_the_database_alone_gives_the_same_bank_elsewhere(make_project: MakeProject, engine: str) -> None:
    stayed, moved = project_of(make_project, engine), project_of(make_project, engine)
    play(stayed)
    play(moved, rounds=2)
    other = moved.parent / "elsewhere"
    other.mkdir()
    for name in ("insgen.toml", "data.jsonl", "insgen.db"):
        shutil.copy(moved / name, other / name)
    shutil.rmtree(moved)
    play(other)
    assert versions(other) == versions(stayed)
    assert contents(other) == contents(stayed)


def test_each_version_keeps_the_state_it_was_left_with(make_project: MakeProject) -> None:
    project = project_of(make_project, "nn")
    play(project)
    states = [json.loads(row[-1]) for row in versions(project)]
    assert [state["format"] for state in states] == ["pibe 2"] * len(states)
    assert [state["median"] is None for state in states] == [True] + [False] * (len(states) - 1)
    for version, state in enumerate(states, start=1):
        ranked = query(
            project,
            "SELECT diversity, quality FROM bank_events WHERE version = ? AND event != 'evicted' ORDER BY rank",
            version,
        )
        low, high = state["quality_range"]
        assert all(low <= quality <= high for _, quality in ranked)
        assert all(0 <= diversity <= 1 for diversity, _ in ranked)
        assert state["rep_range"][0] < state["rep_range"][1]
        assert state["engine"] == "nn"


def test_a_rollback_brings_back_the_state_of_its_version(make_project: MakeProject) -> None:
    straight, detour = project_of(make_project, "nn"), project_of(make_project, "nn")
    play(straight, rounds=2)
    play(detour, rounds=2)
    store = open_store(detour / "insgen.db")
    with store.atomic() as conn:
        members.roll_back(conn, 1, "2026-01-01")
        members.roll_back(conn, 2, "2026-01-01")
    store.close()
    play(straight, rounds=1)
    play(detour, rounds=1)
    assert versions(detour)[-1][-1] == versions(straight)[-1][-1]
    assert query(detour, "SELECT candidate_id, utility FROM members ORDER BY rank") == query(
        straight, "SELECT candidate_id, utility FROM members ORDER BY rank"
    )
