"""What the language model cost; read-only questions for reports and the command line.

Every figure is the service's own count. Where it gave none, the reservation stands as the cost and is shown as
*reserved*; what a broken attempt may have cost is shown as *lost*. All three count against the budget.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from insgen.store.calls import spent
from insgen.store.ledger import n_scored

ASIDE_RUN = 0
"""``calls.run_id`` of calls that no run made: those of previews and checks."""

_SUMS = """count(*) AS calls, coalesce(sum(answer IS NOT NULL), 0) AS answered,
 coalesce(sum(answer IS NOT NULL AND prompt_tokens IS NULL), 0) AS uncounted,
 coalesce(sum(attempts), 0) AS attempts, coalesce(sum(prompt_tokens), 0) AS prompt_tokens,
 coalesce(sum(completion_tokens), 0) AS completion_tokens, coalesce(sum(cost_usd), 0.0) AS cost_usd,
 coalesce(sum(lost_tokens), 0) AS lost_tokens, coalesce(sum(lost_usd), 0.0) AS lost_usd,
 coalesce(sum(reserved_tokens), 0) AS reserved_tokens, coalesce(sum(reserved_usd), 0.0) AS reserved_usd"""

Row = dict[str, Any]


def costs(conn: sqlite3.Connection) -> Row:
    """What was spent, by round, stage and model, in all, and for each kept row.

    :returns: ``rows``; ``total`` (calls, answered, uncounted = answered without a token count, attempts (a 429 is
        none), tokens, USD, lost, reserved, and ``spent_usd``, ``spent_tokens`` = all that counts against the budget);
        ``aside`` = the part of previews and checks; ``kept`` = rows that were answered and scored; ``per_kept_row``
        (``None`` while nothing is kept).
    """
    rows = _rows(
        conn,
        f"SELECT round, stage, model, {_SUMS} FROM calls GROUP BY round, stage, model"  # noqa: S608 - a constant
        " ORDER BY round, min(rowid)",
    )
    total = totals(conn)
    aside = _rows(conn, f"SELECT {_SUMS} FROM calls WHERE run_id = ?", ASIDE_RUN)[0]  # noqa: S608 - a constant
    kept = n_scored(conn)
    return {"rows": rows, "total": total, "aside": aside, "kept": kept, "per_kept_row": _per_row(total, kept)}


def totals(conn: sqlite3.Connection) -> Row:
    """The last line of `costs`."""
    total = _rows(conn, f"SELECT {_SUMS} FROM calls")[0]  # noqa: S608 - a constant
    all_of_it = spent(conn)
    return total | {"spent_usd": all_of_it.usd, "spent_tokens": all_of_it.tokens}


def per_kept_row(conn: sqlite3.Connection) -> Row | None:
    """Calls, tokens and USD for each kept row so far, lost and reserved ones included."""
    return _per_row(totals(conn), n_scored(conn))


def n_calls(conn: sqlite3.Connection, stage: str) -> int:
    """How many calls one stage has made."""
    return int(conn.execute("SELECT count(*) FROM calls WHERE stage = ?", (stage,)).fetchone()[0])


def _per_row(total: Row, kept: int) -> Row | None:
    if not kept:
        return None
    return {
        "calls": total["calls"] / kept,
        "tokens": total["spent_tokens"] / kept,
        "usd": total["spent_usd"] / kept,
    }


def _rows(conn: sqlite3.Connection, statement: str, *parameters: object) -> list[Row]:
    cursor = conn.execute(statement, parameters)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]
