"""`insgen train`: a model trained on the bank's planned batches, and what its training tells about them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from insgen.cli.output import example, json_option, print_json, project_argument, reading, say
from insgen.errors import DataError

if TYPE_CHECKING:
    from insgen.records import Candidate, TrainingStep
    from insgen.training.run import TrainResult, TrainRun, TrainSettings


_QUIET_S = 15.0
"""Plain lines come no closer than this, in seconds."""
_LR, _LORA_LR = 2e-5, 2e-4


@click.command(
    epilog=example(
        "insgen train handbook --model models/small --out run-1",
        "insgen train handbook --model Qwen/Qwen2.5-0.5B --lora --out run-2",
    )
)
@project_argument
@click.option("--model", required=True, help="A folder or a Hub id of a causal language model.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="A new folder, or one to go on in.")
@click.option(
    "--batches", type=click.Path(path_type=Path), help="A plan by `insgen batches`.  [default: one made of the bank]"
)
@click.option(
    "--size", type=click.IntRange(min=1), default=128, show_default=True, help="Rows in a batch of such a plan."
)
@click.option("--top", type=click.IntRange(min=1), help="Only the best so many members in it.")
@click.option("--epochs", type=click.IntRange(min=1), default=1, show_default=True, help="Times through the plan.")
@click.option("--steps", type=click.IntRange(min=1), help="Optimiser steps, instead of epochs.")
@click.option("--lr", type=float, help=f"Peak learning rate.  [default: {_LR:g}, with --lora {_LORA_LR:g}]")
@click.option("--warmup", type=float, default=0.03, show_default=True, help="Share of steps in which lr grows.")
@click.option("--weight-decay", type=float, default=0.0, show_default=True, help="Weight decay of AdamW.")
@click.option("--max-grad-norm", type=float, default=1.0, show_default=True, help="Clip gradients to it; 0 = never.")
@click.option(
    "--rows-at-once", type=click.IntRange(min=1), default=8, show_default=True, help="Rows in one forward pass."
)
@click.option("--lora", is_flag=True, help="Train small matrices beside the layers instead of the model.")
@click.option(
    "--lora-rank", type=click.IntRange(min=1), default=16, show_default=True, help="Inner dimension of the matrices."
)
@click.option("--template", default="auto", show_default=True, help="How rows are laid out: auto, chat, alpaca.")
@click.option("--max-tokens", type=click.IntRange(min=8), help="Tokens of a row, at most.  [default: 2048]")
@click.option("--dtype", default="float32", show_default=True, help="What it computes in: float32, bfloat16.")
@click.option("--device", default="auto", show_default=True, help="Where: auto, cpu, cuda, cuda:1, mps.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of plan, LoRA and dropout.")
@click.option(
    "--checkpoint-every", type=click.IntRange(min=1), default=50, show_default=True, help="Steps between checkpoints."
)
@click.option("--quiet", "-q", is_flag=True, help="No progress on stderr.")
@json_option
def train(project: Path, out: Path, batches: Path | None, quiet: bool, as_json: bool, **chosen: Any) -> None:
    """Train a model on the bank, and log what it tells.

    One optimiser step per batch of the plan (SeDi-Instruct, arXiv:2502.04774), loss on the answers only, in a plain
    loop: AdamW, warm-up, cosine decay. OUT gets the model and feedback.jsonl: of every step its rows, their losses,
    and the norm of the gradient before clipping. After Ctrl-C or a kill, the same call goes on from the newest
    checkpoint and ends with the same weights and records.
    """
    from insgen.training.run import TrainRun

    settings = settings_of(project, from_file=batches is not None, chosen=chosen)
    run = TrainRun(out, settings)
    rows = planned_rows(project, run, batches, chosen)
    with progress(quiet=quiet) as watch:
        result = run.play(rows, watch)
    command = f"insgen feedback import {result.feedback} -p {project}"
    if as_json:
        print_json({**vars(result), "next": command})
        return
    tell(result)
    say(f"Next: {command}")


def settings_of(project: Path, *, from_file: bool, chosen: dict[str, Any]) -> TrainSettings:
    """Sort the options of the command into the settings of a run."""
    from insgen.store.rounds import last_round
    from insgen.training.lora import LoraOptions
    from insgen.training.run import TrainSettings
    from insgen.training.steps import StepOptions
    from insgen.training.target import ModelOptions

    def take(*names: str) -> dict[str, Any]:
        return {name: chosen[name] for name in names}

    with reading(project) as conn:
        round_ = last_round(conn)
    lr = chosen["lr"] if chosen["lr"] is not None else _LORA_LR if chosen["lora"] else _LR
    return TrainSettings(
        model=ModelOptions(
            chosen["model"], max_tokens=chosen["max_tokens"] or 0, **take("template", "dtype", "device")
        ),
        lora=LoraOptions(chosen["lora_rank"] if chosen["lora"] else 0),
        optimiser=StepOptions(lr, **take("warmup", "weight_decay", "max_grad_norm", "rows_at_once")),
        steps=chosen["steps"] or 0,
        plan="of a file" if from_file else f"of the bank, size {chosen['size']}, top {chosen['top'] or 'all'}",
        round=round_,
        **take("epochs", "seed", "checkpoint_every"),
    )


def planned_rows(project: Path, run: TrainRun, batches: Path | None, chosen: dict[str, Any]) -> list[list[Candidate]]:
    """Give the batches of a file, or of the run that was begun, or of the bank as it is."""
    from insgen.report.batches import plan_batches
    from insgen.store.queries import bank_vectors
    from insgen.store.texts import candidates
    from insgen.training.plan import known_rows, read_plan

    plan: Any = read_plan(batches) if batches is not None else run.planned()
    with reading(project) as conn:
        if plan is None:
            ids, vectors = bank_vectors(conn, chosen["top"])
            if not ids:
                raise DataError(
                    f"There is nothing to train on in {project}: the bank has no members.\n  Expected at least one.\n"
                    "  `insgen run` fills the bank."
                )
            made = plan_batches(vectors, chosen["size"], chosen["size"], chosen["seed"])
            plan = [[ids[row] for row in batch] for batch in made.batches]
        rows = candidates(conn, [id_ for batch in plan for id_ in batch])
    return known_rows(plan, rows, f"the project {project}")


def tell(result: TrainResult) -> None:
    """Print what a run came to, for people."""
    first, last = result.losses
    if not result.n_new:
        say(f"All {result.n_steps} steps were made by an earlier call.")
    say(f"Trained {result.n_steps} steps; loss {first:.4f} at the first, {last:.4f} at the last.")
    say(f"Wrote {result.model} and {result.feedback} (run {result.run_id}).")
    for reason, n in result.left_out.items():
        say(f"Warning: {n} rows were left out: {reason}.", err=True)
    if result.n_cut:
        say(f"Warning: {result.n_cut} rows lost their end: longer than the model reads, or --max-tokens.", err=True)


@contextmanager
def progress(*, quiet: bool) -> Iterator[Callable[[TrainingStep, int], None]]:
    """Give what shows each step: nothing when quiet, a bar on a terminal, now and then a line elsewhere."""
    if quiet:
        yield lambda _record, _total: None
    elif not sys.stderr.isatty():
        yield _Lines()
    else:
        from rich.progress import Progress

        from insgen.cli.output import console

        with Progress(console=console(), transient=True) as bar:
            task = bar.add_task("loading the model", total=None)
            yield lambda record, total: bar.update(task, description=_shown(record), completed=record.step, total=total)


class _Lines:
    def __init__(self) -> None:
        self._said = time.monotonic()

    def __call__(self, record: TrainingStep, total: int) -> None:
        now = time.monotonic()
        if now - self._said > _QUIET_S:
            say(f"  step {record.step} of {total}: {_shown(record)}", err=True)
            self._said = now


def _shown(record: TrainingStep) -> str:
    return f"loss {record.loss:.3f}, gradient norm {record.grad_norm:.3f}"
