"""What there is to review, and what the labels say about measures. Read-only."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from insgen.records import CandidateId
from insgen.store import ledger
from insgen.store.members import selector_state
from insgen.store.queries import rows
from insgen.store.verdicts import DISTINCT, VERDICT, people_say

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Row = dict[str, Any]

POOLS = {
    "kept": "k.candidate_id IS NOT NULL",
    "bank": "m.candidate_id IS NOT NULL",
    "rejected": "c.fate = 'rejected'",
    "all": "(k.candidate_id IS NOT NULL OR c.fate = 'rejected')",
}
"""What may be reviewed -> its condition: what passed every filter, the members, what a filter rejected, all of it."""

_TO_REVIEW = """
SELECT c.id, c.instruction, coalesce(nullif(c.input, ''), a.input, '') AS input,
  coalesce(nullif(c.output, ''), a.output, '') AS output, c.turns, c.fate, c.reason, m.rank, k.quality,
  v.filter, v.value, v.limit_value, v.neighbour, n.instruction AS neighbour_instruction
FROM candidates c LEFT JOIN kept k ON k.candidate_id = c.id LEFT JOIN members m ON m.candidate_id = c.id
LEFT JOIN answers a ON a.candidate_id = c.id AND a.output IS NOT NULL
LEFT JOIN verdicts v ON v.candidate_id = c.id AND NOT v.kept
  AND v.round = (SELECT max(round) FROM verdicts w WHERE w.candidate_id = c.id)
