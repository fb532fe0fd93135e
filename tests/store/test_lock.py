"""One writer at a time: real processes that hold the lock, leave it, or are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from insgen.errors import StoreError
from insgen.store.database import open_reader, open_store

HOLD = """
import sys
from pathlib import Path
from insgen.store.database import open_store
held = open_store(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@dataclass
class Holder:
    """Another process that writes to a project."""

    process: subprocess.Popen[str]
    database: Path

    @property
    def note(self) -> Path:
        return self.database.with_name("insgen.db.writer")


@contextmanager
def holding(database: Path) -> Iterator[Holder]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield Holder(process, database)
        process.kill()


@pytest.fixture(scope="module")
def holder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Holder]:
    """One process for all tests that only look at it."""
    with holding(tmp_path_factory.mktemp("held") / "insgen.db") as held:
        yield held


def test_a_second_writer_is_refused_with_the_firsts_pid_and_duration(holder: Holder) -> None:
    held = json.loads(holder.note.read_text())
    assert held["pid"] == holder.process.pid
    holder.note.write_text(
        json.dumps({**held, "since": held["since"] - 3725})
    )  # as if an hour and two minutes had passed
    with pytest.raises(StoreError) as caught:
        open_store(holder.database)
    for part in (
        f"insgen.db is in use: process {holder.process.pid} has been writing to it for 1 h 2 min",
        "one writer at a time",
        "reading (status, why, sql, bank, export) works meanwhile",
        "Wait for it, or stop that process",
    ):
        assert part in str(caught.value)


def test_a_refused_writer_leaves_the_first_one_its_lock(holder: Holder) -> None:
    before = holder.note.read_text()
    for _ in range(2):
        with pytest.raises(StoreError, match="is in use"):
            open_store(holder.database)
    assert holder.note.read_text() == before
    assert holder.process.poll() is None


@pytest.mark.parametrize("text", ["", "not json", "{}", "[]"])
def test_a_holder_that_has_not_said_who_it_is_is_told_so(holder: Holder, text: str) -> None:
    before = holder.note.read_text()
    holder.note.write_text(text)
    with pytest.raises(StoreError, match="another process has just begun writing to it"):
        open_store(holder.database)
    holder.note.write_text(before)


def test_readers_work_meanwhile(holder: Holder) -> None:
    reader = open_reader(holder.database)
    assert reader.execute("SELECT count(*) FROM runs").fetchone()[0] == 0
    reader.close()


def test_a_killed_holder_leaves_no_lock(tmp_path: Path) -> None:
    with holding(tmp_path / "insgen.db") as held:
        held.process.send_signal(signal.SIGKILL)
        held.process.wait()
        assert held.note.exists()  # nobody was there to take it away
        store = open_store(held.database)
        assert json.loads(held.note.read_text())["pid"] == os.getpid()
        store.close()
        assert not held.note.exists()


def test_the_lock_is_one_for_all_names_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "project")
    (tmp_path / "other").mkdir()
    store = open_store(tmp_path / "project" / "insgen.db")
    (tmp_path / "other" / "insgen.db").symlink_to(tmp_path / "project" / "insgen.db")
    for name in ("link", "other"):
        with pytest.raises(StoreError, match=f"process {os.getpid()} has been writing"):
            open_store(tmp_path / name / "insgen.db")
    store.close()


@pytest.mark.parametrize(("seconds", "said"), [(-5, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (3600, "1 h 0 min")])
def test_durations_are_told_in_peoples_units(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: int, said: str
) -> None:
    store = open_store(tmp_path / "insgen.db")
    since = json.loads((tmp_path / "insgen.db.writer").read_text())["since"]
    monkeypatch.setattr("time.time", lambda: since + seconds)
    with pytest.raises(StoreError, match=f"for {said}\\."):
        open_store(tmp_path / "insgen.db")
    store.close()
