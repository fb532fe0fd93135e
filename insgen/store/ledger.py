"""Facts about candidates: written once, never changed.

Flows in: records of one round (inside `Store.atomic`). Flows out: the same records, read back. Which rank a
candidate has in the bank is `members`' business; questions for people are `queries`'.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from insgen.records import Answer, Candidate, CandidateId, Origin, Score, Turn, Unreadable, Verdict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_CHUNK = 500  # variables in one statement; SQLite's smallest limit is 999

CANDIDATE_COLUMNS = """c.id, c.instruction, c.input, c.output, c.turns, c.system, p.generator, p.source, p.line_start,
 p.line_end, p.licence, p.call_id, p.seed_ids, p.kind"""
"""What `candidate_from_row` needs, from ``candidates c`` and its first proposal ``p``."""


def candidate_from_row(row: Sequence[object]) -> Candidate:
    """Build a candidate from `CANDIDATE_COLUMNS`, in that order."""
    _, instruction, input_, output, turns, system, generator, source, start, end, licence, call, seeds, kind = row
    origin = Origin(generator, source, start, end, licence, call, tuple(json.loads(seeds)), kind)  # type: ignore[arg-type]  # columns are typed by the schema
    later = tuple(Turn(role, content) for role, content in json.loads(turns))  # type: ignore[arg-type]  # likewise
    return Candidate(instruction, input_, output, later, system, origin)  # type: ignore[arg-type]  # likewise


def add_proposals(
    conn: sqlite3.Connection,
    candidates: Sequence[Candidate],
    round_: int | None,
    arrival_id: int | None = None,
    versions: Mapping[str, str] | None = None,
) -> list[bool]:
    """Record proposals, and the candidates among them that are new to this project.

    :param round_: the round they are proposed in; ``None`` for those that wait for the next run.
    :param versions: generator -> version of its plugin, for the record.
    :returns: for each, whether its texts were never seen before.
    """
    known = known_ids(conn, [candidate.id for candidate in candidates])
    fresh: list[bool] = []
    for candidate in candidates:
        fresh.append(candidate.id not in known)
        known.add(candidate.id)
    fate = "waiting" if round_ is None else "proposed"
    conn.executemany(
        "INSERT INTO candidates VALUES (?,?,?,?,?,?,?,?,'')",
        (
            (c.id, c.text_key, c.instruction, c.input, c.output, _turns(c), c.system, fate)
            for c, new in zip(candidates, fresh, strict=True)
            if new
        ),
    )
    conn.executemany(
        "INSERT INTO proposals (candidate_id, round, arrival_id, first, generator, source, line_start,"
        " line_end, licence,"
        " call_id, seed_ids, kind, version) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            (
                c.id,
                round_,
                arrival_id,
                int(new),
                o.generator,
                o.source,
                o.line_start,
                o.line_end,
                o.licence,
                o.call_id,
                json.dumps(o.seed_ids),
                o.kind,
                (versions or {}).get(o.generator, ""),
            )
            for c, new in zip(candidates, fresh, strict=True)
            for o in [c.origin]
        ),
    )
    return fresh


def _turns(candidate: Candidate) -> str:
    return json.dumps([[turn.role, turn.content] for turn in candidate.turns], ensure_ascii=False)


def known_ids(conn: sqlite3.Connection, ids: Sequence[CandidateId]) -> set[CandidateId]:
    """Those of the ids that are recorded already."""
    known: set[CandidateId] = set()
    for chunk in _chunks(ids):
        known.update(row[0] for row in conn.execute(f"SELECT id FROM candidates WHERE id IN ({_marks(chunk)})", chunk))  # noqa: S608 - marks only
    return known


def waiting(
    conn: sqlite3.Connection, limit: int, arrival_id: int | None = None, held: Collection[int] = ()
) -> tuple[list[int], list[Candidate], list[bool]]:
    """The next proposals that wait, of one arrival only, in order of arrival.

    :param limit: at most so many; -1 = all.
    :param arrival_id: of this arrival; ``None`` = of the oldest that has some.
    :param held: arrivals to pass over.
    :returns: ids of the proposals, their candidates (with answers bought before), and whether each is the first with
        its texts.
    """
    rows = conn.execute(
        f"SELECT {CANDIDATE_COLUMNS}, a.output, a.input, p.id, p.first FROM proposals p"  # noqa: S608 - a constant
        " JOIN candidates c ON c.id = p.candidate_id"
        " LEFT JOIN answers a ON a.candidate_id = c.id AND a.output IS NOT NULL"
        " WHERE p.round IS NULL"
        " AND p.arrival_id = coalesce(?, (SELECT min(arrival_id) FROM proposals WHERE round IS NULL"
        " AND arrival_id NOT IN (SELECT value FROM json_each(?))))"
        " ORDER BY p.id LIMIT ?",
        (arrival_id, json.dumps(sorted(held)), limit),
    ).fetchall()
    candidates = [candidate_from_row(row[:-4]).answered(row[-4] or "", row[-3] or "") for row in rows]
    return [row[-2] for row in rows], candidates, [bool(row[-1]) for row in rows]


def claim(conn: sqlite3.Connection, proposal_ids: Sequence[int], round_: int) -> None:
    """Give waiting proposals to a round."""
    conn.executemany("UPDATE proposals SET round = ? WHERE id = ?", ((round_, id_) for id_ in proposal_ids))


def wait_again(
    conn: sqlite3.Connection, round_: int, now_utc: str, ids: Collection[CandidateId], why: str = ""
) -> int | None:
    """Let candidates of a round wait for a later one, as an arrival of their own, in their old order.

    :param why: a reason to write down with each.
    :returns: the arrival; ``None`` when there are no candidates.
    """
    if not ids:
        return None
    cursor = conn.execute(
        "INSERT INTO arrivals (added_utc, source, options, n_rows, n_unreadable) VALUES (?,?,'{}',?,0)",
        (now_utc, f"left over from round {round_}", len(ids)),
    )
    conn.executemany(
        "UPDATE proposals SET round = NULL, arrival_id = ? WHERE candidate_id = ? AND first = 1",
        ((cursor.lastrowid, id_) for id_ in sorted(ids)),
    )
    conn.executemany("UPDATE candidates SET fate = 'waiting', reason = ? WHERE id = ?", ((why, id_) for id_ in ids))
    return cursor.lastrowid


def set_fates(conn: sqlite3.Connection, fates: Mapping[CandidateId, tuple[str, str]]) -> None:
    """Record what became of candidates: fate and reason."""
    conn.executemany(
        "UPDATE candidates SET fate = ?, reason = ? WHERE id = ?", ((f, r, id_) for id_, (f, r) in fates.items())
    )


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
    for chunk in _chunks(ids):
        rows = conn.execute(
            f"SELECT {CANDIDATE_COLUMNS}, a.output, a.input, k.quality FROM kept k"  # noqa: S608 - constants and marks only
            " JOIN candidates c ON c.id = k.candidate_id JOIN proposals p ON p.candidate_id = c.id AND p.first = 1"
            " LEFT JOIN answers a ON a.candidate_id = c.id AND a.output IS NOT NULL"
            f" WHERE k.candidate_id IN ({_marks(chunk)})",
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


def first_seen(conn: sqlite3.Connection, text_key: str) -> CandidateId | None:
    """The earliest candidate with this text key that a finished round has judged."""
    row = conn.execute(
        "SELECT c.id FROM candidates c JOIN proposals p ON p.candidate_id = c.id AND p.first = 1"
        " WHERE c.text_key = ? AND p.round IS NOT NULL ORDER BY p.round, p.id LIMIT 1",
        (text_key,),
    ).fetchone()
    return CandidateId(row[0]) if row else None


def add_unreadable(
    conn: sqlite3.Connection, rows: Iterable[Unreadable], round_: int | None, arrival_id: int | None = None
) -> None:
    """Record what could not be read as a candidate."""
    conn.executemany(
        "INSERT INTO unreadable (round, arrival_id, source, line, reason) VALUES (?,?,?,?,?)",
        ((round_, arrival_id, row.source, row.line, row.reason) for row in rows),
    )


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
    for chunk in _chunks(ids):
        statement = (
            f"SELECT candidate_id, round, vector FROM vectors WHERE model = ? AND candidate_id IN ({_marks(chunk)})"  # noqa: S608 - marks only
        )
        for id_, round_, blob in conn.execute(statement, [model, *chunk]):
            found[id_] = (round_, np.frombuffer(blob, dtype="<f4").astype(np.float32))
    return found


def _chunks(ids: Sequence[CandidateId]) -> Iterator[Sequence[CandidateId]]:
    return (ids[start : start + _CHUNK] for start in range(0, len(ids), _CHUNK))


def _marks(chunk: Sequence[object]) -> str:
    return ",".join("?" * len(chunk))
