"""Opening the database: what is refused, and that nothing is changed when it is."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from support.projects import DATA, PLAIN, count, play, rows

from insgen.errors import StoreError
from insgen.store.database import Store, open_reader, open_store
from insgen.store.migrations import APPLICATION_ID, SCHEMA_VERSION


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def refusal(path: Path, opener: Callable[[Path], object] = open_store) -> str:
    with pytest.raises(StoreError) as caught:
        opener(path)
    return str(caught.value)


def other_database(path: Path, *pragmas: str) -> Path:
    conn = sqlite3.connect(path)
    conn.execute("CREATE TABLE notes (text)")
    for pragma in pragmas:
        conn.execute(f"PRAGMA {pragma}")
    conn.commit()
    conn.close()
    return path


def test_a_new_database_is_marked_as_ours_and_safe_against_power_cuts(store: Store) -> None:
    pragma = {
        name: store.conn.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("application_id", "user_version", "journal_mode", "synchronous")
    }
    assert pragma == {
        "application_id": APPLICATION_ID,
        "user_version": SCHEMA_VERSION,
        "journal_mode": "wal",
        "synchronous": 2,
    }


def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "insgen.db"
    open_store(path).close()
    before = digest(path)
    open_store(path).close()
    assert digest(path) == before


def test_an_empty_file_becomes_a_database(tmp_path: Path) -> None:
    (tmp_path / "insgen.db").touch()
    open_store(tmp_path / "insgen.db").close()
    open_reader(tmp_path / "insgen.db").close()


def killed_while_writing(path: Path, *pragmas: str) -> None:
    """Leave what a process leaves that was killed inside a transaction of the old kind: a journal to be undone."""
    draft = other_database(path.with_name(f"draft{len(pragmas)}.db"), *pragmas)
    conn = sqlite3.connect(draft, isolation_level=None)
    conn.execute("PRAGMA cache_size = 2")
    conn.execute("BEGIN")
    for _ in range(100):
        conn.execute("INSERT INTO notes VALUES (hex(zeroblob(3000)))")
    for suffix in ("", "-journal"):
        shutil.copy(f"{draft}{suffix}", f"{path}{suffix}")
    conn.execute("ROLLBACK")
    conn.close()


def test_a_process_killed_while_it_made_the_file_locks_nobody_out(tmp_path: Path) -> None:
    path = tmp_path / "insgen.db"
    killed_while_writing(path, f"application_id = {APPLICATION_ID}")
    store = open_store(path)
    assert store.conn.execute("SELECT count(*) FROM notes").fetchone() == (0,)
    assert store.conn.execute("SELECT count(*) FROM rounds").fetchone() == (0,)
    store.close()
    killed_while_writing(path, f"application_id = {APPLICATION_ID}", f"user_version = {SCHEMA_VERSION}")
    open_reader(path).close()


@pytest.mark.parametrize("opener", [open_store, open_reader])
@pytest.mark.parametrize(
    ("make", "parts"),
    [
        (
            lambda path: path.write_bytes(b"A letter to a friend. " * 99),
            ("file is not a database", "Expected an insgen database"),
        ),
        (lambda path: path.write_bytes(b"short"), ("file is not a database",)),
        (lambda path: other_database(path), ("an SQLite file, but not insgen's", "Name another project folder")),
        (lambda path: other_database(path, "application_id = 1234"), ("not insgen's",)),
        (
            lambda path: other_database(
                path, f"application_id = {APPLICATION_ID}", f"user_version = {SCHEMA_VERSION + 1}"
            ),
            (
                "written by a newer insgen",
                f"schema {SCHEMA_VERSION + 1}; this one knows {SCHEMA_VERSION}",
                "pip install -U insgen",
            ),
        ),
    ],
    ids=["letter", "short", "other", "marked", "future"],
)
def test_a_file_that_is_not_ours_is_refused_and_left_as_it_was(
    tmp_path: Path, opener: Callable[[Path], object], make: Callable[[Path], object], parts: tuple[str, ...]
) -> None:
    path = tmp_path / "insgen.db"
    make(path)
    before = digest(path)
    message = refusal(path, opener)
    for part in (str(path), "othing was changed", *parts):
        assert part in message
    assert digest(path) == before
    path.unlink()
    open_store(path).close()  # the lock was given back


def test_an_empty_database_of_another_application_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "insgen.db"
    conn = sqlite3.connect(path)
    conn.execute("PRAGMA application_id = 1234")
    conn.execute("PRAGMA user_version = 1")
    conn.close()
    assert "not insgen's" in refusal(path)


def test_a_reader_of_an_older_schema_says_how_to_bring_it_up_to_date(tmp_path: Path) -> None:
    path = other_database(tmp_path / "insgen.db", f"application_id = {APPLICATION_ID}", "user_version = 0")
    message = refusal(path, open_reader)
    for part in ("written by an older insgen", "schema 0", f"`insgen run {tmp_path}`"):
        assert part in message


def test_a_reader_of_nothing_says_what_to_call_first(tmp_path: Path) -> None:
    message = refusal(tmp_path / "insgen.db", open_reader)
    for part in ("There is no database", f"`insgen run {tmp_path}`"):
        assert part in message
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_refused_and_not_made(tmp_path: Path) -> None:
    message = refusal(tmp_path / "typo" / "insgen.db")
    for part in (f"There is no folder {tmp_path / 'typo'}", f"`insgen init {tmp_path / 'typo'}`"):
        assert part in message
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_databases_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "insgen.db").mkdir()
    for opener in (open_store, open_reader):
        assert "insgen.db is a folder" in refusal(tmp_path / "insgen.db", opener)


def test_a_torn_file_is_refused(make_project: Callable[..., Path]) -> None:
    project = make_project(DATA + PLAIN, {"data.jsonl": rows(40)})
    play(project)
    path = project / "insgen.db"
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xaa" * (len(whole) - 4096))
    torn = digest(path)
    with pytest.raises(StoreError) as caught:
        play(project)
    for part in (str(path), "malformed", "The file is damaged", "Restore a backup", ".recover"):
        assert part in str(caught.value)
    assert digest(path) == torn


def test_damage_that_shows_only_while_reading_is_told_as_damage(make_project: Callable[..., Path]) -> None:
    project = make_project("[loop]\nbatch = 20\n" + DATA + PLAIN, {"data.jsonl": rows(60)})
    play(project, rounds=1)
    path = project / "insgen.db"
    conn = sqlite3.connect(path)
    root, size = conn.execute("SELECT rootpage FROM sqlite_master WHERE name = 'rounds'").fetchone()[0], 4096
    conn.close()
    data = bytearray(path.read_bytes())
    data[(root - 1) * size : root * size] = b"\xaa" * size
    path.write_bytes(data)
    with pytest.raises(StoreError, match="malformed"):
        play(project)


def test_a_lock_held_by_another_program_is_told_after_the_wait(make_project: Callable[..., Path]) -> None:
    project = make_project(DATA + PLAIN, {"data.jsonl": rows(5)})
    play(project)
    before = count(project, "runs")
    other = sqlite3.connect(project / "insgen.db", isolation_level=None)
    store = open_store(project / "insgen.db", busy_timeout_ms=50)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreError) as caught, store.atomic() as conn:
        conn.execute("INSERT INTO runs (started_utc, config, config_hash, plugins) VALUES ('', '', '', '')")
    for part in ("database is locked", "Another program has held the database for too long", "call the command again"):
        assert part in str(caught.value)
    other.execute("ROLLBACK")
    assert count(project, "runs") == before
    with store.atomic() as conn:
        conn.execute("DELETE FROM runs")
    store.close()
    other.close()


def test_a_database_locked_from_the_start_is_told_and_the_writers_lock_given_back(tmp_path: Path) -> None:
    path = tmp_path / "insgen.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    other.execute("CREATE TABLE t (x)")
    with pytest.raises(StoreError, match="database is locked"):
        open_store(path, busy_timeout_ms=50)
    other.execute("ROLLBACK")
    other.close()
    open_store(path, busy_timeout_ms=50).close()
