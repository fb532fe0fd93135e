"""The seed set and its history: the tasks that may stand as examples in prompts.

Flows in: seed tasks from ``seeds.jsonl``, the changes a seed policy wants, and what the user says about single seeds.
Flows out: the seeds in force, in order of arrival. Every change leaves a row in ``seed_events`` with its reason; no
seed is ever deleted.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from insgen.errors import ConfigError
from insgen.records import Candidate, Seed, SeedChange

_COLUMNS = "id, instruction, input, output, weight, pinned"


def seed_of(task: Candidate) -> Seed:
    """Make a seed of a task; it has the task's content id."""
    return Seed(task.id, task.instruction, task.input, task.output)


def tasks_of(seeds: Sequence[Seed]) -> list[Candidate]:
    """The seeds that need vectors of their own, as candidates; a promoted one that was answered later has one."""
    tasks = [(seed.id, Candidate(seed.instruction, seed.input, seed.output)) for seed in seeds]
    return [task for id_, task in tasks if task.id == id_]


def active_seeds(conn: sqlite3.Connection) -> list[Seed]:
    """The seeds in force, in order of arrival."""
    rows = conn.execute(f"SELECT {_COLUMNS} FROM seeds WHERE active ORDER BY ordinal")  # noqa: S608 - a constant
    return [
        Seed(id_, instruction, input_, output, weight, bool(pinned))
        for id_, instruction, input_, output, weight, pinned in rows
    ]


def dropped_ids(conn: sqlite3.Connection) -> frozenset[str]:
    """Seeds that the user took out."""
    return frozenset(row[0] for row in conn.execute("SELECT id FROM seeds WHERE dropped"))


def sync_seeds(conn: sqlite3.Connection, tasks: Sequence[Candidate], round_: int, source: str) -> None:
    """Take in seed tasks that are not known yet; call it inside `Store.atomic`.

    :param source: where they come from, for the history.
    """
    known = {row[0] for row in conn.execute("SELECT id FROM seeds")}
    for task in tasks:
        if task.id not in known:
            known.add(task.id)
            _take_in(conn, seed_of(task))
            _tell(conn, round_, task.id, "added", source)


def apply_changes(conn: sqlite3.Connection, round_: int, changes: Sequence[SeedChange]) -> None:
    """Do what a seed policy wants, in order; call it inside `Store.atomic`.

    :param round_: the round that begins with the changed set.
    """
    for change in changes:
        seed = change.seed
        if change.event == "promoted":
            _take_in(conn, seed)
        elif change.event == "evicted":
            conn.execute("UPDATE seeds SET active = 0 WHERE id = ?", (seed.id,))
        else:
            conn.execute("UPDATE seeds SET weight = ? WHERE id = ?", (seed.weight, seed.id))
        _tell(conn, round_, seed.id, change.event, change.reason, json.dumps(dict(change.evidence)))


def pin(conn: sqlite3.Connection, seed_id: str, round_: int, reason: str, *, undo: bool = False) -> bool:
    """Keep policies from evicting a seed, or let them again; call it inside `Store.atomic`.

    :param round_: the last finished round.
    :returns: whether anything changed.
    :raises ConfigError: the seed is not in force.
    """
    active, pinned = conn.execute("SELECT active, pinned FROM seeds WHERE id = ?", (seed_id,)).fetchone()
    if not active and not undo:
        raise ConfigError(
            f"The seed {seed_id} is not in force, so it cannot be pinned.\n  Expected a seed in force.\n"
            "  `insgen seeds list` shows them; `insgen seeds drop ID --undo` brings back one that was dropped."
        )
    if bool(pinned) is not undo:
        return False
    conn.execute("UPDATE seeds SET pinned = ? WHERE id = ?", (int(not undo), seed_id))
    _tell(conn, round_, seed_id, "unpinned" if undo else "pinned", reason)
    return True


def drop(conn: sqlite3.Connection, seed_id: str, round_: int, reason: str, *, undo: bool = False) -> bool:
    """Take a seed out for good, or bring it back as it was; call it inside `Store.atomic`.

    :param round_: the last finished round.
    :returns: whether anything changed.
    """
    dropped = conn.execute("SELECT dropped FROM seeds WHERE id = ?", (seed_id,)).fetchone()[0]
    if bool(dropped) is not undo:
        return False
    conn.execute("UPDATE seeds SET dropped = ?, active = ? WHERE id = ?", (int(not undo), int(undo), seed_id))
    _tell(conn, round_, seed_id, "restored" if undo else "dropped", reason)
    return True


def find_seed(conn: sqlite3.Connection, wanted: str) -> str:
    """Turn an id, or enough of its beginning, into the id of a seed, in force or not.

    :raises ConfigError: none, or several, match.
    """
    prefix = wanted if wanted.startswith("b2:") else f"b2:{wanted}"
    rows = conn.execute("SELECT id FROM seeds WHERE substr(id, 1, ?) = ? LIMIT 5", (len(prefix), prefix))
    found = [row[0] for row in rows]
    if len(found) == 1:
        return str(found[0])
    problem = f"fits several seeds: {', '.join(found)}" if found else "is no seed's id"
    raise ConfigError(
        f'"{wanted}" {problem}.\n  Expected an id, or enough of its beginning.\n'
        "  `insgen seeds list --all` shows every seed with its id."
    )


def _take_in(conn: sqlite3.Connection, seed: Seed) -> None:
    """Let a seed be in force, as the newest; one that was evicted comes back."""
    conn.execute(
        "INSERT OR REPLACE INTO seeds (ordinal, id, instruction, input, output, weight, active, pinned, dropped)"
        " SELECT coalesce(max(ordinal), 0) + 1, ?, ?, ?, ?, ?, 1, 0, 0 FROM seeds",
        (seed.id, seed.instruction, seed.input, seed.output, seed.weight),
    )


def _tell(
    conn: sqlite3.Connection,
    round_: int,
    seed_id: str,
    event: str,
    reason: str,
    evidence: str = "{}",
) -> None:
    conn.execute(
        "INSERT INTO seed_events (round, seed_id, event, reason, evidence) VALUES (?,?,?,?,?)",
        (round_, seed_id, event, reason, evidence),
    )
