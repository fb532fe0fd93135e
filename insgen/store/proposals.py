"""Candidates as they were proposed, which of them wait, and what became of each.

Flows in: proposals of one round, or of added data (inside `Store.atomic`). Flows out: those that wait, in order of
arrival, and candidates read back. What stages found out about them is `ledger`'s business.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence

from insgen.records import Candidate, CandidateId, Origin, Turn, Unreadable
from insgen.store.chunks import chunks, marks

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
    for chunk in chunks(ids):
        known.update(row[0] for row in conn.execute(f"SELECT id FROM candidates WHERE id IN ({marks(chunk)})", chunk))  # noqa: S608 - marks only
    return known


def first_seen(conn: sqlite3.Connection, text_key: str) -> CandidateId | None:
    """The earliest candidate with this text key that a finished round has judged."""
    row = conn.execute(
        "SELECT c.id FROM candidates c JOIN proposals p ON p.candidate_id = c.id AND p.first = 1"
        " WHERE c.text_key = ? AND p.round IS NOT NULL ORDER BY p.round, p.id LIMIT 1",
        (text_key,),
    ).fetchone()
    return CandidateId(row[0]) if row else None


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


def add_unreadable(
    conn: sqlite3.Connection, rows: Iterable[Unreadable], round_: int | None, arrival_id: int | None = None
) -> None:
    """Record what could not be read as a candidate."""
    conn.executemany(
        "INSERT INTO unreadable (round, arrival_id, source, line, reason) VALUES (?,?,?,?,?)",
        ((round_, arrival_id, row.source, row.line, row.reason) for row in rows),
    )
