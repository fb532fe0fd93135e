"""Facts that travel from one project's database to another's: texts, origins, verdicts, answers, scores, vectors.

What is true of a candidate wherever it is goes along. What belongs to a place stays there: rounds, runs, and the calls
to a language model, which were paid for in the other project. So a fact that came along names no call.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from insgen.records import Candidate, CandidateId, Origin, Score
from insgen.store import ledger
from insgen.store.proposals import CANDIDATE_COLUMNS, candidate_from_row

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PLACES = {"verdicts": ("round",), "answers": ("round", "call_id"), "scores": ("round", "call_id")}
_OF_THE_KEPT = {
    "verdicts": "t.round = k.round",
    "answers": "t.output IS NOT NULL",
    "scores": "t.round = k.round",
}


@dataclass(frozen=True)
class Facts:
    """One kept candidate with what is known about it.

    :ivar candidate: as it was proposed; its origin without call.
    :ivar quality: 0 to 1; ``None`` when it has none.
    :ivar fate: ``kept``, ``rejected`` ...; ``reason`` beside it.
    :ivar rows: rows of ``verdicts``, ``answers`` and ``scores`` by table and column.
    """

    candidate: Candidate
    quality: float | None
    fate: str
    reason: str
    rows: Mapping[str, Sequence[Mapping[str, Any]]]

    @property
    def answered(self) -> Candidate:
        """The candidate with the answer that was bought for it."""
        answer = next(iter(self.rows["answers"]), None)
        return self.candidate.answered(answer["output"], answer["input"]) if answer else self.candidate

    def scores(self) -> dict[str, tuple[str, Score]]:
        """The scores by scorer, each with the scorer's version."""
        return {
            row["scorer"]: (
                row["version"],
                Score(self.candidate.id, row["value"], row["low"], row["high"], json.loads(row["parts"])),
            )
            for row in self.rows["scores"]
        }


def kept_ids(conn: sqlite3.Connection, *, members_only: bool) -> list[CandidateId]:
    """Candidates with a quality: the bank in rank order, then the others that passed every filter, oldest first."""
    found = conn.execute(
        "SELECT k.candidate_id FROM kept k LEFT JOIN members m ON m.candidate_id = k.candidate_id"
        " WHERE k.quality IS NOT NULL AND (m.rank IS NOT NULL OR NOT ?) ORDER BY m.rank IS NULL, m.rank, k.id",
        (members_only,),
    )
    return [CandidateId(row[0]) for row in found]


def read_facts(conn: sqlite3.Connection, ids: Sequence[CandidateId]) -> list[Facts]:
    """Read what is known about candidates, in the order given; ids that are not there are left out."""
    wanted = (json.dumps(list(ids)),)
    by_table = {table: _rows(conn, table, wanted) for table in _PLACES}
    statement = (
        f"SELECT {CANDIDATE_COLUMNS}, k.quality, c.fate, c.reason FROM candidates c"  # noqa: S608 - a constant
        " JOIN proposals p ON p.candidate_id = c.id AND p.first = 1 LEFT JOIN kept k ON k.candidate_id = c.id"
        " WHERE c.id IN (SELECT value FROM json_each(?))"
    )
    found = {}
    for row in conn.execute(statement, wanted):
        *columns, quality, fate, reason = tuple(row)
        candidate = _placeless(candidate_from_row(columns))
        rows = {table: by_id[candidate.id] for table, by_id in by_table.items()}
        found[candidate.id] = Facts(candidate, quality, fate, reason, rows)
    return [found[id_] for id_ in ids if id_ in found]


def add_facts(conn: sqlite3.Connection, facts: Sequence[Facts], round_: int) -> None:
    """Record verdicts, answers and scores of candidates that are new here, as facts of one round."""
    for table in _PLACES:
        rows = [{**row, "round": round_} for each in facts for row in each.rows[table]]
        if rows:
            names = list(rows[0])
            conn.executemany(
                f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",  # noqa: S608 - our own names
                ([row[name] for name in names] for row in rows),
            )


def read_vectors(
    conn: sqlite3.Connection, model: str, ids: Sequence[CandidateId]
) -> dict[CandidateId, NDArray[np.float32]]:
    """Vectors of one model, float32, shape ``(d,)``; ids without one are left out."""
    return {id_: vector for id_, (_, vector) in ledger.vectors(conn, model, ids).items()}


def project_name(conn: sqlite3.Connection) -> str:
    """What the project calls itself in the config of its last run; empty when it has none."""
    row = conn.execute("SELECT config FROM runs ORDER BY id DESC LIMIT 1").fetchone()
    return str(json.loads(row[0]).get("project", {}).get("name", "")) if row else ""


def _rows(conn: sqlite3.Connection, table: str, wanted: tuple[str]) -> dict[str, list[dict[str, Any]]]:
    """The rows of the kept among some candidates, by id, without what belongs to their place."""
    cursor = conn.execute(
        f"SELECT t.* FROM {table} t JOIN kept k ON k.candidate_id = t.candidate_id"  # noqa: S608 - our own names
        f" WHERE t.candidate_id IN (SELECT value FROM json_each(?)) AND {_OF_THE_KEPT[table]} ORDER BY t.round",
        wanted,
    )
    names = [column[0] for column in cursor.description]
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for values in cursor:
        row = {name: value for name, value in zip(names, values, strict=True) if name not in _PLACES[table]}
        found[row["candidate_id"]].append(row)
    return found


def _placeless(candidate: Candidate) -> Candidate:
    origin: Origin = replace(candidate.origin, call_id=None)
    return replace(candidate, origin=origin)
