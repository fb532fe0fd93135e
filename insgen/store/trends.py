"""How varied a model's proposals are, round by round; measured from stored facts, nothing is kept of it.

Only what a language model wrote is measured: documents and data sets are as varied as they are. Whether the figures
are good or bad is the business of `loop/watch.py`.
"""

from __future__ import annotations

import math
import sqlite3
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from insgen.records import CandidateId
from insgen.store.ledger import vectors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MIN_PROPOSALS = 20
"""Rounds with fewer proposals of a model are left out: the figures of so few say nothing."""

N_GRAM = 2
"""Words in one n-gram; Zhang et al. 2018 count four, but nearly all of those are unique in short instructions."""

_MOST_TEXTS = 2_000  # instructions measured per round


@dataclass(frozen=True)
class Trend:
    """One round's proposals by a language model.

    :ivar proposals: how many there were, repeats included.
    :ivar novelty: share that was neither seen before nor rejected for its likeness to something, 0 to 1.
    :ivar entropy: Shannon entropy of the instructions' word n-grams over its greatest value, 0 (all the same) to 1.
    :ivar seed_distance: mean of 1 - cosine similarity to the nearest seed, 0 to 2, over those that got a vector;
        ``None`` without seeds or vectors.
    :ivar words: mean length of the instructions, in words.
    """

    round: int
    proposals: int
    novelty: float
    entropy: float
    seed_distance: float | None
    words: float


def watched_rounds(conn: sqlite3.Connection) -> list[int]:
    """The rounds in which a model made at least `MIN_PROPOSALS` proposals, oldest first."""
    rows = conn.execute(
        "SELECT round FROM proposals WHERE round IS NOT NULL AND call_id IS NOT NULL GROUP BY round"
        " HAVING count(*) >= ? ORDER BY round",
        (MIN_PROPOSALS,),
    )
    return [row[0] for row in rows]


def n_gram_entropy(texts: Iterable[str], n: int = N_GRAM) -> float:
    """Entropy of all word n-grams of some texts over the logarithm of their number.

    Ent-n of Zhang et al. 2018 (arXiv:1809.05972), divided by the value it has when no n-gram is there
    twice, so that rounds of different sizes can be compared.

    :returns: 0 (one n-gram only) to 1 (none twice); 1 when there are fewer than two n-grams.
    """
    counts: Counter[tuple[str, ...]] = Counter()
    for text in texts:
        words = text.casefold().split()
        counts.update(zip(*(words[start:] for start in range(n)), strict=False))
    total = counts.total()
    if total < 2:
        return 1.0
    entropy = -sum(count / total * math.log2(count / total) for count in counts.values())
    return abs(entropy) / math.log2(total)


def trend(conn: sqlite3.Connection, round_: int) -> Trend | None:
    """Measure one round; ``None`` when a model made fewer than `MIN_PROPOSALS` proposals in it."""
    proposals, repeated = conn.execute(
        "SELECT count(*), sum(NOT first) FROM proposals WHERE round = ? AND call_id IS NOT NULL", (round_,)
    ).fetchone()
    if proposals < MIN_PROPOSALS:
        return None
    alike = conn.execute(
        "SELECT count(DISTINCT v.candidate_id) FROM verdicts v JOIN proposals p ON p.candidate_id = v.candidate_id"
        " AND p.round = v.round AND p.first WHERE v.round = ? AND p.call_id IS NOT NULL AND NOT v.kept"
        " AND v.neighbour IS NOT NULL",
        (round_,),
    ).fetchone()[0]
    texts = [
        row[0]
        for row in conn.execute(
            "SELECT c.instruction FROM proposals p JOIN candidates c ON c.id = p.candidate_id WHERE p.round = ?"
            " AND p.call_id IS NOT NULL ORDER BY p.id LIMIT ?",
            (round_, _MOST_TEXTS),
        )
    ]
    return Trend(
        round_,
        proposals,
        1 - (repeated + alike) / proposals,
        n_gram_entropy(texts),
        _seed_distance(conn, round_),
        sum(len(text.split()) for text in texts) / len(texts),
    )


def _seed_distance(conn: sqlite3.Connection, round_: int) -> float | None:
    model = conn.execute(
        "SELECT v.model FROM proposals p JOIN vectors v ON v.candidate_id = p.candidate_id WHERE p.round = ?"
        " AND p.call_id IS NOT NULL ORDER BY v.rowid DESC LIMIT 1",
        (round_,),
    ).fetchone()
    if model is None:
        return None
    seeds = _matrix(conn, model[0], "SELECT seed_id FROM seed_events WHERE event = 'added' AND round = 0 ORDER BY id")
    made = _matrix(
        conn,
        model[0],
        "SELECT candidate_id FROM proposals WHERE round = ? AND call_id IS NOT NULL AND first ORDER BY id LIMIT ?",
        round_,
        _MOST_TEXTS,
    )
    if seeds is None or made is None:
        return None
    return float(1 - (made @ seeds.T).max(axis=1).mean())


def _matrix(conn: sqlite3.Connection, model: str, statement: str, *parameters: object) -> NDArray[np.float64] | None:
    """The stored vectors of the candidates that a statement names; ``None`` when there is none."""
    import numpy as np

    ids = [CandidateId(row[0]) for row in conn.execute(statement, parameters)]
    found = vectors(conn, model, ids)
    return np.stack([found[id_][1] for id_ in ids if id_ in found]).astype(np.float64) if found else None
