"""Which plugin did what: its time and failures as they are written, and its record of a run as it is asked for.

Flows in: what stages did in a round, and how they failed. Flows out: one row per stage of a run, with its calls of the
language model, their cost, and what it was given, kept and rejected.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from insgen.records import CandidateId

Row = dict[str, Any]


@dataclass(frozen=True)
class StageId:
    """Which stage of which plugin: ``filter``, ``rouge``, module or file, distribution, version."""

    kind: str
    name: str
    plugin: str
    distribution: str
    version: str


@dataclass(frozen=True)
class WorkRow:
    """What a stage did in one round.

    :ivar calls: how often it was asked.
    :ivar duration_ms: wall milliseconds, what it asked of others (a model's answers, a seed policy) included.
    """

    stage: StageId
    calls: int
    duration_ms: float


@dataclass
class Failure:
    """One failure of a plugin, or one round without a plugin that was left out.

    :ivar action: ``stopped`` the run, ``skipped`` (what it should have judged waits), or ``left out`` (its candidates
        went on without it).
    :ivar error: what happened, one line; empty for a round without it.
    :ivar candidates: those it should have judged.
    """

    stage: StageId
    action: str
    error: str = ""
    candidates: list[CandidateId] = field(default_factory=list)


def add_work(conn: sqlite3.Connection, run_id: int, round_: int, rows: Iterable[WorkRow]) -> None:
    """Record what stages did; two of one name are counted together."""
    conn.executemany(
        "INSERT INTO work VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET calls = calls + excluded.calls,"
        " duration_ms = duration_ms + excluded.duration_ms",
        (
            (run_id, round_, s.kind, s.name, s.plugin, s.distribution, s.version, row.calls, row.duration_ms)
            for row in rows
            for s in [row.stage]
        ),
    )


def add_failures(conn: sqlite3.Connection, run_id: int, round_: int, failures: Sequence[Failure]) -> None:
    """Record failures, with every candidate concerned."""
    for failure in failures:
        s = failure.stage
        cursor = conn.execute(
            "INSERT INTO failures (run_id, round, kind, name, plugin, distribution, version, action, error)"
            " VALUES (?,?,?,?,?,?,?,?,?)",
            (run_id, round_, s.kind, s.name, s.plugin, s.distribution, s.version, failure.action, failure.error),
        )
        conn.executemany(
            "INSERT INTO failed_candidates VALUES (?,?)", ((cursor.lastrowid, id_) for id_ in failure.candidates)
        )


def failures(conn: sqlite3.Connection, run_id: int | None = None) -> list[Row]:
    """Failures with the ids of the candidates concerned, oldest first.

    :param run_id: of this run only; ``None`` = of all.
    """
    found = _rows(
        conn,
        "SELECT f.*, (SELECT json_group_array(candidate_id) FROM failed_candidates WHERE failure_id = f.id)"
        " AS candidates FROM failures f WHERE run_id = coalesce(?, run_id) ORDER BY f.id",
        run_id,
    )
    return [row | {"candidates": json.loads(row["candidates"])} for row in found]


def failures_of(conn: sqlite3.Connection, candidate_id: str) -> list[Row]:
    """The failures that concerned one candidate, oldest first."""
    return _rows(
        conn,
        "SELECT f.round, f.kind, f.name, f.plugin, f.version, f.action, f.error FROM failed_candidates c"
        " JOIN failures f ON f.id = c.failure_id WHERE c.candidate_id = ? ORDER BY f.id",
        candidate_id,
    )


_COUNTS = {
    "generator": "SELECT count(*), sum(c.fate = 'kept' AND p.first), sum(c.fate = 'rejected' AND p.first)"
    " FROM proposals p JOIN candidates c ON c.id = p.candidate_id"
    " WHERE p.generator = ? AND p.round IN (SELECT round FROM rounds WHERE run_id = ?)",
    "filter": "SELECT count(*), sum(kept), sum(NOT kept) FROM verdicts"
    " WHERE filter = ? AND round IN (SELECT round FROM rounds WHERE run_id = ?)",
    "responder": "SELECT count(*), sum(output IS NOT NULL), sum(output IS NULL) FROM answers"
    " WHERE responder = ? AND round IN (SELECT round FROM rounds WHERE run_id = ?)",
    "scorer": "SELECT count(*), sum(value IS NOT NULL), sum(value IS NULL) FROM scores"
    " WHERE scorer = ? AND round IN (SELECT round FROM rounds WHERE run_id = ?)",
}
"""Kind of stage -> what it was given, and what of it was kept (answered, scored) and rejected (not so)."""

_ASKING = {"generator": "generate {} ", "responder": "respond {}", "scorer": "score {}"}
"""Kind of stage -> how the ``stage`` of its calls of the language model begins."""


def round_figures(conn: sqlite3.Connection, run_id: int, round_: int) -> Row:
    """What a round cost, and how good the bank is after it.

    :returns: ``llm_calls`` and ``cost_usd`` of this run in this round; ``mean_quality`` of the bank, 0 to 1, ``None``
        while it is empty.
    """
    return _rows(
        conn,
        "SELECT count(*) AS llm_calls, coalesce(sum(coalesce(cost_usd, reserved_usd, 0) + lost_usd), 0.0) AS cost_usd,"
        " (SELECT avg(quality) FROM members) AS mean_quality FROM calls WHERE run_id = ? AND round = ?",
        run_id,
        round_,
    )[0]


def last_run(conn: sqlite3.Connection) -> int:
    """The newest run; 0 before the first."""
    return int(conn.execute("SELECT coalesce(max(id), 0) FROM runs").fetchone()[0])


def plugins_of(conn: sqlite3.Connection, run_id: int) -> list[Row]:
    """The record of every stage that worked in a run, in the order of the journey.

    :returns: kind, name, plugin, distribution, version; ``calls`` and ``duration_ms``; ``llm_calls`` and ``cost_usd``;
        ``given``, ``kept`` and ``rejected`` candidates (``None`` for kinds that judge none); ``errors``.
    """
    found = _rows(
        conn,
        "SELECT kind, name, plugin, distribution, version, sum(calls) AS calls, sum(duration_ms) AS duration_ms"
        " FROM work WHERE run_id = ? GROUP BY kind, name, plugin, distribution, version ORDER BY min(rowid)",
        run_id,
    )
    return [row | _llm(conn, run_id, row) | _counts(conn, run_id, row) | _errors(conn, run_id, row) for row in found]


def _llm(conn: sqlite3.Connection, run_id: int, row: Row) -> Row:
    begins = _ASKING.get(row["kind"], "").format(row["name"])
    statement = (
        "SELECT count(*) AS llm_calls, coalesce(sum(coalesce(cost_usd, reserved_usd, 0) + lost_usd), 0.0) AS cost_usd"
        " FROM calls WHERE run_id = ? AND ? != '' AND substr(stage, 1, ?) = ? AND (? = 'generator' OR stage = ?)"
    )
    return _rows(conn, statement, run_id, begins, len(begins), begins, row["kind"], begins)[0]


def _counts(conn: sqlite3.Connection, run_id: int, row: Row) -> Row:
    statement = _COUNTS.get(row["kind"])
    if statement is None:
        return {"given": None, "kept": None, "rejected": None}
    given, kept, rejected = conn.execute(statement, (row["name"], run_id)).fetchone()
    return {"given": given, "kept": kept or 0, "rejected": rejected or 0}


def _errors(conn: sqlite3.Connection, run_id: int, row: Row) -> Row:
    statement = "SELECT count(*) AS errors FROM failures WHERE run_id = ? AND kind = ? AND name = ? AND error != ''"
    return _rows(conn, statement, run_id, row["kind"], row["name"])[0]


def changed_plugins(conn: sqlite3.Connection, run_id: int) -> list[Row]:
    """Stages that another plugin, or another version, stood for in the run before.

    :returns: ``stage`` (``filter rouge``), ``was`` and ``now`` (plugin and version), ``run_id`` of the run before.
    """
    row = conn.execute("SELECT plugins FROM runs WHERE id = ?", (run_id,)).fetchone()
    return changed_since(conn, json.loads(row[0]), run_id) if row else []


def changed_since(conn: sqlite3.Connection, now: Mapping[str, str], before: int | None = None) -> list[Row]:
    """Compare stages, each with plugin and version, with those of the newest run, or of the newest before one."""
    row = conn.execute(
        "SELECT id, plugins FROM runs WHERE ? IS NULL OR id < ? ORDER BY id DESC LIMIT 1", (before, before)
    ).fetchone()
    was = json.loads(row[1]) if row else {}
    changed = [stage for stage in now if stage in was and was[stage] != now[stage]]
    return [{"stage": stage, "was": was[stage], "now": now[stage], "run_id": row[0]} for stage in changed]


def _rows(conn: sqlite3.Connection, statement: str, *parameters: object) -> list[Row]:
    cursor = conn.execute(statement, parameters)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]
