"""Trains a model once more with a policy that no longer changes: what the episodes were for.

Flows in: a learned policy, rows, a model. Flows out, in a folder of its own: the trained model, the batches it was
trained on in order (schema `insgen.batches/1`, so that another trainer can repeat them), and one feedback record per
step. No noise is added. Killed, the next call goes on. A policy learned on another model is used as it is, and the
result says so: the method learns and applies on one model.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from insgen.errors import ConfigError, DataError
from insgen.records import Candidate
from insgen.report.batches import SCHEMA
from insgen.training.checkpoints import checkpoints, step_of
from insgen.training.lora import LoraOptions, add_lora
from insgen.training.raising.dialogue import Dialogue
from insgen.training.raising.episode import Table
from insgen.training.raising.features import identity
from insgen.training.raising.folder import RaiseFolder
from insgen.training.raising.playing import Played, Stand, Watch, play
from insgen.training.raising.policy import Policy
from insgen.training.raising.ranking import Measuring, classes_of, measured
from insgen.training.records import FeedbackFile, new_run_id
from insgen.training.settings import changed, flat
from insgen.training.steps import StepOptions, Training
from insgen.training.target import ModelOptions, TargetModel

# What may change when a training is resumed: how it is computed, and what makes it go on after it diverged.
_FREE = {"model.device", "optimiser.rows_at_once", "optimiser.lr", "optimiser.max_grad_norm", "checkpoint_every"}


@dataclass(frozen=True)
class ApplySettings:
    """What is trained, and how."""

    model: ModelOptions
    optimiser: StepOptions = field(default_factory=lambda: StepOptions(warmup=0.0))
    lora: LoraOptions = field(default_factory=LoraOptions)
    #: optimiser steps; 0 = those of the policy's episodes
    steps: int = 0
    #: optimiser steps between two checkpoints
    checkpoint_every: int = 50
    #: of LoRA's first values and dropout
    seed: int = 0


@dataclass(frozen=True)
class Applied:
    """What it came to.

    :ivar label: what the policy is, and whether it was learned on this model.
    :ivar perf: P before the first step and after the last.
    """

    label: str
    n_rows: int
    n_steps: int
    perf: tuple[float, float]
    model: Path
    feedback: Path
    plan: Path


def apply_policy(
    rows: Sequence[Candidate],
    policy_folder: Path,
    out: Path,
    settings: ApplySettings,
    watch: Watch,
    measuring: Callable[[int, int], None] = lambda _done, _of: None,
) -> Applied:
    """Train a model on what a policy chooses, step by step; or go on with it.

    :param rows: the pool; the policy's validation rows are left out of it.
    :param out: a new folder, or the one to go on in.
    :param watch: told of every optimiser step; ``measuring`` of rows measured by the auxiliary model.
    :raises InsgenError: no such policy or model, too few rows, another run stands in the folder, or it diverged.
    """
    import torch

    place = RaiseFolder(policy_folder)
    policy = Policy.load(place.policy)
    options = place.options()
    run_id = _begun(out, policy, settings)
    rows = sorted({row.id: row for row in rows}.values(), key=lambda row: row.id)
    held = set(place.about()["validation"])
    torch.manual_seed(settings.seed)
    target = TargetModel.load(settings.model, frozen_base=settings.lora.rank > 0)
    label = policy.facts.label if identity(target) == policy.facts.target else f"{policy.facts.label}, of another model"
    if settings.lora.rank:
        add_lora(target, settings.lora)
    encoded = {str(row.id): target.encode(row) for row in rows if row.id not in held}
    usable = [row for row in rows if row.id in encoded and encoded[row.id].n_targets]
    how = Measuring(settings.model.device, settings.optimiser.rows_at_once, measuring)
    table = _table(place, policy, usable, how)
    n_steps = settings.steps or options.n_steps(len(usable))
    training = Training(target, settings.optimiser, n_steps)
    dialogue = Dialogue(policy, table, options, n_steps, explore=False)
    stand = Stand(encoded, [target.encode(row) for row in place.validation()], settings.checkpoint_every)
    feedback = FeedbackFile(out / "feedback.jsonl")
    episode = out / "episode"
    done = checkpoints(episode)
    feedback.begin(step_of(done[-1]) if done else 0, run_id)

    def told(played: Played) -> None:
        feedback.append(training.record(played.outcome, run_id, 0))
        watch(played)

    last = play(dialogue, training, stand, episode, told)
    _write_plan(out / "plan.jsonl", dialogue)
    if not (out / "model").exists():
        _save(target, out / "model")
    ends = (dialogue.episode.choices[0].perf, last)
    return Applied(label, len(usable), n_steps, ends, out / "model", feedback.path, out / "plan.jsonl")


def _table(place: RaiseFolder, policy: Policy, rows: Sequence[Candidate], how: Measuring) -> Table:
    if not rows:
        raise DataError(
            "None of the rows has an answer to train on.\n  Expected at least a batch of them.\n"
            "  Name a project whose bank has answered rows."
        )
    ids = tuple(str(row.id) for row in rows)
    raw = measured(place, policy, rows, how)
    static = policy.scaling.static(raw)
    return Table(ids, static, policy.scaling, classes_of(policy, static, ids))


def _begun(out: Path, policy: Policy, settings: ApplySettings) -> str:
    """Give the run's name; a folder of something else, or of other settings, is refused."""
    path = out / "apply.json"
    now = {"policy": policy.digest, **flat(settings)}
    if path.exists():
        begun = json.loads(path.read_text("utf-8"))
        changes = changed(begun["settings"], now, _FREE)
        if changes:
            raise ConfigError(
                f"{out} holds a training with other settings: {', '.join(changes)}.\n"
                f"  Expected the same; only {', '.join(sorted(_FREE))} may change.\n"
                "  Name another folder for a new one, or call it as before to go on."
            )
        return str(begun["run_id"])
    if out.exists() and any(out.iterdir()):
        raise DataError(
            f"{out} is no folder of `insgen raise apply`, and not empty.\n  Expected a new folder, so that nothing is"
            " lost.\n  Name another."
        )
    out.mkdir(parents=True, exist_ok=True)
    run_id = new_run_id()
    part = out / ".apply.json.part"
    part.write_text(json.dumps({"run_id": run_id, "settings": now}) + "\n", encoding="utf-8")
    part.replace(path)
    return run_id


def _write_plan(path: Path, dialogue: Dialogue) -> None:
    batches = enumerate(dialogue.batches(), start=1)
    lines = [json.dumps({"schema": SCHEMA, "batch": step, "ids": ids}) for step, ids in batches]
    part = path.with_name(f".{path.name}.part")
    part.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    part.replace(path)


def _save(target: TargetModel, folder: Path) -> None:
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    target.save(part)
    part.replace(folder)