LEFT JOIN candidates n ON n.id = v.neighbour
WHERE NOT EXISTS (SELECT 1 FROM signals s WHERE s.candidate_id = c.id AND s.name = ? AND s.source = ?)
"""


@dataclass(frozen=True)
class Pair:
    """Two candidates that are near to one another.

    :ivar similarity: cosine, -1 to 1.
    """

    later: CandidateId
    earlier: CandidateId
    similarity: float


def to_review(conn: sqlite3.Connection, reviewer: str, pool: str, sample: str, seed: int) -> list[Row]:
    """What this reviewer has not judged yet, in the order in which it is to be judged.

    :param pool: one of `POOLS`.
    :param sample: ``top`` (best rank, then best quality, first), ``random`` (by seed), or ``uncertain``: nearest to a
        border, which is the limit of the filter that rejected it, or the middle quality of all there are.
    """
    found = rows(conn, f"{_TO_REVIEW} AND {POOLS[pool]} ORDER BY c.rowid", (VERDICT, reviewer))
    if sample == "random":
        Random(seed).shuffle(found)  # noqa: S311 - reproducible on purpose
    elif sample == "top":
        found.sort(key=lambda row: (row["rank"] is None, row["rank"] or 0, -(row["quality"] or 0.0)))
    else:
        qualities = sorted(row["quality"] for row in found if row["quality"] is not None)
        middle = qualities[len(qualities) // 2] if qualities else 0.0
        found.sort(key=lambda row: _distance(row, middle))
    return found


def _distance(row: Row, middle: float) -> float:
    """How far a candidate is from a border, in the units of its measure; far when nothing was measured."""
    if row["quality"] is not None:
        return float(abs(row["quality"] - middle))
    if row["value"] is not None and row["limit_value"]:
        return float(abs(row["value"] - row["limit_value"]) / abs(row["limit_value"]))
    return float("inf")


def near_limit(conn: sqlite3.Connection) -> float | None:
    """The limit of the filter ``near_duplicate`` when it judged last; ``None`` when it never did."""
    row = conn.execute(
        "SELECT limit_value FROM verdicts WHERE filter = 'near_duplicate' ORDER BY round DESC LIMIT 1"
    ).fetchone()
    return None if row is None else row[0]


def rejected_pairs(conn: sqlite3.Connection) -> list[Pair]:
    """What ``near_duplicate`` rejected, with the neighbour that caused it."""
    found = conn.execute(
        "SELECT candidate_id, neighbour, value FROM verdicts WHERE filter = 'near_duplicate' AND NOT kept"
        " AND neighbour IS NOT NULL AND value IS NOT NULL ORDER BY round, candidate_id"
    )
    return [Pair(CandidateId(later), CandidateId(earlier), value) for later, earlier, value in found]


def kept_vectors(conn: sqlite3.Connection) -> tuple[list[CandidateId], NDArray[np.float32]]:
    """Ids of all that passed every filter, oldest first, and their vectors, float32, shape ``(n, d)``."""
    import numpy as np

    model = selector_state(conn)[2]
    ids = [CandidateId(row[0]) for row in conn.execute("SELECT candidate_id FROM kept ORDER BY id")]
    vectors = ledger.vectors(conn, model, ids)
    ids = [id_ for id_ in ids if id_ in vectors]
    return ids, np.stack([vectors[id_][1] for id_ in ids]) if ids else np.empty((0, 0), dtype=np.float32)


def labelled_pairs(conn: sqlite3.Connection, reviewer: str = "") -> dict[tuple[str, str], float]:
    """Pairs that people labelled: ids (later, earlier) -> labels "different" less labels "the same".

    :param reviewer: only this one's; empty = all.
    """
    found = conn.execute(
        "SELECT candidate_id, substr(name, ?), sum(value) FROM signals WHERE name LIKE ? AND ? IN ('', source)"
        " GROUP BY 1, 2",
        (len(DISTINCT) + 1, f"{DISTINCT}%", reviewer),
    )
    return {(later, earlier): float(balance) for later, earlier, balance in found}


def pair_labels(conn: sqlite3.Connection) -> tuple[list[float], list[bool], int]:
    """Cosine similarities of the labelled pairs, whether each is of different tasks, and how many could not be used.

    A pair is of no use where people disagree evenly, or where a vector of the present embedding model is missing.
    """
    said = labelled_pairs(conn)
    ids = [CandidateId(id_) for pair in said for id_ in pair]
    vectors = {id_: vector for id_, (_, vector) in ledger.vectors(conn, selector_state(conn)[2], ids).items()}
    usable = {
        pair: balance for pair, balance in said.items() if balance and all(CandidateId(id_) in vectors for id_ in pair)
    }
    similarities = [
        float(vectors[CandidateId(later)].astype("float64") @ vectors[CandidateId(earlier)].astype("float64"))
        for later, earlier in usable
    ]
    return similarities, [balance > 0 for balance in usable.values()], len(said) - len(usable)


def quality_labels(conn: sqlite3.Connection) -> dict[str, tuple[list[float], list[bool]]]:
    """For ``quality`` and each scorer: the values of the candidates that people judged, and whether each was accepted.

    Of a scorer the newest value counts.
    """
    said = {id_: balance for id_, balance in people_say(conn).items() if balance}
    found: dict[str, tuple[list[float], list[bool]]] = {}
    for name, values in {"quality": _qualities(conn, list(said)), **_scores(conn, list(said))}.items():
        known = [id_ for id_ in said if id_ in values]
        found[name] = [values[id_] for id_ in known], [said[id_] > 0 for id_ in known]
    return found


def _qualities(conn: sqlite3.Connection, ids: Sequence[CandidateId]) -> dict[str, float]:
    wanted = set(ids)
    found = conn.execute("SELECT candidate_id, quality FROM kept WHERE quality IS NOT NULL")
    return {id_: float(quality) for id_, quality in found if id_ in wanted}


def _scores(conn: sqlite3.Connection, ids: Sequence[CandidateId]) -> dict[str, dict[str, float]]:
    wanted, found = set(ids), dict[str, dict[str, float]]()
    for scorer, id_, value in conn.execute(
        "SELECT scorer, candidate_id, value FROM scores WHERE value IS NOT NULL ORDER BY round, ordinal"
    ):
        if id_ in wanted:
            found.setdefault(scorer, {})[id_] = float(value)
    return found
