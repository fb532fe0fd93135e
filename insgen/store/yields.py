"""What the questions of generators brought for their money, and what seed policies said they go by."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from insgen.records import Yield

# What broken attempts lost is left out: no seed can help it. So is a preview's call that no run took up.
_YIELDS = """
WITH priced AS (
  SELECT id, coalesce(cost_usd, reserved_usd, 0) AS usd FROM calls WHERE answer IS NOT NULL),
bought AS (
  SELECT candidate_id, call_id FROM answers WHERE call_id IS NOT NULL
  UNION SELECT candidate_id, call_id FROM scores WHERE call_id IS NOT NULL),
shared AS (SELECT call_id, count(*) AS n FROM bought GROUP BY call_id),
spent AS (
  SELECT b.candidate_id, sum(p.usd / s.n) AS usd, sum(1.0 / s.n) AS calls
  FROM bought b JOIN shared s ON s.call_id = b.call_id JOIN priced p ON p.id = b.call_id GROUP BY b.candidate_id),
brought AS (
  SELECT p.call_id, sum(k.quality IS NOT NULL) AS kept, sum(coalesce(s.usd, 0)) AS usd,
    sum(coalesce(s.calls, 0)) AS calls
  FROM proposals p LEFT JOIN kept k ON k.candidate_id = p.candidate_id
  LEFT JOIN spent s ON s.candidate_id = p.candidate_id
  WHERE p.first AND p.call_id IS NOT NULL GROUP BY p.call_id)
SELECT c.round, c.stage, c.seed_ids, coalesce(b.kept, 0), own.usd + coalesce(b.usd, 0), 1 + coalesce(b.calls, 0)
FROM calls c JOIN rounds r ON r.round = c.round JOIN priced own ON own.id = c.id LEFT JOIN brought b ON b.call_id = c.id
WHERE c.stage LIKE 'generate %' AND c.seed_ids != '[]' AND (c.run_id != 0 OR b.call_id IS NOT NULL)
ORDER BY c.round, c.stage, c.ordinal
"""


def yields(conn: sqlite3.Connection) -> list[Yield]:
    """What every answered question with seeds in its prompt brought, in the order asked; of finished rounds only."""
    return [
        Yield(round_, _generator(stage), tuple(json.loads(seed_ids)), int(kept), float(usd), float(calls))
        for round_, stage, seed_ids, kept, usd, calls in conn.execute(_YIELDS)
    ]


def has_yields(conn: sqlite3.Connection) -> bool:
    """Whether a finished round asked with seeds."""
    statement = (
        "SELECT EXISTS (SELECT 1 FROM calls c JOIN rounds r ON r.round = c.round"
        " WHERE c.stage LIKE 'generate %' AND c.seed_ids != '[]' AND c.answer IS NOT NULL)"
    )
    return bool(conn.execute(statement).fetchone()[0])


def add_notes(conn: sqlite3.Connection, round_: int, policy: str, notes: Sequence[Mapping[str, str | float]]) -> None:
    """Record what a seed policy goes by in a round; no notes, no row. Call it inside `Store.atomic`."""
    if notes:
        told = json.dumps([dict(note) for note in notes], ensure_ascii=False)
        conn.execute("INSERT OR REPLACE INTO seed_notes VALUES (?,?,?)", (round_, policy, told))


def last_notes(conn: sqlite3.Connection) -> dict[str, Any] | None:
    """What a seed policy said last: round, policy, notes; ``None`` when none ever said anything."""
    row = conn.execute("SELECT round, policy, notes FROM seed_notes ORDER BY round DESC LIMIT 1").fetchone()
    return None if row is None else {"round": row[0], "policy": row[1], "notes": json.loads(row[2])}


def _generator(stage: str) -> str:
    """The name in ``generate NAME ORDINAL``."""
    return stage.removeprefix("generate ").rpartition(" ")[0]
