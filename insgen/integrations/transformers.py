"""Feedback from a Hugging Face `Trainer`, or TRL's `SFTTrainer`: three lines in the user's script.

    from insgen.integrations.transformers import planned_rows, record_feedback
    trainer = Trainer(model, args, train_dataset=planned_rows("plan.jsonl", rows, args))
    record_feedback(trainer, "feedback.jsonl")

Flows in: what the trainer does. Flows out: one record per optimiser step, for `insgen feedback import`. The norm of the
gradient is the trainer's own, which it logs before clipping; when a callback could measure it, it is clipped already.
Needs transformers and torch; accelerate is the trainer's own need (extra `train`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from insgen.errors import ConfigError, StageError
from insgen.integrations.executed import ExecutedIds, IdCollator
from insgen.integrations.planned import PlannedRows, planned_rows
from insgen.records import TrainingStep
from insgen.training.records import FeedbackFile

__all__ = ["FeedbackCallback", "PlannedRows", "planned_rows", "record_feedback"]


def record_feedback(
    trainer: Any, path: str | Path, *, round: int = 0, run_id: str | None = None, id_column: str = "id"
) -> FeedbackCallback:
    """Let a trainer write a record of every optimiser step; call it before ``trainer.train()``.

    Rows keep their ids through the trainer's collator, which is wrapped, and lose them before the model sees them.

    :param path: the file, JSON Lines. A training that is resumed from a checkpoint goes on in it.
    :param round: the round of the loop whose rows are trained on; 0 = unknown.
    :param run_id: the run's name; ``None`` = that of the file where a run is resumed, else a new one.
    :param id_column: the column of the data set with the id that `insgen export` writes.
    :returns: the callback that was added.
    :raises ConfigError: the trainer is set up so that steps, norms or ids would be lost; says what to set.
    """
    if isinstance(trainer.data_collator, IdCollator):
        raise _wrong(
            "is recorded already", "one call of record_feedback for each trainer", "it up anew, or record once"
        )
    _check_arguments(trainer.args)
    _check_parallel(trainer)
    _check_columns(trainer.train_dataset, id_column)
    facts = _Facts(trainer.accelerator, _n_trainable(trainer), trainer.args.max_grad_norm or None, round)
    callback = FeedbackCallback(FeedbackFile(Path(path)), facts, run_id)
    trainer.data_collator = IdCollator(trainer.data_collator, id_column)
    trainer.add_callback(callback)
    return callback


@dataclass(frozen=True)
class _Facts:
    """What every record of a run says alike; and the accelerator, which knows when a step was skipped."""

    accelerator: Any
    trainable_params: int | None
    max_grad_norm: float | None
    round: int


@dataclass
class _Pending:
    """A step that was made and is not logged yet."""

    step: int
    items: list[tuple[str, ...]] = field(default_factory=list)
    n_targets: int = -1


class FeedbackCallback(TrainerCallback):
    """Gathers what a step executed when it ends, and writes it when its loss and norm are logged.

    Every process gathers, the first one writes.
    """

    def __init__(self, file: FeedbackFile, facts: _Facts, run_id: str | None = None) -> None:
        self.file = file
        self.run_id = run_id
        self._facts = facts
        self._executed = ExecutedIds()
        self._pending: _Pending | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002 - the trainer's signature
        """Open the file behind the steps that stay, and listen at the model."""
        self._pending = None
        if state.is_world_process_zero:
            self.run_id = self.file.begin(state.global_step, self.run_id)
        self._executed.listen(kwargs["model"])

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002 - the trainer's signature
        """Take the ids that every process executed in this step."""
        if self._pending is not None:
            raise _unlogged(self._pending.step)
        ids, n_targets = self._executed.take()
        parts = _from_all((ids, n_targets))
        counts = [n for _, n in parts]
        turns = max(len(micros) for micros, _ in parts)
        items = [micros[turn] for turn in range(turns) for micros, _ in parts if turn < len(micros)]
        self._pending = _Pending(state.global_step, items, sum(counts) if min(counts) >= 0 else -1)

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002 - the trainer's signature
        """Write the step that this is the log of; logs of an evaluation, or of the end, are none."""
        logs: Mapping[str, Any] = kwargs["logs"]
        pending = self._pending
        if pending is None or "loss" not in logs:
            return
        self._pending = None
        norm = logs.get("grad_norm")
        if norm is None:
            raise _no_norm(pending.step)
        loss, norm = float(logs["loss"]), float(norm)
        if not (math.isfinite(loss) and math.isfinite(norm)):
            if self._facts.accelerator.optimizer_step_was_skipped:
                return  # the scaler of float16 met an overflow: nothing was learned, and it tries a smaller scale
            raise _diverged(pending.step, loss, norm)
        if state.is_world_process_zero and self.run_id is not None:
            self.file.append(self._record(self.run_id, pending, logs))

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002 - the trainer's signature
        """Listen no longer."""
        self._executed.stop()
        if self._pending is not None:
            raise _unlogged(self._pending.step)

    def _record(self, run_id: str, pending: _Pending, logs: Mapping[str, Any]) -> TrainingStep:
        return TrainingStep(
            run_id=run_id,
            step=pending.step,
            items=tuple(pending.items),
            time=time.time(),
            round=self._facts.round,
            loss=float(logs["loss"]),
            grad_norm=float(logs["grad_norm"]),
            grad_norm_kind="pre_clip",
            max_grad_norm=self._facts.max_grad_norm,
            lr=logs.get("learning_rate"),
            n_target_tokens=pending.n_targets if pending.n_targets >= 0 else None,
            trainable_params=self._facts.trainable_params,
        )


def _from_all(mine: tuple[list[tuple[str, ...]], int]) -> list[tuple[list[tuple[str, ...]], int]]:
    """Gather a value of every process, in the order of their ranks."""
    import torch.distributed as dist

    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return [mine]
    everyone: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(everyone, mine)
    return everyone


def _n_trainable(trainer: Any) -> int | None:
    """How many numbers are trained; unknown where they are spread over processes."""
    if trainer.is_deepspeed_enabled or trainer.is_fsdp_enabled:
        return None
    return sum(int(each.numel()) for each in trainer.model.parameters() if each.requires_grad)


def _check_arguments(args: Any) -> None:
    if args.logging_strategy != "steps" or args.logging_steps != 1:
        raise _wrong(
            f"logs by {args.logging_strategy.value}, every {args.logging_steps:g}",
            "a log of every step: only the last step's norm stands in a log",
            'logging_strategy="steps", logging_steps=1',
        )
    if args.remove_unused_columns:
        raise _wrong("drops columns that the model does not know", "the ids to be kept", "remove_unused_columns=False")
    if getattr(args, "packing", False):
        raise _wrong("packs several rows into one", "rows of their own: a packed row has no id", "packing=False")


def _check_parallel(trainer: Any) -> None:
    if trainer.args.n_gpu > 1:
        raise _wrong(
            f"spreads one process over {trainer.args.n_gpu} GPUs (DataParallel)",
            "one GPU per process: copies of a model do not tell what they executed",
            "one process per GPU (`torchrun --nproc-per-node ...`), or CUDA_VISIBLE_DEVICES=0",
        )
    config = getattr(trainer.accelerator, "parallelism_config", None)
    if config is not None and getattr(config, "non_data_parallel_size", 1) > 1:
        raise _wrong(
            "gives the same rows to several processes (tensor, context or sequence parallelism)",
            "rows of its own for each process",
            "data parallelism only",
        )


def _check_columns(dataset: Any, column: str) -> None:
    names = getattr(dataset, "column_names", None)
    if names is not None and column not in names:
        raise _wrong(
            f'has a training set without the column "{column}" ({", ".join(names)})',
            "each row's id, as `insgen export` writes it",
            f'a column "{column}" that tokenizing keeps, or id_column=... where it is called otherwise',
        )


def _wrong(does: str, expected: str, cure: str) -> ConfigError:
    return ConfigError(f"This trainer {does}.\n  Expected {expected}.\n  Set {cure}.")


def _no_norm(step: int) -> StageError:
    return StageError(
        f"The trainer logged no norm of the gradient for step {step}.\n"
        "  Expected one in every log: seeds are chosen by it.\n"
        "  Set max_grad_norm to more than 0 (1e9 never clips); before transformers 5, 0 meant that none is measured."
    )


def _unlogged(step: int) -> StageError:
    return StageError(
        f"Step {step} was made and never logged.\n  Expected a log with loss and norm after every step.\n"
        "  Look for a callback that sets control.should_log, or for a subclass that changes log()."
    )


def _diverged(step: int, loss: float, norm: float) -> StageError:
    return StageError(
        f"Training diverged at step {step}: loss {loss}, norm of the gradient {norm}.\n"
        "  Expected finite numbers; the records before this step are in the file.\n"
        "  Resume from a checkpoint before it, with a smaller learning rate."
    )
