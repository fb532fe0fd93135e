"""Plays one episode: a plain training loop that asks for each batch when the step before it is done and measured.

Flows in: a dialogue, a training, encoded rows, validation rows. Flows out: a dialogue whose choices have their rewards.
In a folder it keeps a checkpoint now and then, with the choices made up to there; killed, or stopped by a loss that is
not finite, it goes on from the newest and ends as if nothing had happened.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from insgen.errors import DataError
from insgen.training.checkpoints import checkpoints, load_checkpoint, save_checkpoint, step_of
from insgen.training.encoding import Encoded
from insgen.training.raising.dialogue import Dialogue
from insgen.training.raising.episode import Choice
from insgen.training.steps import StepOutcome, Training
from insgen.training.target import TargetModel


@dataclass(frozen=True)
class Played:
    """One step of an episode.

    :ivar number: of the episode, from 1.
    :ivar n_steps: steps that it has.
    :ivar perf: P after the step; ``None`` where it was not measured.
    """

    number: int
    n_steps: int
    outcome: StepOutcome
    perf: float | None


Watch = Callable[[Played], None]


@dataclass(frozen=True)
class Stand:
    """What an episode is played on.

    :ivar rows: encoded, by id.
    :ivar validation: rows that P is measured on.
    :ivar checkpoint_every: optimiser steps between two checkpoints.
    """

    rows: Mapping[str, Encoded]
    validation: Sequence[Encoded]
    checkpoint_every: int


def performance(target: TargetModel, rows: Sequence[Encoded], rows_at_once: int) -> float:
    """P: minus the mean loss of all target tokens of some rows, in nats."""
    losses = target.losses(rows, rows_at_once)
    total = math.fsum((loss or 0.0) * row.n_targets for loss, row in zip(losses, rows, strict=True))
    return -total / sum(row.n_targets for row in rows)


def play(dialogue: Dialogue, training: Training, stand: Stand, folder: Path, watch: Watch) -> float:
    """Play an episode to its end, from its newest checkpoint where there is one.

    :param folder: of this episode alone; made when it is not there.
    :returns: P after the last step.
    :raises DivergedError: a loss or gradient is not finite; called again, it goes on from the newest checkpoint.
    :raises StageError: the validation loss is not finite; likewise.
    """
    every, looks = dialogue.options.evaluate_every, training.options.rows_at_once
    perf = last = _resume(dialogue, training, folder)
    if last is None:
        perf = last = performance(training.target, stand.validation, looks)
    while training.step < training.n_steps:
        step = training.step + 1
        ids = dialogue.propose(step, perf)
        outcome = training.advance([stand.rows[id_] for id_ in ids])
        looked = step % every == 0 or step == training.n_steps
        perf = performance(training.target, stand.validation, looks) if looked else None
        dialogue.report(step, perf, ids)
        watch(Played(dialogue.number, training.n_steps, outcome, perf))
        last = last if perf is None else perf
        if perf is not None and (step % stand.checkpoint_every == 0 or step == training.n_steps):
            _keep(dialogue, training, perf, folder)
    return last


def _keep(dialogue: Dialogue, training: Training, perf: float, folder: Path) -> None:
    """Write the choices, then the checkpoint that makes them count, then remove older choices."""
    folder.mkdir(parents=True, exist_ok=True)
    write_choices(_choices_of(folder, training.step), dialogue.episode.choices, perf)
    kept = save_checkpoint(training, folder)
    for older in folder.glob("choices-*.jsonl"):
        if older != _choices_of(folder, step_of(kept)):
            older.unlink()


def _resume(dialogue: Dialogue, training: Training, folder: Path) -> float | None:
    """Go on from the newest checkpoint; gives P after it, ``None`` where there is none."""
    found = checkpoints(folder)
    if not found:
        shutil.rmtree(folder, ignore_errors=True)  # choices without their checkpoint
        return None
    step = step_of(found[-1])
    choices, perf = read_choices(_choices_of(folder, step))
    load_checkpoint(training, found[-1])
    dialogue.restore(choices, step)
    return perf


def _choices_of(folder: Path, step: int) -> Path:
    return folder / f"choices-{step:06d}.jsonl"


def write_choices(path: Path, choices: Sequence[Choice], perf: float) -> None:
    """Write the choices of an episode, whole or not at all.

    :param perf: P after the last step that they were played to.
    """
    part = path.with_name(f".{path.name}.part")
    lines = [json.dumps({"perf": perf}), *(choice.line() for choice in choices)]
    part.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    part.replace(path)


def read_choices(path: Path) -> tuple[list[Choice], float]:
    """Read what `write_choices` wrote.

    :raises DataError: it cannot be read.
    """
    try:
        first, *rest = path.read_text("utf-8").splitlines()
        return [Choice.read(line) for line in rest], json.loads(first)["perf"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} cannot be read as the choices of an episode: {error}.\n  Expected what an earlier call wrote.\n"
            "  Remove the episode's folder to play it anew."
        ) from error
