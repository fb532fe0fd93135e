"""What questions brought: calls with their seeds, tasks kept, and everything bought for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.llm_project import llm_project, writes
from support.projects import play, query

from insgen.store.database import Store, open_store
from insgen.store.yields import add_notes, has_yields, last_notes, yields

if TYPE_CHECKING:
    from insgen.testing.llm_server import LlmServer


@pytest.fixture
def played(make_project: Callable[..., Path], llm_server: LlmServer) -> Path:
    llm_server.reply = writes
    project = make_project(*llm_project(llm_server, "rounds = 2"))
    play(project)
    return project


def test_every_question_counts_with_its_seeds_and_all_that_was_bought(played: Path) -> None:
    store = open_store(played / "insgen.db")
    found = yields(store.conn)
    store.close()
    asked = query(played, "SELECT count(*) FROM calls WHERE stage LIKE 'generate %'")[0][0]
    assert len(found) == asked == 4
    assert {each.generator for each in found} == {"writer"}
    assert all(len(each.seed_ids) == 2 for each in found)
    assert sum(each.kept for each in found) == query(played, "SELECT count(*) FROM kept")[0][0]
    total, calls = query(played, "SELECT sum(cost_usd), count(*) FROM calls")[0]
    assert sum(each.cost_usd for each in found) == pytest.approx(total)
    assert sum(each.calls for each in found) == pytest.approx(calls)


def test_a_question_whose_answer_held_nothing_counts_too(
    make_project: Callable[..., Path], llm_server: LlmServer
) -> None:
    llm_server.reply = lambda asked: "" if asked.text.startswith("WRITE") else writes(asked)
    project = make_project(*llm_project(llm_server, "rounds = 1"))
    play(project)
    store = open_store(project / "insgen.db")
    assert [(each.kept, len(each.seed_ids)) for each in yields(store.conn)] == [(0, 2), (0, 2)]
    store.close()


def test_only_finished_rounds_count(played: Path) -> None:
    store = open_store(played / "insgen.db")
    with store.atomic() as conn:
        conn.execute("DELETE FROM rounds WHERE round = 2")
    assert {each.round for each in yields(store.conn)} == {1}
    with store.atomic() as conn:
        conn.execute("DELETE FROM rounds")
    assert (yields(store.conn), has_yields(store.conn)) == ([], False)
    store.close()


def test_notes_of_the_newest_round_are_found(store: Store) -> None:
    assert last_notes(store.conn) is None
    with store.atomic() as conn:
        add_notes(conn, 1, "p", [{"a": 1.0}])
        add_notes(conn, 2, "p", [{"a": "x"}])
        add_notes(conn, 3, "p", [])
    assert json.loads(json.dumps(last_notes(store.conn))) == {"round": 2, "policy": "p", "notes": [{"a": "x"}]}
