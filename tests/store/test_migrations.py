"""The schema of every release is reached, and left, by migrations alone."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlite_utils import Database

from insgen.store.database import Store, open_reader, open_store
from insgen.store.migrations import SCHEMA_VERSION, insgen_migrations

DUMPS = Path(__file__).parents[1] / "data"


def schema(conn: sqlite3.Connection) -> list[str]:
    """Tables, indexes and views of insgen, as SQLite keeps them."""
    rows = conn.execute(
        "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE '%migrations%' ORDER BY type, name"
    )
    return [row[0] for row in rows]


def test_the_newest_schema_is_the_stored_dump(store: Store) -> None:
    dump = sqlite3.connect(":memory:")
    dump.executescript((DUMPS / f"schema-{SCHEMA_VERSION}.sql").read_text())
    assert schema(store.conn) == schema(dump)
    dump.close()


def test_every_released_schema_has_a_dump() -> None:
    assert sorted(path.name for path in DUMPS.glob("schema-*.sql")) == [
        f"schema-{n + 1}.sql" for n in range(SCHEMA_VERSION)
    ]


def test_the_version_counts_the_steps(store: Store) -> None:
    db = Database(store.conn)
    applied = [migration.name for migration in insgen_migrations().applied(db)]
    assert len(applied) == SCHEMA_VERSION
    assert applied == sorted(applied)
    assert insgen_migrations().pending(db) == []


def test_an_interrupted_creation_is_done_again(tmp_path: Path) -> None:
    path = tmp_path / "insgen.db"
    conn = sqlite3.connect(path)
    conn.execute("PRAGMA journal_mode = WAL")  # what a process killed before its first commit leaves
    conn.close()
    store = open_store(path)
    complete = schema(store.conn)
    store.close()
    reader = open_reader(path)
    assert schema(reader) == complete
    assert len(complete) > 20
    reader.close()


def test_views_answer_on_an_empty_project(store: Store) -> None:
    views = [row[0] for row in store.conn.execute("SELECT name FROM sqlite_master WHERE type = 'view'")]
    assert sorted(views) == ["v_bank", "v_costs", "v_fate", "v_rounds"]
    for view in views:
        assert store.conn.execute(f"SELECT * FROM {view}").fetchall() == []
