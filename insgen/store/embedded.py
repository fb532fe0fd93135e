"""Which texts have vectors, and of which model."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator

from insgen.records import Candidate, Turn

_TEXTS = """
SELECT id, instruction, input, output, turns, system FROM candidates
  WHERE id IN (SELECT candidate_id FROM vectors WHERE model = :model) OR id IN (SELECT candidate_id FROM kept)
    OR id IN (SELECT id FROM seeds)
UNION ALL
SELECT id, instruction, input, output, '[]', '' FROM seeds WHERE id NOT IN (SELECT id FROM candidates)"""


def counts(conn: sqlite3.Connection) -> dict[str, int]:
    """How many vectors there are of each model, by its identity."""
    return dict(conn.execute("SELECT model, count(*) FROM vectors GROUP BY model ORDER BY min(rowid)").fetchall())


def n_texts(conn: sqlite3.Connection, model: str) -> int:
    """How many texts `texts` gives."""
    return int(conn.execute(f"SELECT count(*) FROM ({_TEXTS})", {"model": model}).fetchone()[0])  # noqa: S608 - a constant


def texts(conn: sqlite3.Connection, model: str, bite: int) -> Iterator[list[Candidate]]:
    """What another model has to embed so that it can take a model's place: its candidates, all the kept, the seeds.

    Candidates come as they were proposed, for that is what was embedded: an answer came later. The order, and so the
    bites, depend on ids alone: whatever was embedded of them before, the same texts stand side by side.

    :param bite: candidates in one list.
    """
    last = ""
    while True:
        found = conn.execute(
            f"SELECT * FROM ({_TEXTS}) WHERE id > :last ORDER BY id LIMIT :bite",  # noqa: S608 - a constant
            {"model": model, "last": last, "bite": bite},
        ).fetchall()
        if not found:
            return
        last = found[-1][0]
        yield [_candidate(*row[1:]) for row in found]


def _candidate(instruction: str, input_: str, output: str, turns: str, system: str) -> Candidate:
    """Make a candidate with all that its id is made of, whatever of it is embedded."""
    return Candidate(instruction, input_, output, tuple(Turn(*turn) for turn in json.loads(turns)), system)
