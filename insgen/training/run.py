"""One training run in one folder: plan, records, checkpoints, the trained model; called again, it goes on.

Flows in: settings, planned batches and their candidates. Flows out, in the folder:

    train.json           the run's name, its settings, and the plan: ids by batch
    feedback.jsonl       one record per optimiser step
    checkpoint-000050/   the newest checkpoint, until there is a model: the optimiser's state is twice its size
    model/               the trained model (with LoRA: its matrices), once it is done

After a kill the next call goes on from the newest checkpoint, and ends with the weights and records that a run which
was left alone would have.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from insgen.errors import ConfigError, DataError
from insgen.records import Candidate, TrainingStep
from insgen.training.checkpoints import checkpoints, load_checkpoint, remove_checkpoints, save_checkpoint
from insgen.training.encoding import Encoded
from insgen.training.lora import LoraOptions, add_lora
from insgen.training.records import FeedbackFile, new_run_id
from insgen.training.settings import changed
from insgen.training.steps import StepOptions, Training, train_steps
from insgen.training.target import ModelOptions, TargetModel

SCHEMA = "insgen.train/1"
_LOG = logging.getLogger(__name__)
# What may change when a run is resumed: how it is computed, and what makes it go on after it diverged.
_FREE = {"device", "rows_at_once", "lr", "weight_decay", "max_grad_norm", "checkpoint_every", "round"}


@dataclass(frozen=True)
class TrainSettings:
    """Everything that decides what is trained."""

    model: ModelOptions
    lora: LoraOptions = field(default_factory=LoraOptions)
    optimiser: StepOptions = field(default_factory=StepOptions)
    #: how often the plan is gone through, in the same order each time
    epochs: int = 1
    #: optimiser steps; 0 = as many as the epochs make
    steps: int = 0
    #: how the plan was made, for people; a plan made in another way is another run
    plan: str = ""
    #: seed of LoRA's first values and of dropout
    seed: int = 0
    #: optimiser steps between two checkpoints
    checkpoint_every: int = 50
    #: the round that the records name; that of the first call stays
    round: int = 0

    def __post_init__(self) -> None:
        for name, value, least in (
            ("epochs", self.epochs, 1),
            ("steps", self.steps, 0),
            ("checkpoint_every", self.checkpoint_every, 1),
            ("round", self.round, 0),
        ):
            if value < least:
                raise ConfigError(f"{name} = {value} is too small.\n  Expected {least} or more.\n  Raise it.")

    def flat(self) -> dict[str, Any]:
        """All settings by name."""
        whole = asdict(self)
        parts = [whole.pop(name) for name in ("model", "optimiser")]
        lora = {f"lora_{name}": value for name, value in whole.pop("lora").items()}
        return json.loads(json.dumps({**parts[0], **lora, **parts[1], **whole}))  # type: ignore[no-any-return]  # a dict


@dataclass(frozen=True)
class TrainResult:
    """What a run came to.

    :ivar n_new: steps that this call made.
    :ivar losses: of the first and the last step.
    :ivar left_out: why rows of the plan were not trained on -> how many.
    :ivar n_cut: rows that lost their end to `ModelOptions.max_tokens`.
    """

    run_id: str
    n_steps: int
    n_new: int
    losses: tuple[float, float]
    left_out: Mapping[str, int]
    n_cut: int
    feedback: Path
    model: Path


Watch = Callable[[TrainingStep, int], None]
"""Called after each step, with the number of steps there will be."""


class TrainRun:
    """A run in its folder.

    :ivar folder: made when it is not there.
    """

    def __init__(self, folder: Path, settings: TrainSettings) -> None:
        self.folder = folder
        self.settings = settings
        self.feedback = FeedbackFile(folder / "feedback.jsonl")
        self.model = folder / "model"

    def planned(self) -> list[list[str]] | None:
        """Give the plan of the run that was begun here, as ids by batch; ``None`` where none was."""
        begun = self._begun()
        return begun["plan"] if begun else None

    def play(self, batches: Sequence[Sequence[Candidate]], watch: Watch) -> TrainResult:
        """Begin, or go on, and train to the end.

        :param batches: the plan; of a run that was begun here, the same.
        :raises InsgenError: other settings than those it was begun with, nothing to train on, no such model, or it
            diverged: the next call goes on from the newest checkpoint.
        """
        plan = [[str(row.id) for row in batch] for batch in batches]
        self._check(plan)
        _seed(self.settings.seed)
        target = TargetModel.load(self.settings.model, frozen_base=self.settings.lora.rank > 0)
        if self.settings.lora.rank:
            add_lora(target, self.settings.lora)
        encoded, left_out, n_cut = _encoded(target, batches)
        n_steps = self.settings.steps or self.settings.epochs * len(encoded)
        training = Training(target, self.settings.optimiser, n_steps)
        begun = self._begun() or self._begin(plan)
        before = n_steps if self.model.exists() else self._go_on(training, begun["run_id"])
        rest = (encoded[step % len(encoded)] for step in range(before, n_steps))
        for outcome in train_steps(training, rest):
            record = training.record(outcome, begun["run_id"], begun["settings"]["round"])
            self.feedback.append(record)
            watch(record, n_steps)
            if training.step % self.settings.checkpoint_every == 0 and training.step < n_steps:
                save_checkpoint(training, self.folder)
        if not self.model.exists():
            self._save_model(training)
        self.sweep()
        facts = (begun["run_id"], n_steps, n_steps - before, self._losses(), left_out, n_cut)
        return TrainResult(*facts, self.feedback.path, self.model)

    def sweep(self) -> None:
        """Remove the checkpoints of a run whose model is saved; again where a kill came before it."""
        if self.model.exists():
            remove_checkpoints(self.folder)

    def _go_on(self, training: Training, run_id: str) -> int:
        """Put a training where the newest checkpoint left it, records too; gives its step, 0 where there is none."""
        done = checkpoints(self.folder)
        if done:
            load_checkpoint(training, done[-1])
            _LOG.info("training goes on after step %d of %d", training.step, training.n_steps)
        self.feedback.begin(training.step, run_id)
        return training.step

    def _begun(self) -> dict[str, Any] | None:
        path = self.folder / "train.json"
        return dict(json.loads(path.read_text("utf-8"))) if path.exists() else None

    def _begin(self, plan: list[list[str]]) -> dict[str, Any]:
        begun = {"schema": SCHEMA, "run_id": new_run_id(), "settings": self.settings.flat(), "plan": plan}
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.folder / f".train.json.{os.getpid()}.part"
        part.write_text(json.dumps(begun) + "\n", encoding="utf-8")
        part.replace(self.folder / "train.json")
        return begun

    def _check(self, plan: list[list[str]]) -> None:
        """Refuse a folder of something else, and other settings than those a run was begun with."""
        begun = self._begun()
        if begun is None:
            if self.folder.exists() and any(not each.name.startswith(".") for each in self.folder.iterdir()):
                raise DataError(
                    f"{self.folder} is no folder of a training run, and not empty.\n"
                    "  Expected a new folder, so that nothing is lost.\n  Name another."
                )
            return
        changes = ", ".join(changed(begun["settings"], self.settings.flat(), _FREE))
        if changes or begun["plan"] != plan:
            raise ConfigError(
                f"{self.folder} holds a run with other settings: {changes or 'its plan names other rows'}.\n"
                f"  Expected the same; only {', '.join(sorted(_FREE))} may change.\n"
                "  Name another folder for a new run, or call it as before to go on."
            )

    def _save_model(self, training: Training) -> None:
        save_checkpoint(training, self.folder)  # a kill while the model is written costs no step
        part = self.folder / ".model.part"
        shutil.rmtree(part, ignore_errors=True)
        training.target.save(part)
        part.replace(self.model)

    def _losses(self) -> tuple[float, float]:
        lines = self.feedback.path.read_text("utf-8").splitlines()
        return json.loads(lines[0])["loss"], json.loads(lines[-1])["loss"]


def _encoded(
    target: TargetModel, batches: Sequence[Sequence[Candidate]]
) -> tuple[list[list[Encoded]], dict[str, int], int]:
    """Encode the plan; rows that nothing can be learned from are left out, and counted by reason."""
    left_out = {"no answer": 0, "a question that fills max_tokens": 0}
    once: dict[str, Encoded] = {}
    for row in (row for batch in batches for row in batch if row.id not in once):
        once[row.id] = encoded = target.encode(row)
        if not encoded.n_targets:
            left_out["a question that fills max_tokens" if row.output else "no answer"] += 1
    kept = [[once[row.id] for row in batch if once[row.id].n_targets] for batch in batches]
    told = {reason: n for reason, n in left_out.items() if n}
    if not any(kept):
        raise DataError(
            f"None of the {len(once)} rows of the plan can be trained on: {told}.\n"
            f"  Expected rows with answers, shorter than {target.encoder.max_tokens} tokens.\n"
            "  Raise max_tokens, or let a responder answer them (`insgen plugins list --kind responder`)."
        )
    return [batch for batch in kept if batch], told, sum(1 for row in once.values() if row.n_cut)


def _seed(seed: int) -> None:
    import torch

    torch.manual_seed(seed)
