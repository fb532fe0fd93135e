"""Replay: the stored proposals judged again with other settings; nothing is spent, nothing in the project changes.

Flows in: a project and overrides. Flows out: old and new figures side by side. The new run plays in a scratch copy
of the database: every round's proposals stand there as added data that waits, and the vectors are already known.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from insgen.errors import ConfigError
from insgen.loop.assemble import Assembly
from insgen.loop.proposals import Proposed, Proposer
from insgen.store import proposals, queries
from insgen.store.database import open_reader, open_store
from insgen.store.rounds import last_round

_FORGOTTEN = (
    "rounds",
    "positions",
    "verdicts",
    "answers",
    "scores",
    "kept",
    "members",
    "bank_events",
    "bank_versions",
    "runs",
    "work",
    "failures",
    "failed_candidates",
)


@dataclass(frozen=True)
class Replay:
    """Old and new, side by side.

    :ivar old: figures of the project as it stands; ``new``: of the replay.
    :ivar shared: members that both banks have.
    :ivar gained: members only the new bank has, best first (rank, id, instruction); ``lost``: only the old one.
    """

    old: dict[str, Any]
    new: dict[str, Any]
    shared: int
    gained: list[dict[str, Any]]
    lost: list[dict[str, Any]]


@dataclass
class _Stored(Proposer):
    """The proposals of an earlier run; each round keeps its number, for random draws depend on it.

    :ivar rounds: how many there were.
    """

    rounds: int = 0

    def next(self, round_: int) -> Proposed | None:
        if round_ > self.rounds:
            return None
        ids, candidates, first = proposals.waiting(self.store.conn, -1, arrival_id=round_)
        return Proposed(candidates, first, ids)


def replay(path: Path, settings: Sequence[str], watcher: object | None = None) -> Replay:
    """Judge a project's stored proposals again.

    :param settings: ``KEY=VALUE`` overrides for filters, scorers and selector.
    :raises ConfigError: no round was played yet, or the config needs an LLM for a stage after parsing.
    """
    assembly = Assembly(path, settings)
    if watcher is not None:
        assembly.watch(watcher)
    assembly.pipeline = replace(assembly.pipeline, generators=(), feedback=())
    reader = open_reader(assembly.config.database)
    rounds = last_round(reader)
    with tempfile.TemporaryDirectory(prefix="insgen-replay-") as folder:
        scratch = Path(folder) / "insgen.db"
        _copy(reader, scratch)
        with assembly.open(scratch) as run:
            run.proposer = _Stored(**vars(run.proposer), rounds=rounds)
            run.loop = replace(run.loop, rounds=0, target=0, min_yield=0.0)
            run.play()
        new_reader = open_reader(scratch)
        old_bank, new_bank = queries.bank_rows(reader), queries.bank_rows(new_reader)
        old_ids, new_ids = {row["id"] for row in old_bank}, {row["id"] for row in new_bank}
        result = Replay(
            old=_figures(reader),
            new=_figures(new_reader),
            shared=len(old_ids & new_ids),
            gained=[_short(row) for row in new_bank if row["id"] not in old_ids],
            lost=[_short(row) for row in old_bank if row["id"] not in new_ids],
        )
        new_reader.close()
    reader.close()
    return result


def _copy(reader: sqlite3.Connection, scratch: Path) -> None:
    """Copy the database and let every finished round's proposals wait again; what never was judged stays out."""
    if not reader.execute("SELECT count(*) FROM rounds").fetchone()[0]:
        raise ConfigError(
            "No round was played in this project yet.\n  Expected stored proposals to judge again.\n"
            "  Call `insgen run` first."
        )
    target = sqlite3.connect(scratch)
    reader.backup(target)
    target.close()
    store = open_store(scratch)
    with store.atomic() as conn:
        conn.execute("DELETE FROM proposals WHERE round IS NULL")
        conn.execute("DELETE FROM arrivals")
        conn.execute("INSERT INTO arrivals SELECT round, '', '', '', 0, 0 FROM rounds")
        conn.execute("UPDATE proposals SET arrival_id = round, round = NULL")
        conn.execute("UPDATE candidates SET fate = 'waiting', reason = ''")
        conn.execute("UPDATE vectors SET round = 0")
        for table in _FORGOTTEN:
            conn.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
    store.close()


def _figures(conn: sqlite3.Connection) -> dict[str, Any]:
    status = queries.status(conn)
    spread = queries.rows(
        conn, "SELECT avg(diversity) AS mean_diversity, avg(length(output)) AS mean_output_characters FROM v_bank"
    )[0]
    return {
        "rounds": len(status["rounds"]),
        "candidates": sum(row["proposed"] for row in status["rounds"]),
        "kept": sum(row["kept"] for row in status["rounds"]),
        "members": status["bank"]["members"] if status["bank"] else 0,
        "mean_quality": status["mean_quality"],
        **spread,
        "rejections": {f"{row['filter']}: {row['reason']}": row["n"] for row in status["rejections"]},
    }


def _short(row: dict[str, Any]) -> dict[str, Any]:
    return {"rank": row["rank"], "id": row["id"], "instruction": row["instruction"]}
