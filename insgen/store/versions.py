"""One version of the bank, rebuilt from its events. Read-only; answers are plain dicts, ready for ``--json``."""

from __future__ import annotations

import sqlite3
from typing import Any

from insgen.errors import ConfigError
from insgen.store.members import bank_version
from insgen.store.queries import rows


def version_rows(conn: sqlite3.Connection, version: int) -> dict[str, Any]:
    """A version as it was: who made it and how (``version``), and its members, best first (``members``).

    Measures are those of that version; texts and sources are the candidates' own, which never change. What a later
    version evicted is there all the same, with ``now`` = its rank today (``None`` when it is no member).

    :raises ConfigError: there is no such version.
    """
    check_version(conn, version)
    made = rows(
        conn,
        "SELECT version, round, made_utc, action, selector, selector_version, model, size, members, admitted, evicted"
        " FROM bank_versions WHERE version = ?",
        (version,),
    )
    members = rows(
        conn,
        "SELECT e.rank, e.candidate_id AS id, e.event, e.diversity, e.quality, e.utility, m.rank AS now, c.instruction,"
        " p.generator, p.source, p.licence"
        " FROM bank_events e JOIN candidates c ON c.id = e.candidate_id"
        " JOIN proposals p ON p.candidate_id = c.id AND p.first = 1 LEFT JOIN members m ON m.candidate_id = c.id"
        " WHERE e.version = ? AND e.event != 'evicted' ORDER BY e.rank",
        (version,),
    )
    return {"version": made[0], "members": members}


def check_version(conn: sqlite3.Connection, version: int) -> None:
    """See that the bank had such a version.

    :raises ConfigError: it had not.
    """
    newest = bank_version(conn)
    if not 1 <= version <= newest:
        raise ConfigError(
            f"The bank has no version {version}.\n"
            f"  Expected {f'1 to {newest}' if newest else 'a bank that was filled; this one never was'}.\n"
            "  `insgen bank log` lists them."
        )
