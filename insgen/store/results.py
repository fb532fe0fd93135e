"""Evaluation results as they are stored, with the texts they are about. Read-only."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True)
class EvalResult:
    """One item of an evaluation.

    :ivar name: ``eval:...``; ``source``: who said it.
    :ivar round: the round that began when it came in.
    :ivar text: of the item: its own, or the instruction (and input) of the candidate it names.
    :ivar failed: 0 (right) to 1 (wrong).
    """

    name: str
    source: str
    round: int
    text: str
    failed: float


def eval_results(conn: sqlite3.Connection) -> list[EvalResult]:
    """All of them, oldest first; items that are known by an unknown id alone are left out."""
    rows = conn.execute(
        "SELECT s.name, s.source, s.round, CASE WHEN s.text != '' THEN s.text WHEN c.input = '' THEN c.instruction"
        " ELSE c.instruction || char(10) || c.input END, (1 + s.value) / 2"
        " FROM signals s LEFT JOIN candidates c ON c.id = s.candidate_id"
        " WHERE s.name LIKE 'eval:%' AND (s.text != '' OR c.id IS NOT NULL) ORDER BY s.id"
    )
    return [EvalResult(*row) for row in rows]


def version_before(conn: sqlite3.Connection, round_: int) -> int:
    """The bank's version when a round began: the one before the first that this round or a later one made."""
    row = conn.execute("SELECT min(version) - 1 FROM bank_versions WHERE round >= ?", (round_,)).fetchone()
    if row[0] is not None:
        return int(row[0])
    return int(conn.execute("SELECT coalesce(max(version), 0) FROM bank_versions").fetchone()[0])
