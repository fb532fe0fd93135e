"""The seed set and its history: the tasks that may stand as examples in prompts.

Flows in: seed tasks (from ``seeds.jsonl``, or promoted by a seed policy). Flows out: the seeds in force, in order of
arrival.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from insgen.records import Candidate, Seed


def seed_of(task: Candidate) -> Seed:
    """Make a seed of a task; it has the task's content id."""
    return Seed(task.id, task.instruction, task.input, task.output)


def active_seeds(conn: sqlite3.Connection) -> list[Seed]:
    """The seeds in force, in order of arrival."""
    rows = conn.execute("SELECT id, instruction, input, output, weight FROM seeds WHERE active ORDER BY ordinal")
    return [Seed(*row) for row in rows]


def sync_seeds(conn: sqlite3.Connection, tasks: Sequence[Candidate], round_: int, source: str) -> None:
    """Take in seed tasks that are not known yet; call it inside `Store.atomic`.

    :param source: where they come from, for the history.
    """
    known = {row[0] for row in conn.execute("SELECT id FROM seeds")}
    for task in tasks:
        if task.id in known:
            continue
        known.add(task.id)
        seed = seed_of(task)
        conn.execute(
            "INSERT INTO seeds SELECT ?, coalesce(max(ordinal), 0) + 1, ?, ?, ?, ?, 1 FROM seeds",
            (seed.id, seed.instruction, seed.input, seed.output, seed.weight),
        )
        conn.execute(
            "INSERT INTO seed_events (round, seed_id, event, reason) VALUES (?,?,'added',?)", (round_, task.id, source)
        )
