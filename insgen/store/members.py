"""The bank's rows and their history: who is in it, since when, who came and went with each version.

An eviction deletes nothing but a row of ``members``: the candidate, its facts and every version it was in stay.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from insgen.records import CandidateId, Member, Ranked
from insgen.store.ledger import vectors
from insgen.store.proposals import CANDIDATE_COLUMNS, candidate_from_row

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class VersionNote:
    """What is recorded about a new version besides its members.

    :ivar action: ``round``, ``rollback to 3``, ``merge of OTHER``.
    :ivar selector: name of the selector that ranked it; its version beside it.
    :ivar model: identity of the embedding model its ranking was made with.
    :ivar size: how many the bank could hold.
    :ivar state: what the selector wants back next time.
    """

    round: int | None
    made_utc: str
    action: str
    selector: str
    selector_version: str
    model: str
    size: int
    state: str


@dataclass(frozen=True)
class BankChange:
    """What a new version changed; ids in rank order (of the new version, of the old one)."""

    version: int
    admitted: tuple[CandidateId, ...]
    evicted: tuple[CandidateId, ...]


def bank_version(conn: sqlite3.Connection) -> int:
    """The newest version; 0 before the first."""
    return int(conn.execute("SELECT coalesce(max(version), 0) FROM bank_versions").fetchone()[0])


def selector_state(conn: sqlite3.Connection) -> tuple[str, str, str]:
    """State, selector name and embedding model of the newest version; empty texts before the first."""
    row = conn.execute("SELECT state, selector, model FROM bank_versions ORDER BY version DESC LIMIT 1").fetchone()
    return (row[0], row[1], row[2]) if row else ("", "", "")


def ranking_of(conn: sqlite3.Connection, version: int) -> list[Ranked]:
    """The members of any version, best first."""
    rows = conn.execute(
        "SELECT candidate_id, diversity, quality, utility FROM bank_events"
        " WHERE version = ? AND event != 'evicted' ORDER BY rank",
        (version,),
    )
    return [Ranked(CandidateId(row[0]), *row[1:]) for row in rows]


def version_vectors(conn: sqlite3.Connection, version: int, model_of: int) -> NDArray[np.float32] | None:
    """Vectors of the members of a version by the model that another one was ranked with, best first.

    :returns: float32, shape ``(n, d)``; ``None`` where one of them has no vector of that model.
    """
    import numpy as np

    (model,) = conn.execute("SELECT model FROM bank_versions WHERE version = ?", (model_of,)).fetchone()
    ids = [place.candidate_id for place in ranking_of(conn, version)]
    found = vectors(conn, model, ids)
    if len(found) < len(ids):
        return None
    return np.stack([found[id_][1] for id_ in ids]) if ids else np.empty((0, 1), dtype=np.float32)


def members(conn: sqlite3.Connection) -> list[Member]:
    """The bank now, best first, answers filled in, without vectors."""
    rows = conn.execute(
        f"SELECT {CANDIDATE_COLUMNS}, a.output, a.input, m.rank, m.diversity, m.quality, m.utility FROM members m"  # noqa: S608 - a constant
        " JOIN candidates c ON c.id = m.candidate_id JOIN proposals p ON p.candidate_id = c.id AND p.first = 1"
        " LEFT JOIN answers a ON a.candidate_id = c.id AND a.output IS NOT NULL ORDER BY m.rank"
    )
    found = []
    for row in rows:
        candidate = candidate_from_row(row[:-6])
        answer, input_, rank, diversity, quality, utility = row[-6:]
        found.append(Member(candidate.answered(answer or "", input_ or ""), rank, diversity, quality, utility))
    return found


def write_version(conn: sqlite3.Connection, ranking: Sequence[Ranked], note: VersionNote) -> BankChange:
    """Make a new version out of a ranking; call it inside `Store.atomic`.

    :returns: who came and who went.
    """
    version = bank_version(conn) + 1
    since: Mapping[str, int] = dict(conn.execute("SELECT candidate_id, since_version FROM members ORDER BY rank"))
    now = {place.candidate_id for place in ranking}
    admitted = tuple(place.candidate_id for place in ranking if place.candidate_id not in since)
    evicted = tuple(CandidateId(id_) for id_ in since if id_ not in now)
    conn.execute(
        "INSERT INTO bank_versions VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            version,
            note.round,
            note.made_utc,
            note.action,
            note.selector,
            note.selector_version,
            note.model,
            note.size,
            len(ranking),
            len(admitted),
            len(evicted),
            note.state,
        ),
    )
    conn.executemany(
        "INSERT INTO bank_events VALUES (?,?,?,?,?,?,?)",
        (
            (
                version,
                r.candidate_id,
                "kept" if r.candidate_id in since else "admitted",
                rank,
                r.diversity,
                r.quality,
                r.utility,
            )
            for rank, r in enumerate(ranking, start=1)
        ),
    )
    conn.executemany(
        "INSERT INTO bank_events VALUES (?,?,'evicted',NULL,NULL,NULL,NULL)", ((version, id_) for id_ in evicted)
    )
    conn.execute("DELETE FROM members")
    conn.executemany(
        "INSERT INTO members VALUES (?,?,?,?,?,?)",
        (
            (r.candidate_id, rank, r.diversity, r.quality, r.utility, since.get(r.candidate_id, version))
            for rank, r in enumerate(ranking, start=1)
        ),
    )
    return BankChange(version, admitted, evicted)


def roll_back(conn: sqlite3.Connection, version: int, made_utc: str) -> BankChange:
    """Make an old version the newest again, with the state its selector had then; call it inside `Store.atomic`.

    :param version: an existing one.
    """
    row = conn.execute(
        "SELECT selector, selector_version, model, size, state FROM bank_versions WHERE version = ?", (version,)
    ).fetchone()
    selector, selector_version, model, size, state = row
    note = VersionNote(None, made_utc, f"rollback to {version}", selector, selector_version, model, size, state)
    return write_version(conn, ranking_of(conn, version), note)
