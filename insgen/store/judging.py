"""What judging showed: what filters spared, how far judges drifted, which evaluation items were met. Read-only."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True)
class Spared:
    """What was not bought because filters come before responder and judges.

    :ivar rejected: candidates that a filter rejected.
    :ivar bought_for: candidates that something was bought for: an answer, a score.
    :ivar calls: calls not made, an estimate: the mean of those bought for, times ``rejected``.
    :ivar cost_usd: likewise, in USD; ``None`` when no price is known.
    """

    rejected: int
    bought_for: int
    calls: float
    cost_usd: float | None


@dataclass(frozen=True)
class Drift:
    """How far a judge's scale moved, by the anchors it judged again in one round.

    :ivar mean: mean change since the anchors' first value, in units of the scale; positive = more lenient.
    :ivar anchors: how many were judged again.
    :ivar low: worst value of the scale; ``high``: the best.
    """

    round: int
    scorer: str
    mean: float
    anchors: int
    low: float
    high: float


def spared(conn: sqlite3.Connection) -> Spared | None:
    """Estimate what the filters spared; ``None`` when nothing was bought for any candidate yet.

    Calls of previews (run 0) do not count: nothing of theirs is stored.
    """
    calls, cost = conn.execute(
        "SELECT count(*), sum(cost_usd) FROM calls"
        " WHERE answer IS NOT NULL AND run_id != 0 AND (stage LIKE 'respond %' OR stage LIKE 'score %')"
    ).fetchone()
    (bought_for,) = conn.execute(
        "SELECT count(*) FROM (SELECT candidate_id FROM answers WHERE call_id IS NOT NULL"
        " UNION SELECT candidate_id FROM scores WHERE call_id IS NOT NULL)"
    ).fetchone()
    (rejected,) = conn.execute("SELECT count(DISTINCT candidate_id) FROM verdicts WHERE NOT kept").fetchone()
    return estimate(rejected, bought_for, calls, cost)


def estimate(rejected: int, bought_for: int, calls: int, cost_usd: float | None) -> Spared | None:
    """Multiply: what one candidate that passed took on average, times those that did not pass."""
    if not calls or not bought_for:
        return None
    share = rejected / bought_for
    return Spared(rejected, bought_for, calls * share, None if cost_usd is None else cost_usd * share)


def drifts(conn: sqlite3.Connection) -> list[Drift]:
    """Every judge's drift by round, oldest first; empty when no judge has anchors."""
    found = conn.execute(
        "SELECT round, scorer, json_extract(parts, '$.drift'), json_extract(parts, '$.anchors'), low, high FROM scores"
        " WHERE json_extract(parts, '$.anchors') IS NOT NULL AND json_extract(parts, '$.drift') IS NOT NULL"
        " GROUP BY round, ordinal ORDER BY round, ordinal"
    )
    return [Drift(round_, scorer, mean, round(n), low, high) for round_, scorer, mean, n, low, high in found]


def evaluation_hits(conn: sqlite3.Connection) -> dict[str, int]:
    """Evaluation items (``file:line``) that candidates repeated, with the number of those candidates, most first."""
    found = conn.execute(
        "SELECT neighbour, count(DISTINCT candidate_id) AS n FROM verdicts WHERE filter = 'decontamination'"
        " AND NOT kept AND neighbour IS NOT NULL GROUP BY neighbour ORDER BY n DESC, neighbour"
    )
    return {str(item): int(n) for item, n in found}
