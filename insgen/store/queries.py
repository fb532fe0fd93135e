"""Read-only questions for reports and the command line; every function takes a reader's connection.

Answers are plain dicts in the words of the tables, ready for ``--json``.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from insgen.errors import ConfigError
from insgen.records import CandidateId, Member
from insgen.store import ledger
from insgen.store import members as member_store
from insgen.store.blame import changed_plugins, failures, failures_of, last_run, plugins_of
from insgen.store.costs import per_kept_row, totals

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Row = dict[str, Any]


def rows(conn: sqlite3.Connection, statement: str, parameters: Sequence[object] = ()) -> list[Row]:
    """Run a statement and give its rows as dicts."""
    cursor = conn.execute(statement, parameters)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def status(conn: sqlite3.Connection) -> Row:
    """Where the project stands: runs, rounds, fates, rejections, bank, money."""
    bank = rows(conn, "SELECT version, members, size, selector, model FROM bank_versions ORDER BY version DESC LIMIT 1")
    run_id = last_run(conn)
    last = rows(conn, "SELECT id, started_utc, finished_utc, reason FROM runs ORDER BY id DESC LIMIT 1")
    return {
        "last_run": last[0] if last else None,
        "rounds": rows(conn, "SELECT * FROM v_rounds ORDER BY round"),
        "candidates": _count(conn, "SELECT count(*) FROM candidates"),
        "waiting": _count(conn, "SELECT count(*) FROM proposals WHERE round IS NULL"),
        "fates": {
            row["fate"]: row["n"]
            for row in rows(conn, "SELECT fate, count(*) AS n FROM v_fate GROUP BY fate ORDER BY n DESC")
        },
        "rejections": rejections(conn),
        "unreadable": _count(conn, "SELECT count(*) FROM unreadable"),
        "bank": bank[0] if bank else None,
        "mean_quality": _one(conn, "SELECT avg(quality) FROM members"),
        "costs": totals(conn),
        "per_kept_row": per_kept_row(conn),
        "plugins": plugins_of(conn, run_id),
        "failures": failures(conn, run_id),
        "changed_plugins": changed_plugins(conn, run_id),
    }


def rejections(conn: sqlite3.Connection) -> list[Row]:
    """How many each filter rejected, for which reason, most first."""
    return rows(
        conn,
        "SELECT filter, reason, count(*) AS n FROM verdicts WHERE NOT kept GROUP BY filter, reason ORDER"
        " BY n DESC, filter, reason",
    )


def find_candidate(conn: sqlite3.Connection, wanted: str) -> str:
    """Turn what the user typed (an id, its beginning, or a bank rank such as ``#3``) into a candidate's id.

    :raises ConfigError: none, or several, match.
    """
    if re.fullmatch(r"#?\d{1,6}", wanted):
        found = [
            row[0]
            for row in conn.execute("SELECT candidate_id FROM members WHERE rank = ?", (int(wanted.lstrip("#")),))
        ]
        if found:
            return str(found[0])
    prefix = wanted if wanted.startswith("b2:") else f"b2:{wanted}"
    found = [
        row[0]
        for row in conn.execute("SELECT id FROM candidates WHERE substr(id, 1, ?) = ? LIMIT 5", (len(prefix), prefix))
    ]
    if len(found) == 1:
        return str(found[0])
    problem = (
        f"fits several candidates: {', '.join(found)}" if found else "is no candidate's id and no rank of the bank"
    )
    raise ConfigError(
        f'"{wanted}" {problem}.\n  Expected an id (or enough of its beginning), or a rank such as 3.\n'
        "  `insgen bank list` shows ranks and ids."
    )


def story(conn: sqlite3.Connection, candidate_id: str) -> Row:
    """Everything that is known about one candidate, in the order it happened."""
    one = rows(conn, "SELECT * FROM candidates WHERE id = ?", (candidate_id,))[0]
    by_id = (candidate_id,)
    proposals = rows(
        conn,
        "SELECT p.*, a.source AS added_from FROM proposals p LEFT JOIN arrivals a ON a.id = p.arrival_id"
        " WHERE candidate_id = ? ORDER BY p.id",
        by_id,
    )
    calls = [p["call_id"] for p in proposals if p["call_id"]]
    return {
        "candidate": one | {"turns": json.loads(one["turns"])},
        "fate": rows(conn, "SELECT fate, reason, rank, quality FROM v_fate WHERE id = ?", by_id)[0],
        "proposals": [p | {"seed_ids": json.loads(p["seed_ids"])} for p in proposals],
        "calls": [row for id_ in calls for row in rows(conn, "SELECT * FROM calls WHERE id = ?", (id_,))],
        "verdicts": rows(
            conn,
            "SELECT v.*, n.instruction AS neighbour_instruction FROM verdicts v LEFT JOIN candidates n ON"
            " n.id = v.neighbour"
            " WHERE v.candidate_id = ? ORDER BY v.round, v.ordinal",
            by_id,
        ),
        "answers": rows(conn, "SELECT * FROM answers WHERE candidate_id = ?", by_id),
        "scores": [
            row | {"parts": json.loads(row["parts"])}
            for row in rows(conn, "SELECT * FROM scores WHERE candidate_id = ? ORDER BY round, ordinal", by_id)
        ],
        "signals": rows(conn, "SELECT * FROM signals WHERE candidate_id = ? ORDER BY id", by_id),
        "failures": failures_of(conn, candidate_id),
        "bank": rows(
            conn,
            "SELECT e.version, b.round, e.event, e.rank, e.diversity, e.quality, e.utility FROM bank_events e"
            " JOIN bank_versions b ON b.version = e.version WHERE e.candidate_id = ? ORDER BY e.version",
            by_id,
        ),
    }


def bank_rows(conn: sqlite3.Connection, top: int | None = None) -> list[Row]:
    """The bank as `v_bank` shows it, best first."""
    return rows(conn, "SELECT * FROM v_bank LIMIT ?", (-1 if top is None else top,))


def bank_log(conn: sqlite3.Connection) -> list[Row]:
    """Every version of the bank, newest first."""
    return rows(
        conn,
        "SELECT v.version, v.round, v.made_utc, v.action, v.selector, v.model, v.size,"
        " v.members, v.admitted, v.evicted,"
        " (SELECT avg(e.quality) FROM bank_events e WHERE e.version = v.version AND e.event != 'evicted')"
        " AS mean_quality"
        " FROM bank_versions v ORDER BY v.version DESC",
    )


def bank_diff(conn: sqlite3.Connection, before: int, after: int) -> Row:
    """What changed in the bank between two versions: who came, who went, and how far the others moved."""
    statement = (
        "SELECT e.candidate_id AS id, c.instruction, e.rank FROM bank_events e JOIN candidates c ON c.id"
        " = e.candidate_id"
        " WHERE e.version = ? AND e.event != 'evicted' ORDER BY e.rank"
    )
    for version in (before, after):
        known = _one(conn, "SELECT max(version) FROM bank_versions") or 0
        if not 0 <= version <= known:
            raise ConfigError(
                f"The bank has no version {version}.\n  Expected 0 (empty) to {known}.\n  `insgen bank log` lists them."
            )
    old = {row["id"]: row for row in rows(conn, statement, (before,))}
    new = {row["id"]: row for row in rows(conn, statement, (after,))}
    moved = [
        row | {"was": old[id_]["rank"], "moved": old[id_]["rank"] - row["rank"]}
        for id_, row in new.items()
        if id_ in old and old[id_]["rank"] != row["rank"]
    ]
    return {
        "admitted": [row for id_, row in new.items() if id_ not in old],
        "evicted": [row for id_, row in old.items() if id_ not in new],
        "moved": sorted(moved, key=lambda row: -abs(row["moved"])),
        "unmoved": sum(1 for id_, row in new.items() if id_ in old and old[id_]["rank"] == row["rank"]),
    }


def members(conn: sqlite3.Connection) -> Iterator[Member]:
    """The bank's members, best first, without vectors."""
    yield from member_store.members(conn)


def bank_vectors(conn: sqlite3.Connection, top: int | None) -> tuple[list[CandidateId], NDArray[np.float32]]:
    """Ids of the best members, best first, and their vectors, float32, shape ``(n, d)``, L2 norm 1 by row.

    :param top: only the best so many; ``None`` = all.
    """
    import numpy as np

    found = conn.execute("SELECT candidate_id FROM members ORDER BY rank LIMIT ?", (-1 if top is None else top,))
    ids = [CandidateId(row[0]) for row in found]
    model = _one(conn, "SELECT model FROM bank_versions ORDER BY version DESC LIMIT 1")
    vectors = ledger.vectors(conn, str(model), ids)
    return ids, np.stack([vectors[id_][1] for id_ in ids]) if ids else np.empty((0, 0), dtype=np.float32)


def card_counts(conn: sqlite3.Connection) -> Row:
    """What the data set's card tells: counts, generators, model, and the last run's config and plugins."""
    totals = rows(conn, "SELECT coalesce(sum(proposed), 0) AS proposed, coalesce(sum(kept), 0) AS kept FROM rounds")[0]
    run = rows(conn, "SELECT config, config_hash, plugins FROM runs ORDER BY id DESC LIMIT 1")
    generators = rows(conn, "SELECT generator FROM proposals WHERE round IS NOT NULL GROUP BY 1 ORDER BY min(id)")
    return {
        "totals": totals,
        "rejections": rejections(conn),
        "generators": [row["generator"] for row in generators],
        "n_bank": _count(conn, "SELECT count(*) FROM members"),
        "run": run[0] | {name: json.loads(run[0][name]) for name in ("config", "plugins")} if run else None,
        "model": _one(conn, "SELECT model FROM bank_versions ORDER BY version DESC LIMIT 1"),
        "version": member_store.bank_version(conn),
    }


def _one(conn: sqlite3.Connection, statement: str) -> Any:
    row = conn.execute(statement).fetchone()
    return row[0] if row else None


def _count(conn: sqlite3.Connection, statement: str) -> int:
    return int(_one(conn, statement))


def rejected_examples(conn: sqlite3.Connection, n: int) -> list[Row]:
    """Some rejected candidates, of as many filters and reasons as there are: the first of each, then the second ..."""
    return rows(
        conn,
        "SELECT * FROM (SELECT v.filter, v.reason, v.measure, v.value, v.limit_value, v.neighbour, c.instruction,"
        " n.instruction AS neighbour_instruction,"
        " row_number() OVER (PARTITION BY v.filter, v.reason ORDER BY v.round, v.candidate_id) AS place"
        " FROM verdicts v JOIN candidates c ON c.id = v.candidate_id LEFT JOIN candidates n ON n.id = v.neighbour"
        " WHERE NOT v.kept) ORDER BY place, filter, reason LIMIT ?",
        (n,),
    )
