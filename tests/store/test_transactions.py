"""All of a block or nothing: errors, interrupts, a full disk, and readers meanwhile."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from support.projects import DATA, FILTERS, PLAIN, SCORE, contents, play, rounds_played, rows, versions

from insgen.errors import StoreError
from insgen.loop.assemble import Assembly
from insgen.store.database import Store, open_reader

TOML = "[loop]\nbatch = 20\n" + DATA + FILTERS + SCORE + PLAIN
INSERT = "INSERT INTO runs (started_utc, config, config_hash, plugins) VALUES ('', '{}', '', '{}')"


def n_runs(conn: sqlite3.Connection) -> int:
    return int(conn.execute("SELECT count(*) FROM runs").fetchone()[0])


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_block_that_fails_leaves_nothing(store: Store, error: type[BaseException]) -> None:
    with pytest.raises(error), store.atomic() as conn:  # noqa: PT012 - the block is what is tested
        conn.execute(INSERT)
        raise error
    assert n_runs(store.conn) == 0
    assert not store.conn.in_transaction


def test_faults_of_our_own_statements_are_not_dressed_up(store: Store) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such table"), store.atomic() as conn:  # noqa: PT012
        conn.execute(INSERT)
        conn.execute("INSERT INTO nowhere VALUES (1)")
    assert n_runs(store.conn) == 0


def test_a_block_that_reads_first_cannot_be_overtaken_by_another_writer(store: Store) -> None:
    other = sqlite3.connect(store.path, timeout=0, isolation_level=None)
    with store.atomic() as conn:
        assert n_runs(conn) == 0
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute(INSERT)
        conn.execute(INSERT)
    other.execute(INSERT)
    assert n_runs(store.conn) == 2
    other.close()


def test_readers_see_whole_rounds_only(store: Store) -> None:
    reader = open_reader(store.path)
    with store.atomic() as conn:
        conn.execute(INSERT)
        assert n_runs(reader) == 0
    assert n_runs(reader) == 1
    reader.close()


def test_a_long_read_does_not_hold_up_the_writer(store: Store) -> None:
    with store.atomic() as conn:
        conn.execute(INSERT)
    reader = open_reader(store.path)
    reader.execute("BEGIN")
    assert n_runs(reader) == 1
    for _ in range(3):
        with store.atomic() as conn:
            conn.execute(INSERT)
    assert n_runs(reader) == 1  # its snapshot
    reader.execute("COMMIT")
    assert n_runs(reader) == 4
    reader.close()


def test_a_reader_cannot_write(store: Store) -> None:
    reader = open_reader(store.path)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute(INSERT)
    reader.close()


def full_at(project: Path, more_pages: int) -> None:
    """Play as if the disk were full after so many more pages."""
    with Assembly(project).open() as run:
        store = run.player.store
        pages = store.conn.execute("PRAGMA page_count").fetchone()[0]
        store.conn.execute(f"PRAGMA max_page_count = {pages + more_pages}")
        run.play()


@pytest.mark.parametrize("more_pages", [0, 3, 9])
def test_a_full_disk_undoes_the_round_and_the_next_run_goes_on(
    make_project: Callable[..., Path], more_pages: int
) -> None:
    files = {"data.jsonl": rows(60)}
    undisturbed, project = make_project(TOML, files), make_project(TOML, files)
    play(undisturbed)
    play(project, rounds=1)
    before = contents(
        project, ["candidates", "proposals", "verdicts", "scores", "kept", "members", "bank_events", "rounds"]
    )
    with pytest.raises(StoreError) as caught:
        full_at(project, more_pages)
    for part in (
        str(project / "insgen.db"),
        "database or disk is full",
        "The step was undone",
        "Free some space",
        "`insgen run` again",
    ):
        assert part in str(caught.value)
    after = contents(project, before)
    n_rounds = len(after["rounds"])
    assert n_rounds < 3
    if n_rounds == 1:
        assert after == before
    play(project)
    assert contents(project) == contents(undisturbed)
    assert (rounds_played(project), versions(project)) == (rounds_played(undisturbed), versions(undisturbed))
