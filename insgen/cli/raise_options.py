"""What the commands of `insgen raise` share: options of a training, the bank's rows, lines of progress."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from insgen.cli.output import reading, say
from insgen.errors import DataError

if TYPE_CHECKING:
    from insgen.records import Candidate
    from insgen.training.raising.playing import Played
    from insgen.training.target import ModelOptions

F = TypeVar("F", bound=Callable[..., Any])
_QUIET_S = 10.0
"""Lines of progress come no closer than this, in seconds."""


def training_options(function: F) -> F:
    """Add what a training of a model needs.

    Template, tokens of a row and number format are ``None`` where they are not given: a command has its own defaults.
    """
    for option in (
        click.option("--quiet", "-q", is_flag=True, help="No progress on stderr."),
        click.option(
            "--checkpoint-every", type=click.IntRange(min=1), default=50, show_default=True, help="Steps between them."
        ),
        click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps."),
        click.option("--dtype", help="float32 or bfloat16.  [default: float32, or that of the policy]"),
        click.option(
            "--max-tokens", type=click.IntRange(min=8), help="Most tokens of a row.  [default: 2048, or the policy's]"
        ),
        click.option(
            "--template", help="How rows are laid out: auto, chat, alpaca.  [default: auto, or that of the policy]"
        ),
        click.option(
            "--rows-at-once", type=click.IntRange(min=1), default=16, show_default=True, help="In one forward pass."
        ),
        click.option(
            "--lora-rank", type=click.IntRange(min=0), default=0, show_default=True, help="0 = the whole model."
        ),
        click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same policy."),
        click.option("--steps", type=click.IntRange(min=1), help="Optimiser steps of a training."),
    ):
        function = option(function)
    return function


def bank_rows(project: Path) -> list[Candidate]:
    """Give the bank's members.

    :raises DataError: there is none.
    """
    from insgen.store.queries import members

    with reading(project) as conn:
        rows = [member.candidate for member in members(conn)]
    if not rows:
        raise DataError(
            f"There is nothing to learn from in {project}: the bank has no members.\n  Expected answered rows.\n"
            "  `insgen run` fills the bank."
        )
    return rows


def shared_settings(chosen: dict[str, Any]) -> dict[str, Any]:
    """Give the settings that every training here has."""
    from insgen.training.lora import LoraOptions

    return {
        "lora": LoraOptions(chosen["lora_rank"]),
        "checkpoint_every": chosen["checkpoint_every"],
        "seed": chosen["seed"],
    }


def model_options(chosen: dict[str, Any], model: str, begun: Mapping[str, Any] | None = None) -> ModelOptions:
    """Give the options of a model.

    :param begun: settings of a policy's episodes, which what is not chosen is taken from.
    """
    from insgen.training.target import ModelOptions

    names = ("template", "max_tokens", "dtype")
    usual = {name: begun[f"model.{name}"] for name in names} if begun else {}
    given = {name: chosen[name] for name in names if chosen[name] is not None}
    return ModelOptions(model, device=chosen["device"], **{**usual, **given})


class Lines:
    """Says now and then how far the measuring of rows, and then an episode, is."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._said = 0.0

    def __call__(self, played: Played) -> None:
        """Take note of a step."""
        now = time.monotonic()
        last = played.outcome.step == played.n_steps
        if self._quiet or (now - self._said < _QUIET_S and not last):
            return
        self._said = now
        loss = f", validation loss {-played.perf:.4f}" if played.perf is not None else ""
        say(f"  episode {played.number}, step {played.outcome.step} of {played.n_steps}{loss}", err=True)

    def measured(self, done: int, of: int) -> None:
        """Take note of rows that the auxiliary model has measured."""
        now = time.monotonic()
        if self._quiet or (now - self._said < _QUIET_S and done < of):
            return
        self._said = now
        say(f"  measured {done} of {of} rows", err=True)
