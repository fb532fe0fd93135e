"""Takes feedback in, and lets the seed policy change the seed set after it.

Flows in: files and feedback sources. Flows out: rows in the store, committed before the round that begins uses them. A
process that is killed in between finds the same feedback again, and the policy's state says what was used up: nothing
is lost, and nothing counts twice.
"""

from __future__ import annotations

import glob
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from insgen.bank.bank import Bank
from insgen.bank.seeds import apply_changes, dropped_ids, tasks_of
from insgen.config.settings import StageUse
from insgen.errors import DataError
from insgen.feedback import SCHEMA, read_feedback
from insgen.hooks import call
from insgen.hooks.handed import SeedContext
from insgen.hooks.registry import Plugins
from insgen.loop.failures import Tolerance
from insgen.loop.pipeline import Pipeline, make_stage
from insgen.models.embedding import Embedding
from insgen.records import SeedUpdate, TrainingStep
from insgen.store import feedback as feedback_store
from insgen.store.database import Store
from insgen.store.rounds import Position, add_positions, last_positions, last_round
from insgen.store.yields import add_notes, has_yields


@dataclass
class Imported:
    """What one feedback file brought.

    :ivar steps: steps of trainings by what became of them: ``new``, ``overwritten``, ``unchanged``, ``outdated``.
    :ivar signals: signals about single instructions, likewise.
    :ivar runs: the trainings, in order of appearance.
    :ivar unknown: ids (or texts) that this project never saw, with how often they stand there; stored all the same.
    """

    path: str
    steps: Counter[str] = field(default_factory=Counter)
    signals: Counter[str] = field(default_factory=Counter)
    runs: list[str] = field(default_factory=list)
    unknown: Counter[str] = field(default_factory=Counter)


def import_feedback(store: Store, path: Path) -> Imported:
    """Store a feedback file in one transaction: all of it, or nothing.

    :raises DataError: a line breaks the contract, or there is no record at all.
    """
    told = Imported(str(path))
    with store.atomic() as conn:
        round_ = last_round(conn) + 1
        for each in read_feedback(path):
            if isinstance(each.record, TrainingStep):
                told.steps[feedback_store.add_step(conn, each.record)] += 1
                if each.record.run_id not in told.runs:
                    told.runs.append(each.record.run_id)
            else:
                told.signals[feedback_store.add_signal(conn, round_, SCHEMA, each.record)] += 1
                name = feedback_store.unknown_name(conn, each.record)
                if name:
                    told.unknown[name] += 1
        if not told.steps and not told.signals:
            raise DataError(
                f"{path} holds no record.\n  Expected at least one line of the contract {SCHEMA}.\n"
                "  Name the file that the trainer wrote."
            )
        told.unknown.update(feedback_store.unknown_ids(conn, told.runs))
    return told


def speaks_contract(path: Path) -> bool:
    """Whether a file says that it is of the contract, or nothing that could be taken for evaluation results.

    :raises DataError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            first = next((line for line in file if line.strip()), b"")
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror or error}.\n  Expected a file with feedback, JSON Lines.\n"
            "  Name the file that the trainer or the evaluation wrote."
        ) from error
    try:
        row = json.loads(first)
    except (ValueError, RecursionError):
        return True
    return not isinstance(row, dict) or "schema" in row


def import_results(store: Store, plugins: Plugins, path: Path, options: Mapping[str, Any]) -> Imported:
    """Store a file of evaluation results in one transaction: all of it, or nothing.

    Only ids that this project never saw count as unknown: the texts of an evaluation are its own.

    :param options: of the feedback source ``eval-results``, besides its path.
    :raises DataError: it holds something else, or nothing.
    """
    if not path.exists():
        raise DataError(
            f"There is no file {path}.\n  Expected evaluation results.\n  Name the file the evaluation wrote."
        )
    given = {**options, "path": glob.escape(str(path.absolute()))}
    source = make_stage(plugins, "feedback source", StageUse("eval-results", given, "insgen feedback import"))
    told = Imported(str(path))
    position, moved = "", True
    with store.atomic() as conn:
        round_ = last_round(conn) + 1
        while moved:
            read = call.read_feedback(source, Path(), position)
            for signal in read.signals:
                told.signals[feedback_store.add_signal(conn, round_, source.version, signal)] += 1
                name = feedback_store.unknown_name(conn, signal)
                if name and not signal.text:
                    told.unknown[name] += 1
            position, moved = read.position, read.position != position
        if not told.signals:
            raise DataError(
                f"{told.path} holds no record.\n  Expected at least one item of an evaluation.\n"
                "  Name the file that the evaluation wrote."
            )
    return told


@dataclass
class Listener:
    """Listens before a round: reads the feedback sources, then asks the seed policy what to change.

    :ivar folder: the project's.
    :ivar seed: the project's seed.
    :ivar tolerance: what to do when a source fails.
    """

    store: Store
    bank: Bank
    pipeline: Pipeline
    embedding: Embedding
    folder: Path
    seed: int
    tolerance: Tolerance = field(default_factory=Tolerance)

    def listen(self, round_: int) -> Mapping[str, Mapping[str, float]]:
        """Take in what is new, and change the seed set; does nothing where there is nothing to go by.

        :returns: weights of seeds in the draws of single generators, see `insgen.SeedUpdate.weights`.
        :raises StageError: the feedback lacks what the seed policy goes by. What was read is stored.
        """
        names = [live.name for live in self.pipeline.feedback]
        for ordinal, before in enumerate(last_positions(self.store.conn, "feedback", names)):
            self._read(round_, ordinal, before.position)
        if feedback_store.has_feedback(self.store.conn) or has_yields(self.store.conn):
            return self._update(round_).weights
        return {}

    def _read(self, round_: int, ordinal: int, position: str) -> None:
        """Store what a source has to say, bit by bit, each with the position behind it."""
        live = self.pipeline.feedback[ordinal]
        while True:
            read = (
                None
                if self.tolerance.is_out(live)
                else self.tolerance.ask(call.read_feedback, live, self.folder, position)
            )
            if read is None:
                return
            moved = [Position("feedback", ordinal, live.name, read.position, False)] * (read.position != position)
            if moved or read.steps or read.signals:
                with self.store.atomic() as conn:
                    for step in read.steps:
                        feedback_store.add_step(conn, step)
                    for signal in read.signals:
                        feedback_store.add_signal(conn, round_, live.version, signal)
                    add_positions(conn, round_, moved)
            if not moved:
                return
            position = read.position

    def _update(self, round_: int) -> SeedUpdate:
        live, conn = self.pipeline.seed_policy, self.store.conn
        state = last_positions(conn, "seeds", [live.name])[0].position
        self.embedding.embed(tasks_of(self.bank.seeds()), 0, lambda done, total: None)  # noqa: ARG005 - nobody watches
        made = call.update_seeds(
            live,
            SeedContext(
                round=round_,
                seeds=self.bank.seeds(),
                dropped=dropped_ids(conn),
                feedback=feedback_store.StoredFeedback(conn),
                bank=self.bank,
                state=state,
                rng=Random(f"{self.seed}/{round_}/seed policy"),  # noqa: S311 - reproducible on purpose
            ),
        )
        if made.changes or made.state != state or made.notes:
            with self.store.atomic() as writing:
                apply_changes(writing, round_, made.changes)
                add_notes(writing, round_, live.name, made.notes)
                add_positions(writing, round_, [Position("seeds", 0, live.name, made.state, False)])
        return made
