"""Candidates and their texts, whatever became of them: what a plan, a feedback file or a tokenizer needs."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

from insgen.records import Candidate, CandidateId
from insgen.store.proposals import CANDIDATE_COLUMNS, candidate_from_row


def candidates(conn: sqlite3.Connection, ids: Iterable[str]) -> dict[CandidateId, Candidate]:
    """Read candidates, answers filled in, without vectors; ids that are unknown are left out."""
    rows = conn.execute(
        f"SELECT {CANDIDATE_COLUMNS}, a.output, a.input FROM candidates c"  # noqa: S608 - a constant
        " JOIN proposals p ON p.candidate_id = c.id AND p.first = 1"
        " LEFT JOIN answers a ON a.candidate_id = c.id AND a.output IS NOT NULL"
        " WHERE c.id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(ids)),),
    )
    return {
        CandidateId(row[0]): candidate_from_row(tuple(row)[:-2]).answered(row[-2] or "", row[-1] or "") for row in rows
    }


def all_texts(conn: sqlite3.Connection, n: int) -> list[str]:
    """Give every text of the first candidates, judged or waiting, at most n of them."""
    rows = conn.execute("SELECT system, instruction, input, output FROM candidates ORDER BY rowid LIMIT ?", (n,))
    return [text for row in rows for text in row if text]
