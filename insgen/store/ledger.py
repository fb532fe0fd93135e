"""Facts about candidates: written once, never changed.

Flows in: records of one round (inside `Store.atomic`). Flows out: the same records, read back. The candidates
themselves stand in `proposals`; which rank one has in the bank is `members`' business; questions for people are
`queries`'.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from insgen.records import Answer, Candidate, CandidateId, Score, Verdict
from insgen.store.chunks import chunks, marks
from insgen.store.proposals import CANDIDATE_COLUMNS, candidate_from_row

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def add_verdicts(
    conn: sqlite3.Connection, round_: int, ordinal: int, stage: tuple[str, str], verdicts: Iterable[Verdict]
) -> None:
    """Record a filter's verdicts.

    :param ordinal: the filter's place in the config, from 0.
    :param stage: its name and version.
    """
    conn.executemany(
        "INSERT INTO verdicts VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            (
                v.candidate_id,
                round_,
                ordinal,
                *stage,
                int(v.kept),
                v.measure,
                v.value,
                v.unit,
                v.limit,
                v.neighbour,
                v.reason,
            )
            for v in verdicts
        ),
    )


def add_answers(conn: sqlite3.Connection, round_: int, stage: tuple[str, str], answers: Iterable[Answer]) -> None:
    """Record a responder's answers."""
    conn.executemany(
        "INSERT INTO answers VALUES (?,?,?,?,?,?,?,?)",
        ((a.candidate_id, round_, *stage, a.input, a.output, a.call_id, a.reason) for a in answers),
    )


def add_scores(
    conn: sqlite3.Connection, round_: int, ordinal: int, stage: tuple[str, str, float], scores: Iterable[Score]
) -> None:
    """Record a scorer's scores.

    :param ordinal: the scorer's place in the config, from 0.
    :param stage: its name, version and weight.
    """
    name, version, weight = stage
    conn.executemany(
        "INSERT INTO scores VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            (
                s.candidate_id,
                round_,
                ordinal,
                name,
                version,
                s.value,
                s.low,
                s.high,
                weight,
                json.dumps(dict(s.parts)),
                s.reason,
                s.call_id,
            )
            for s in scores
        ),
    )


def add_kept(conn: sqlite3.Connection, round_: int, candidates: Iterable[Candidate]) -> None:
    """Record candidates that passed every filter, with the quality they got (``NULL`` when none could be had)."""
    conn.executemany(
        "INSERT INTO kept (candidate_id, round, quality) VALUES (?,?,?)",
        ((c.id, round_, c.quality) for c in candidates),
    )


def kept(conn: sqlite3.Connection, start: int) -> Iterator[Candidate]:
    """Candidates that ever passed every filter, answers filled in, oldest first, without the first ``start``."""
    rows = conn.execute(
        f"SELECT {CANDIDATE_COLUMNS}, a.output, a.input FROM kept k JOIN candidates c ON c.id = k.candidate_id"  # noqa: S608 - a constant
        " JOIN proposals p ON p.candidate_id = c.id AND p.first = 1"
        " LEFT JOIN answers a ON a.candidate_id = c.id AND a.output IS NOT NULL ORDER BY k.id LIMIT -1 OFFSET ?",
        (start,),
    )
    for row in rows:
        yield candidate_from_row(row[:-2]).answered(row[-2] or "", row[-1] or "")


def find_kept(conn: sqlite3.Connection, ids: Sequence[CandidateId]) -> dict[CandidateId, Candidate]:
    """Those of the ids that ever passed every filter, answers filled in, with their quality, in the order asked."""
    found: dict[CandidateId, Candidate] = {}
    for chunk in chunks(ids):
        rows = conn.execute(
            f"SELECT {CANDIDATE_COLUMNS}, a.output, a.input, k.quality FROM kept k"  # noqa: S608 - constants and marks only
            " JOIN candidates c ON c.id = k.candidate_id JOIN proposals p ON p.candidate_id = c.id AND p.first = 1"
            " LEFT JOIN answers a ON a.candidate_id = c.id AND a.output IS NOT NULL"
            f" WHERE k.candidate_id IN ({marks(chunk)})",
            chunk,
        )
        for row in rows:
            found[row[0]] = candidate_from_row(row[:-3]).answered(row[-3] or "", row[-2] or "").judged(row[-1])
    return {id_: found[id_] for id_ in ids if id_ in found}


def first_scores(conn: sqlite3.Connection, scorer: str, ids: Sequence[CandidateId]) -> dict[CandidateId, float]:
    """The value that a scorer gave first to each of these candidates; those it never gave one are left out."""
    rows = conn.execute(
        "SELECT candidate_id, value FROM scores WHERE scorer = ? AND value IS NOT NULL"
        " AND candidate_id IN (SELECT value FROM json_each(?)) ORDER BY round DESC, ordinal DESC",
        (scorer, json.dumps(list(ids))),
    )
    return {CandidateId(id_): float(value) for id_, value in rows}


def n_kept(conn: sqlite3.Connection) -> int:
    """How many candidates ever passed every filter."""
    return int(conn.execute("SELECT count(*) FROM kept").fetchone()[0])


def n_scored(conn: sqlite3.Connection) -> int:
    """How many candidates ever passed every filter and got their answer and every score."""
    return int(conn.execute("SELECT count(*) FROM kept WHERE quality IS NOT NULL").fetchone()[0])


def add_vectors(
    conn: sqlite3.Connection, model: str, round_: int, vectors: Mapping[CandidateId, NDArray[np.float32]]
) -> None:
    """Record embeddings as little-endian float32."""
    conn.executemany(
        "INSERT OR IGNORE INTO vectors VALUES (?,?,?,?,?)",
        ((id_, model, round_, len(vector), vector.astype("<f4").tobytes()) for id_, vector in vectors.items()),
    )


def vectors(
    conn: sqlite3.Connection, model: str, ids: Sequence[CandidateId]
) -> dict[CandidateId, tuple[int, NDArray[np.float32]]]:
    """Embeddings recorded under a model: the round they were made in, and the vector; missing ones are left out."""
    import numpy as np

    found: dict[CandidateId, tuple[int, NDArray[np.float32]]] = {}
    for chunk in chunks(ids):
        statement = (
            f"SELECT candidate_id, round, vector FROM vectors WHERE model = ? AND candidate_id IN ({marks(chunk)})"  # noqa: S608 - marks only
        )
        for id_, round_, blob in conn.execute(statement, [model, *chunk]):
            found[id_] = (round_, np.frombuffer(blob, dtype="<f4").astype(np.float32))
    return found
