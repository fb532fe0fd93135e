"""What the commands of `insgen raise` share: options of a training, the bank's rows, lines of progress."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from insgen.cli.output import reading, say
from insgen.errors import DataError

if TYPE_CHECKING:
    from insgen.records import Candidate
    from insgen.training.raising.telling import Telling
    from insgen.training.target import ModelOptions

F = TypeVar("F", bound=Callable[..., Any])


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


def lines(*, quiet: bool) -> Telling:
    """Give what says on stderr how far a policy is; nothing when quiet."""
    from insgen.training.raising.telling import Telling

    return Telling(lambda line: None if quiet else say(f"  {line}", err=True))
