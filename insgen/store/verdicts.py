"""Human verdicts and labels of pairs, as signals: what was said, and taking it back.

A verdict is the signal ``verdict`` (+1 accepted, -1 rejected) about a candidate; a label of a pair is the signal
``distinct:ID`` about a candidate (+1: something else than the candidate ID, -1: the same). Source is the reviewer.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from insgen.records import CandidateId, Signal
from insgen.store import feedback

VERDICT, DISTINCT = "verdict", "distinct:"


@dataclass(frozen=True)
class Said:
    """One verdict, and what stood in its place before.

    :ivar before: value, time, round and version of the earlier one; ``None`` when there was none.
    """

    signal: Signal
    before: tuple[float, float, int, str] | None


@dataclass(frozen=True)
class Requeued:
    """A rejected candidate that waits to be judged again, and how it was before."""

    candidate_id: CandidateId
    arrival_id: int
    proposals: tuple[tuple[int, int | None, int | None], ...]
    fate: str
    reason: str


def say(conn: sqlite3.Connection, round_: int, version: str, signal: Signal) -> Said:
    """Record what a person said, in the place of what the same person said before; call it inside `Store.atomic`."""
    key = (signal.candidate_id, signal.name, signal.source)
    before = conn.execute(
        "SELECT value, time, round, version FROM signals WHERE candidate_id = ? AND text = '' AND name = ?"
        " AND source = ?",
        key,
    ).fetchone()
    feedback.add_signal(conn, round_, version, signal)
    return Said(signal, before)


def unsay(conn: sqlite3.Connection, said: Said) -> None:
    """Take back what was said; call it inside `Store.atomic`."""
    one = said.signal
    key = (one.candidate_id, one.name, one.source)
    where = "candidate_id = ? AND text = '' AND name = ? AND source = ?"
    if said.before is None:
        conn.execute(f"DELETE FROM signals WHERE {where}", key)  # noqa: S608 - a constant
    else:
        conn.execute(f"UPDATE signals SET value = ?, time = ?, round = ?, version = ? WHERE {where}", said.before + key)  # noqa: S608 - a constant


def people_say(conn: sqlite3.Connection) -> dict[CandidateId, float]:
    """For each candidate with verdicts: the accepting ones less the rejecting ones."""
    rows = conn.execute("SELECT candidate_id, sum(value) FROM signals WHERE name = ? GROUP BY candidate_id", (VERDICT,))
    return {CandidateId(id_): float(balance) for id_, balance in rows}


def judge_again(conn: sqlite3.Connection, now_utc: str, id_: CandidateId, source: str) -> Requeued | None:
    """Let a candidate that a filter rejected wait for another judgement; call it inside `Store.atomic`.

    :param source: why, for the arrival.
    :returns: ``None`` when no filter rejected it.
    """
    fate, reason = conn.execute("SELECT fate, reason FROM candidates WHERE id = ?", (id_,)).fetchone()
    if fate != "rejected":
        return None
    rows = conn.execute("SELECT id, round, arrival_id FROM proposals WHERE candidate_id = ? AND first = 1", (id_,))
    proposals = tuple(rows.fetchall())
    arrival = add_arrival(conn, now_utc, source)
    conn.execute(
        "UPDATE proposals SET round = NULL, arrival_id = ? WHERE candidate_id = ? AND first = 1", (arrival, id_)
    )
    conn.execute("UPDATE candidates SET fate = 'waiting', reason = '' WHERE id = ?", (id_,))
    return Requeued(id_, arrival, proposals, fate, reason)


def leave_judged(conn: sqlite3.Connection, requeued: Requeued) -> None:
    """Take `judge_again` back; call it inside `Store.atomic`."""
    for proposal, round_, arrival in requeued.proposals:
        conn.execute("UPDATE proposals SET round = ?, arrival_id = ? WHERE id = ?", (round_, arrival, proposal))
    told = (requeued.fate, requeued.reason, requeued.candidate_id)
    conn.execute("UPDATE candidates SET fate = ?, reason = ? WHERE id = ?", told)
    conn.execute("DELETE FROM arrivals WHERE id = ?", (requeued.arrival_id,))


def add_arrival(conn: sqlite3.Connection, now_utc: str, source: str) -> int:
    """Record that one candidate came in by a person's hand; call it inside `Store.atomic`."""
    cursor = conn.execute(
        "INSERT INTO arrivals (added_utc, source, options, n_rows, n_unreadable) VALUES (?,?,'{}',1,0)",
        (now_utc, source),
    )
    assert cursor.lastrowid is not None  # noqa: S101 - an INSERT always has one
    return cursor.lastrowid


def forget_arrival(conn: sqlite3.Connection, arrival_id: int, id_: CandidateId) -> None:
    """Take out a candidate that came in by hand and was not judged yet; call it inside `Store.atomic`."""
    conn.execute("DELETE FROM proposals WHERE arrival_id = ?", (arrival_id,))
    conn.execute("DELETE FROM candidates WHERE id = ? AND fate = 'waiting'", (id_,))
    conn.execute("DELETE FROM arrivals WHERE id = ?", (arrival_id,))
