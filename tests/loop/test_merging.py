"""Merges: what comes along, what is resolved, what is refused."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from support.cli import SMALL
from support.projects import EMBED, contents, file_hashes, play, plugin, query, rows, versions

from insgen.errors import ConfigError, DataError, StoreError
from insgen.loop.merging import merge
from insgen.loop.replay import replay
from insgen.store.database import open_reader
from insgen.store.versions import version_rows

Make = Callable[..., Path]
Row = dict[str, str]


def project(make: Make, data: Sequence[Row], toml: str = SMALL, name: str = "mine") -> Path:
    folder = make(f'[project]\nname = "{name}"\n' + toml, {"data.jsonl": data})
    play(folder)
    return folder


@pytest.fixture
def mine(make_project: Make) -> Path:
    return project(make_project, rows(40))


@pytest.fixture
def theirs(make_project: Make) -> Path:
    return project(make_project, rows(40, seed=2), name="theirs")


def facts(folder: Path, id_: str) -> dict[str, list[tuple[object, ...]]]:
    """What is known about a candidate wherever it is: no rounds, no rows of places."""
    return {
        "text": query(folder, "SELECT instruction, input, output, turns, system FROM candidates WHERE id = ?", id_),
        "origin": query(
            folder,
            "SELECT generator, source, line_start, line_end, licence, kind FROM proposals WHERE candidate_id = ?"
            " AND first",
            id_,
        ),
        "verdicts": query(
            folder, "SELECT filter, version, kept, measure, value FROM verdicts WHERE candidate_id = ?", id_
        ),
        "scores": query(
            folder, "SELECT scorer, version, value, low, high, weight, parts FROM scores WHERE candidate_id = ?", id_
        ),
        "vector": query(folder, "SELECT model, vector FROM vectors WHERE candidate_id = ?", id_),
    }


def test_members_come_with_all_their_facts_and_everyone_is_ranked(mine: Path, theirs: Path) -> None:
    theirs_before = file_hashes(theirs)
    merged = merge(mine, theirs)

    assert (merged.source, merged.looked_at, merged.new, merged.version) == ("theirs", 10, 10, 2)
    assert (merged.repeated, merged.duplicates, merged.waiting, merged.conflicts) == (0, 0, 0, [])
    assert 0 < len(merged.admitted) == len(merged.evicted) < 10
    assert versions(mine)[-1][1:3] == (2, "merge of theirs")
    for (id_,) in query(theirs, "SELECT candidate_id FROM members"):
        assert facts(mine, str(id_)) == facts(theirs, str(id_))
    assert file_hashes(theirs) == theirs_before


def test_the_ranking_is_the_selectors_over_members_and_newcomers(make_project: Make) -> None:
    """With the selector `quality`, the bank is the best of both by quality."""
    by_quality = SMALL.replace("k_center", "quality")
    mine, theirs = (project(make_project, rows(40, seed), by_quality, str(seed)) for seed in (1, 2))
    both = [row for each in (mine, theirs) for row in query(each, "SELECT quality, candidate_id FROM members")]

    merge(mine, theirs)

    best = sorted((quality for quality, _ in both), reverse=True)[:10]
    assert [quality for (quality,) in query(mine, "SELECT quality FROM members ORDER BY rank")] == pytest.approx(best)


def test_where_they_came_from_can_be_told(mine: Path, theirs: Path) -> None:
    merged = merge(mine, theirs)

    [(source, options)] = query(
        mine,
        "SELECT a.source, a.options FROM proposals p JOIN arrivals a ON a.id = p.arrival_id WHERE p.candidate_id = ?",
        merged.admitted[0],
    )
    assert source == "merge of theirs"
    assert json.loads(str(options)) == {
        "database": str(theirs / "insgen.db"),
        "project": "theirs",
        "bank_version": "1",
    }


def test_kept_brings_what_the_other_bank_had_no_room_for(mine: Path, theirs: Path) -> None:
    [(kept,)] = query(theirs, "SELECT count(*) FROM kept")

    assert merge(mine, theirs, everything=True).new == kept > 10


def test_evicted_members_and_older_versions_stay(mine: Path, theirs: Path) -> None:
    with closing(open_reader(mine / "insgen.db")) as conn:
        before = version_rows(conn, 1)
    merged = merge(mine, theirs)

    with closing(open_reader(mine / "insgen.db")) as conn:
        after = version_rows(conn, 1)
    assert [{**row, "now": None} for row in after["members"]] == [{**row, "now": None} for row in before["members"]]
    assert {row["id"] for row in after["members"] if row["now"] is None} == set(merged.evicted)


def test_a_second_merge_brings_nothing_and_changes_nothing(mine: Path, theirs: Path) -> None:
    merge(mine, theirs)
    before = contents(mine)
    again = merge(mine, theirs)

    assert (again.repeated, again.new, again.version) == (10, 0, None)
    assert contents(mine) == before


def test_runs_and_replays_go_on_after_a_merge(make_project: Make) -> None:
    pibe = SMALL.replace("k_center", "pibe")
    mine, theirs = (project(make_project, rows(40, seed), pibe, str(seed)) for seed in (1, 2))
    merge(mine, theirs)
    late = mine / "late.jsonl"
    late.write_text("".join(json.dumps(row) + "\n" for row in rows(20, seed=3)))
    play(mine, 'generate.dataset.paths=["data.jsonl", "late.jsonl"]')

    assert [row[1:3] for row in versions(mine)] == [(1, "round"), (2, "merge of 2"), (3, "round")]
    assert replay(mine, []).new["rounds"] == 3


def test_answers_come_along(make_project: Make) -> None:
    responder = (
        "def respond(self, candidates, llm, prompts):\n"
        '    return [Answer(each.id, "An answer at length to: " + each.instruction * 3) for each in candidates]'
    )
    config = 'plugins = ["./rogue.py"]\n[respond]\nuse = "rogue"\n' + SMALL
    theirs = make_project(
        config,
        {
            "data.jsonl": [{"instruction": row["instruction"]} for row in rows(20, seed=2)],
            "rogue.py": plugin(responder, "insgen_responders"),
        },
    )
    play(theirs)
    mine = project(make_project, rows(20))
    merged = merge(mine, theirs)

    assert merged.new == 10
    said = dict(query(theirs, "SELECT id, output FROM v_bank"))
    assert all(said.values())
    came = dict(query(mine, "SELECT candidate_id, output FROM answers"))
    assert came == said
    assert {
        id_: text for id_, text in query(mine, "SELECT id, output FROM v_bank") if id_ in said
    }.items() <= said.items()


def test_same_question_with_another_answer_is_resolved_and_listed(make_project: Make) -> None:
    mine = project(make_project, rows(20))
    [(instruction,)] = query(mine, "SELECT instruction FROM v_bank WHERE rank = 1")
    other = {"instruction": str(instruction).upper(), "output": "Quite another answer, with words of its own. " * 3}
    theirs = project(make_project, [other, *rows(20, seed=2)], name="theirs")
    merged = merge(mine, theirs, everything=True)

    found = [each for each in merged.conflicts if each.what == "answer" and each.instruction == other["instruction"]]
    assert len(found) == 1
    assert found[0].theirs == other["output"].strip()
    assert merged.duplicates >= 1
    [(fate, reason)] = query(mine, "SELECT fate, reason FROM candidates WHERE id = ?", found[0].id)
    assert (fate, reason) == ("rejected", "merge: exact duplicate")
    [(neighbour,)] = query(
        mine, "SELECT neighbour FROM verdicts WHERE candidate_id = ? AND filter = 'merge'", found[0].id
    )
    assert neighbour == found[0].here


def test_same_text_with_another_score_or_fate_is_listed_and_ours_stands(make_project: Make) -> None:
    data = rows(20)
    mine, theirs = (project(make_project, data, name=name) for name in ("mine", "theirs"))
    scored, dropped = (str(row[0]) for row in query(mine, "SELECT candidate_id FROM members ORDER BY rank LIMIT 2"))
    with closing(sqlite3.connect(theirs / "insgen.db")) as conn, conn:
        conn.execute("UPDATE scores SET value = 0.125, version = '9' WHERE candidate_id = ?", (scored,))
    with closing(sqlite3.connect(mine / "insgen.db")) as conn, conn:
        conn.execute("UPDATE candidates SET fate = 'rejected', reason = 'by hand' WHERE id = ?", (dropped,))
    before = contents(mine)
    merged = merge(mine, theirs)

    told = {(each.id, each.what): (each.ours, each.theirs) for each in merged.conflicts}
    assert told[scored, "score heuristic"][1] == "0.125 of 0 to 1 (version 9)"
    assert told[dropped, "fate"] == ("rejected (by hand)", "kept")
    assert len(told) == 2
    assert contents(mine) == before


def test_candidates_without_our_scorers_score_wait_for_the_next_run(make_project: Make) -> None:
    mine = project(make_project, rows(40))
    unscored = SMALL.replace('[[score]]\nuse = "heuristic"\n', "")
    theirs = project(make_project, rows(40, seed=2), unscored, "theirs")
    before = query(mine, "SELECT * FROM members")
    merged = merge(mine, theirs)

    assert (merged.new, merged.waiting, merged.version) == (0, 10, None)
    assert query(mine, "SELECT * FROM members") == before
    play(mine)
    assert query(mine, "SELECT count(*) FROM scores WHERE round = 3") == [(10,)]


def test_itself_is_refused_under_any_name(mine: Path, tmp_path: Path) -> None:
    link, twin = tmp_path / "link", tmp_path / "twin.db"
    link.symlink_to(mine)
    os.link(mine / "insgen.db", twin)
    before = file_hashes(mine)

    for other in (mine, mine / "insgen.db", link, twin):
        with pytest.raises(ConfigError, match="is this project itself"):
            merge(mine, other)
    assert file_hashes(mine) == before


def test_another_embedding_model_is_refused_with_the_way_out(mine: Path, make_project: Make) -> None:
    other_model = SMALL.replace(EMBED, EMBED.replace("64", "32"))
    theirs = project(make_project, rows(20, seed=2), other_model)
    before = contents(mine)

    with pytest.raises(ConfigError, match=r"hashing-v1:32.*hashing-v1:64") as refused:
        merge(mine, theirs)
    assert "insgen embed --migrate" in str(refused.value)
    assert contents(mine) == before


def test_another_schema_is_refused(mine: Path, theirs: Path) -> None:
    with closing(sqlite3.connect(theirs / "insgen.db")) as conn:
        conn.execute("PRAGMA user_version = 99")

    with pytest.raises(StoreError, match="newer insgen"):
        merge(mine, theirs)


@pytest.mark.parametrize("kind", ["text", "sqlite", "nothing", "empty"])
def test_what_is_no_filled_bank_is_refused(mine: Path, make_project: Make, tmp_path: Path, kind: str) -> None:
    other = tmp_path / "other.db"
    if kind == "text":
        other.write_text("not a database, but long enough to be looked at " * 50)
    elif kind == "sqlite":
        with closing(sqlite3.connect(other)) as conn:
            conn.execute("CREATE TABLE t (x)")
    elif kind == "empty":
        other = make_project(SMALL, {"data.jsonl": [{"instruction": "short", "output": "too short"}]})
        play(other)
    before = contents(mine)

    with pytest.raises((StoreError, ConfigError)):
        merge(mine, other)
    assert contents(mine) == before


@pytest.mark.parametrize("damage", [np.full(64, np.nan), np.zeros(64), np.ones(3)])
def test_a_damaged_vector_is_refused_and_nothing_is_merged(mine: Path, theirs: Path, damage: np.ndarray) -> None:
    broken = theirs.with_name("broken")
    shutil.copytree(theirs, broken)
    with closing(sqlite3.connect(broken / "insgen.db")) as conn, conn:
        conn.execute(
            "UPDATE vectors SET vector = ? WHERE candidate_id = (SELECT candidate_id FROM members WHERE rank = 3)",
            (damage.astype("<f4").tobytes(),),
        )
    before = contents(mine)

    with pytest.raises(DataError, match="L2 norm"):
        merge(mine, broken)
    assert contents(mine) == before
