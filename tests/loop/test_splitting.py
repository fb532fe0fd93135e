"""Splits: members that meet a condition become a project of their own, with all that is known about them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.cli import SMALL
from support.projects import file_hashes, play, query, rows, versions

from insgen.errors import ConfigError
from insgen.loop.merging import merge
from insgen.loop.splitting import split

Make = Callable[..., Path]


@pytest.fixture
def project(make_project: Make) -> Path:
    name = '[project]\nname = "whole"\n'
    folder = make_project(name + SMALL, {"data.jsonl": rows(60), "seeds.jsonl": rows(2, seed=8)})
    play(folder)
    return folder


def test_members_go_along_in_their_order_with_their_facts(project: Path, tmp_path: Path) -> None:
    before = file_hashes(project)
    done = split(project, tmp_path / "part", "rank % 2 = 0")

    assert (done.members, done.of) == (5, 10)
    wanted = "SELECT id, diversity, quality, utility, generator, source, line_start FROM v_bank"
    assert query(done.path, wanted) == query(project, f"{wanted} WHERE rank % 2 = 0")
    assert query(done.path, "SELECT rank FROM members ORDER BY rank") == [(rank,) for rank in range(1, 6)]
    for table, columns in {
        "scores": "candidate_id, scorer, version, value, parts",
        "verdicts": "candidate_id, filter, version, value, neighbour",
        "vectors": "candidate_id, model, vector",
    }.items():
        there = query(project, f"SELECT {columns} FROM {table} WHERE candidate_id IN (SELECT id FROM v_bank)")
        assert query(done.path, f"SELECT {columns} FROM {table}")
        assert set(query(done.path, f"SELECT {columns} FROM {table}")) <= set(there)
    assert versions(done.path)[0][1:3] == (1, "split of whole")
    assert file_hashes(project) == before


def test_new_project_runs_on(project: Path, tmp_path: Path) -> None:
    done = split(project, tmp_path / "part", "rank <= 3")
    (done.path / "data.jsonl").write_text((project / "data.jsonl").read_text())

    assert play(done.path).counters["members"] == 10
    assert query(done.path, "SELECT count(*) FROM seeds") == [(2,)]


def test_parts_can_be_merged_again(project: Path, tmp_path: Path) -> None:
    parts = [split(project, tmp_path / name, where).path for name, where in (("a", "rank < 4"), ("b", "rank >= 4"))]
    merged = merge(*parts)

    assert (merged.members, merged.new, merged.conflicts) == (10, 7, [])
    members = "SELECT candidate_id FROM members ORDER BY candidate_id"
    assert query(parts[0], members) == query(project, members)


@pytest.mark.parametrize(
    "where",
    ["no_such_column = 1", "rank <", "1); DELETE FROM members; --", "rank = 99", "id IN (DELETE FROM members)", ""],
)
def test_condition_that_cannot_be_met_or_read_leaves_nothing_behind(project: Path, tmp_path: Path, where: str) -> None:
    before = file_hashes(tmp_path)

    with pytest.raises(ConfigError):
        split(project, tmp_path / "part", where)
    assert file_hashes(tmp_path) == before


def test_comment_ends_with_the_condition(project: Path, tmp_path: Path) -> None:
    assert split(project, tmp_path / "part", "rank < 3 -- the best").members == 2


def test_place_that_is_taken_is_refused(project: Path, tmp_path: Path) -> None:
    (tmp_path / "part").mkdir()

    with pytest.raises(ConfigError, match="is there already"):
        split(project, tmp_path / "part", "rank < 3")


def test_folder_that_cannot_be_made_is_refused(project: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Cannot make a project"):
        split(project, tmp_path / "no" / "such" / "part", "rank < 3")
