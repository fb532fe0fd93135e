"""Feedback as it is stored: the steps of trainings, and signals about single instructions.

Flows in: `TrainingStep` and `Signal` records. Flows out: the same records, and counts of what was new. Of two records
of the same step (or signal) the newer one counts, by their own times and, where those are equal, by their contents: so
neither the order of the records nor importing a file again changes what is stored.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from insgen.records import Candidate, CandidateId, Signal, TrainingSeries, TrainingStep, Yield, content_hash
from insgen.store import yields

NEW, OVERWRITTEN, UNCHANGED, OUTDATED = "new", "overwritten", "unchanged", "outdated"
"""What became of a record: it was the first, newer than the stored one, the stored one itself, or older."""

_STEP_COLUMNS = (
    *("run_id", "step", "round", "loss", "grad_norm", "grad_norm_kind", "max_grad_norm", "lr", "n_target_tokens"),
    *("trainable_params", "time"),
)


def add_step(conn: sqlite3.Connection, step: TrainingStep) -> str:
    """Record one executed step; call it inside `Store.atomic`.

    :returns: `NEW`, `OVERWRITTEN`, `UNCHANGED` or `OUTDATED`.
    """
    digest = content_hash(json.dumps(vars(step) | {"item_loss": dict(step.item_loss)}, sort_keys=True))
    key = (step.run_id, step.step)
    stored = conn.execute("SELECT time, digest FROM feedback_step WHERE run_id = ? AND step = ?", key).fetchone()
    became = _compare(stored, (step.time, digest))
    if became in (UNCHANGED, OUTDATED):
        return became
    if became == OVERWRITTEN:
        conn.execute("DELETE FROM feedback_item WHERE run_id = ? AND step = ?", key)
    values = [getattr(step, name) for name in _STEP_COLUMNS]
    marks = ",".join("?" * (len(values) + 1))
    conn.execute(
        f"INSERT OR REPLACE INTO feedback_step ({', '.join(_STEP_COLUMNS)}, digest) VALUES ({marks})",  # noqa: S608 - our own names
        (*values, digest),
    )
    conn.executemany(
        "INSERT INTO feedback_item VALUES (?,?,?,?,?,?)",
        (
            (*key, micro, pos, id_, step.item_loss.get(id_))
            for micro, ids in enumerate(step.items)
            for pos, id_ in enumerate(ids)
        ),
    )
    return became


def add_signal(conn: sqlite3.Connection, round_: int, version: str, signal: Signal) -> str:
    """Record one signal; call it inside `Store.atomic`.

    A signal about a text is recorded about the candidate with that instruction, where there is one.

    :param round_: the round that begins; ``version``: of what brought it.
    :returns: `NEW`, `OVERWRITTEN`, `UNCHANGED` or `OUTDATED`.
    """
    id_ = signal.candidate_id or _with_text(conn, signal.text)
    key = (id_, signal.text, signal.name, signal.source)
    stored = conn.execute(
        "SELECT time, value FROM signals WHERE candidate_id = ? AND text = ? AND name = ? AND source = ?", key
    ).fetchone()
    became = _compare(stored, (signal.time, signal.value))
    if became in (NEW, OVERWRITTEN):
        conn.execute(
            "INSERT INTO signals (candidate_id, text, name, source, round, value, time, version)"
            " VALUES (?,?,?,?,?,?,?,?) ON CONFLICT (candidate_id, text, name, source) DO UPDATE SET"
            " round = excluded.round, value = excluded.value, time = excluded.time, version = excluded.version",
            (*key, round_, signal.value, signal.time, version),
        )
    return became


def _compare(stored: tuple[Any, ...] | None, told: tuple[Any, ...]) -> str:
    if stored is None:
        return NEW
    if stored == told:
        return UNCHANGED
    return OVERWRITTEN if told > stored else OUTDATED


def _with_text(conn: sqlite3.Connection, text: str) -> str:
    key = Candidate(text).text_key
    row = conn.execute("SELECT id FROM candidates WHERE text_key = ? ORDER BY rowid LIMIT 1", (key,)).fetchone()
    return str(row[0]) if row else ""


def has_feedback(conn: sqlite3.Connection) -> bool:
    """Whether anything was ever said from outside."""
    return bool(
        conn.execute("SELECT EXISTS (SELECT 1 FROM feedback_step) OR EXISTS (SELECT 1 FROM signals)").fetchone()[0]
    )


def has_round(conn: sqlite3.Connection, round_: int) -> bool:
    """Whether a training told steps of a round."""
    return bool(conn.execute("SELECT EXISTS (SELECT 1 FROM feedback_step WHERE round = ?)", (round_,)).fetchone()[0])


@dataclass(frozen=True)
class StoredFeedback:
    """All stored feedback, read-only; implements `insgen.FeedbackView`."""

    conn: sqlite3.Connection

    def series(self) -> Sequence[TrainingSeries]:
        """See `insgen.FeedbackView.series`."""
        rows = self.conn.execute(
            "SELECT run_id, trainable_params, count(*), min(step), max(step) FROM feedback_step"
            " GROUP BY run_id, trainable_params ORDER BY min(time), run_id, trainable_params"
        )
        return [TrainingSeries(*row) for row in rows]

    def steps(self, series: TrainingSeries, after: int = 0) -> Iterator[TrainingStep]:
        """See `insgen.FeedbackView.steps`."""
        rows = self.conn.execute(
            f"SELECT {', '.join(_STEP_COLUMNS)} FROM feedback_step WHERE run_id = ? AND trainable_params IS ?"  # noqa: S608 - our own names
            " AND step > ? ORDER BY step",
            (series.run_id, series.trainable_params, after),
        )
        for row in rows:
            told = dict(zip(_STEP_COLUMNS, row, strict=True))
            items, losses = self._items(told["run_id"], told["step"])
            yield TrainingStep(**told, items=items, item_loss=losses)

    def _items(self, run_id: str, step: int) -> tuple[tuple[tuple[str, ...], ...], dict[str, float]]:
        """What was executed, by micro-batch (an empty last one is not kept), and the losses told."""
        micros: list[list[str]] = [[]]
        losses: dict[str, float] = {}
        for micro, id_, loss in self.conn.execute(
            "SELECT micro, instruction_id, loss FROM feedback_item WHERE run_id = ? AND step = ? ORDER BY micro, pos",
            (run_id, step),
        ):
            micros.extend([] for _ in range(micro + 1 - len(micros)))
            micros[micro].append(id_)
            if loss is not None:
                losses[id_] = loss
        return tuple(map(tuple, micros)), losses

    def signals(self, name: str = "") -> Sequence[Signal]:
        """See `insgen.FeedbackView.signals`."""
        rows = self.conn.execute(
            "SELECT candidate_id, name, value, source, text, time FROM signals WHERE ? IN ('', name) ORDER BY id",
            (name,),
        )
        return [Signal(CandidateId(id_), *rest) for id_, *rest in rows]

    def yields(self) -> Sequence[Yield]:
        """See `insgen.FeedbackView.yields`."""
        return yields.yields(self.conn)


def unknown_ids(conn: sqlite3.Connection, run_ids: Sequence[str]) -> dict[str, int]:
    """Ids that some trainings executed and this project never saw, with how often they were executed."""
    rows = conn.execute(
        "SELECT i.instruction_id, count(*) FROM feedback_item i WHERE i.run_id IN (SELECT value FROM json_each(?))"
        " AND NOT EXISTS (SELECT 1 FROM candidates c WHERE c.id = i.instruction_id)"
        " AND NOT EXISTS (SELECT 1 FROM seeds s WHERE s.id = i.instruction_id) GROUP BY 1 ORDER BY 2 DESC, 1",
        (json.dumps(list(run_ids)),),
    )
    return dict(rows.fetchall())


def unknown_name(conn: sqlite3.Connection, signal: Signal) -> str:
    """The id (or the text, where there is no id) that a signal names, when this project never saw it; else empty."""
    id_ = signal.candidate_id or _with_text(conn, signal.text)
    known = conn.execute(
        "SELECT EXISTS (SELECT 1 FROM candidates WHERE id = ?1) OR EXISTS (SELECT 1 FROM seeds WHERE id = ?1)", (id_,)
    ).fetchone()[0]
    return "" if known else signal.candidate_id or signal.text
