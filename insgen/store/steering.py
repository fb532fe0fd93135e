"""Read-only questions about what steers generation, feedback and seeds, for the command line."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from insgen.store.queries import rows

Row = dict[str, Any]

_MADE = """
WITH made AS (
  SELECT each.value AS seed_id, count(*) AS made, sum(k.candidate_id IS NOT NULL) AS kept
  FROM proposals p, json_each(p.seed_ids) each LEFT JOIN kept k ON k.candidate_id = p.candidate_id
  WHERE p.first GROUP BY each.value)
"""
_TRAININGS = """
SELECT t.run_id, t.trainable_params, count(*) AS steps, min(step) AS first_step, max(step) AS last_step,
  avg(grad_norm) AS mean_grad_norm, sum(grad_norm IS NULL) AS without_norm,
  coalesce(c.windows, 0) AS windows, coalesce(c.promoted, 0) AS promoted, coalesce(c.evicted, 0) AS evicted
FROM feedback_step t LEFT JOIN (
  SELECT json_extract(evidence, '$.run_id') AS run_id, json_extract(evidence, '$.trainable_params') AS params,
    count(DISTINCT json_extract(evidence, '$.first_step')) AS windows, sum(event = 'promoted') AS promoted,
    sum(event = 'evicted') AS evicted
  FROM seed_events GROUP BY 1, 2) c ON c.run_id = t.run_id AND c.params IS t.trainable_params
GROUP BY t.run_id, t.trainable_params ORDER BY min(time), t.run_id, t.trainable_params
"""


def overview(conn: sqlite3.Connection) -> Row:
    """Trainings, oldest first, with what seed policies made of them; and signals by name and source."""
    signals = rows(
        conn,
        "SELECT name, source, count(*) AS n, avg(value) AS mean_value,"
        " sum(NOT EXISTS (SELECT 1 FROM candidates c WHERE c.id = s.candidate_id)) AS unknown"
        " FROM signals s GROUP BY name, source ORDER BY name, source",
    )
    return {"trainings": rows(conn, _TRAININGS), "signals": signals}


def seed_rows(conn: sqlite3.Connection, *, everyone: bool = False) -> list[Row]:
    """Seeds in order of arrival, with how many tasks were made with them and how many of those were kept.

    :param everyone: also those that are not in force.
    """
    found = rows(
        conn,
        f"{_MADE} SELECT s.id, s.instruction, s.input, s.output, s.weight, s.active, s.pinned, s.dropped,"  # noqa: S608 - a constant
        " coalesce(m.made, 0) AS made, coalesce(m.kept, 0) AS kept,"
        " (SELECT event FROM seed_events e WHERE e.seed_id = s.id ORDER BY e.id DESC LIMIT 1) AS last_event,"
        " (SELECT round FROM seed_events e WHERE e.seed_id = s.id AND event IN ('added', 'promoted')"
        "  ORDER BY e.id DESC LIMIT 1) AS since_round"
        " FROM seeds s LEFT JOIN made m ON m.seed_id = s.id WHERE s.active OR ? ORDER BY s.ordinal",
        (everyone,),
    )
    return [row | {name: bool(row[name]) for name in ("active", "pinned", "dropped")} for row in found]


def seed_log(conn: sqlite3.Connection, seed_id: str = "") -> list[Row]:
    """Every change of the seed set, or of one seed, newest first."""
    found = rows(
        conn,
        "SELECT e.id AS number, e.round, e.event, e.seed_id, s.instruction, e.reason, e.evidence FROM seed_events e"
        " JOIN seeds s ON s.id = e.seed_id WHERE ? IN ('', e.seed_id) ORDER BY e.id DESC",
        (seed_id,),
    )
    return [row | {"evidence": json.loads(row["evidence"])} for row in found]
