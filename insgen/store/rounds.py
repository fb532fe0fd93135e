"""Runs and rounds: what was started, where each generator stands, why it stopped."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True)
class RoundRow:
    """One finished round, as stored; counts are of candidates.

    :ivar proposed: all proposals, repeats included; the parts are repeated, rejected, unanswered, unscored, kept,
        deferred.
    :ivar deferred: proposals that wait again, because nothing could be bought for them or the target is reached.
    :ivar unreadable: rows or parts of answers that were no candidate; not among the proposed.
    :ivar members: size of the bank afterwards.
    """

    round: int
    run_id: int
    finished_utc: str
    duration_ms: int
    proposed: int
    repeated: int
    unreadable: int
    rejected: int
    unanswered: int
    unscored: int
    kept: int
    deferred: int
    admitted: int
    evicted: int
    members: int


@dataclass(frozen=True)
class Position:
    """Where a stage that reads on stands after a round.

    :ivar stage: ``generate``, ``feedback`` or ``seeds`` (whose position is the seed policy's state).
    :ivar ordinal: its place in the config, from 0.
    :ivar position: opaque text, handed back to it next time.
    """

    stage: str
    ordinal: int
    name: str
    position: str
    exhausted: bool


def now_utc() -> str:
    """The time as the store keeps it: ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def start_run(
    conn: sqlite3.Connection, started_utc: str, config: Mapping[str, Any], config_hash: str, plugins: Mapping[str, str]
) -> int:
    """Record the beginning of a run.

    :param plugins: stage -> plugin and version.
    :returns: its id.
    """
    cursor = conn.execute(
        "INSERT INTO runs (started_utc, config, config_hash, plugins) VALUES (?,?,?,?)",
        (started_utc, json.dumps(config, ensure_ascii=False), config_hash, json.dumps(plugins)),
    )
    assert cursor.lastrowid is not None  # noqa: S101 - an INSERT always has one
    return cursor.lastrowid


def finish_run(conn: sqlite3.Connection, run_id: int, finished_utc: str, reason: str) -> None:
    """Record the end of a run and why it stopped."""
    conn.execute("UPDATE runs SET finished_utc = ?, reason = ? WHERE id = ?", (finished_utc, reason, run_id))


def last_round(conn: sqlite3.Connection) -> int:
    """The newest finished round; 0 before the first."""
    return int(conn.execute("SELECT coalesce(max(round), 0) FROM rounds").fetchone()[0])


def add_round(conn: sqlite3.Connection, row: RoundRow) -> None:
    """Record a finished round."""
    names = [field.name for field in fields(row)]
    conn.execute(f"INSERT INTO rounds ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})", astuple(row))  # noqa: S608 - our own names


def add_positions(conn: sqlite3.Connection, round_: int, positions: Iterable[Position]) -> None:
    """Record where the stages stand; those of a round that was begun before, and killed, are told anew."""
    conn.executemany(
        "INSERT OR REPLACE INTO positions VALUES (?,?,?,?,?,?)",
        ((round_, p.stage, p.ordinal, p.name, p.position, int(p.exhausted)) for p in positions),
    )


def last_positions(conn: sqlite3.Connection, stage: str, names: Sequence[str]) -> list[Position]:
    """Where stages stand, in the config's order; one that never ran (or whose place another had) begins anew.

    :param names: the stages of that kind, in the config's order.
    """
    found = []
    for ordinal, name in enumerate(names):
        row = conn.execute(
            "SELECT position, exhausted FROM positions WHERE stage = ? AND ordinal = ? AND name = ? ORDER"
            " BY round DESC LIMIT 1",
            (stage, ordinal, name),
        ).fetchone()
        found.append(Position(stage, ordinal, name, row[0] if row else "", bool(row[1]) if row else False))
    return found


def rows_since(conn: sqlite3.Connection, run_id: int, n: int) -> list[RoundRow]:
    """The newest finished rounds of the runs after one, oldest first.

    :param run_id: rounds of this run and of those before it are left out; 0 = none is.
    :param n: at most so many; -1 = all.
    """
    names = ", ".join(field.name for field in fields(RoundRow))
    found = conn.execute(f"SELECT {names} FROM rounds WHERE run_id > ? ORDER BY round DESC LIMIT ?", (run_id, n))  # noqa: S608 - our own names
    return [RoundRow(*row) for row in reversed(found.fetchall())]


def stopped_run(conn: sqlite3.Connection, before: int, marks: Sequence[str]) -> int:
    """The newest run before one whose reason for stopping holds any of some texts; 0 when there is none."""
    for run_id, reason in conn.execute(
        "SELECT id, reason FROM runs WHERE id < ? AND reason != '' ORDER BY id DESC", (before,)
    ):
        if any(mark in reason for mark in marks):
            return int(run_id)
    return 0
