"""`insgen feedback`: what a trainer, an evaluation or a person said about the bank's instructions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from insgen.cli.output import (
    database_of,
    example,
    json_option,
    one_line,
    print_json,
    print_table,
    project_option,
    reading,
    say,
)

if TYPE_CHECKING:
    from collections import Counter

    from insgen.loop.feedback import Imported

_SHOWN = 10  # unknown ids printed for people; --json has all of them


@click.group(epilog=example("insgen feedback import feedback.jsonl -p handbook", "insgen feedback list -p handbook"))
def feedback() -> None:
    """Take in what a training or an evaluation found; list it.

    The file has the contract insgen.feedback/1: JSON Lines, one record per optimiser step (executed ids, loss, gradient
    norm) or per instruction (a value from -1 to 1). The seed policy of the config makes use of it before the next
    round; `insgen seeds log` tells what it changed, and why.
    """


@feedback.command(
    "import",
    epilog=example(
        "insgen feedback import runs/7/feedback.jsonl -p handbook",
        "insgen feedback import evals/samples_gsm8k.jsonl -o metric=acc -p handbook",
    ),
)
@click.argument("file", type=click.Path(path_type=Path))
@project_option
@click.option(
    "--format",
    "format_",
    type=click.Choice(["auto", "insgen", "lm-eval", "eval"]),
    default="auto",
    show_default=True,
    help="insgen.feedback/1, sample logs of lm-evaluation-harness, or rows with text or id, score and tags; "
    "auto: by the first row.",
)
@click.option(
    "--option",
    "-o",
    "options",
    multiple=True,
    metavar="KEY=VALUE",
    help="An option of the reader of evaluation results, for example -o metric=bleu; see "
    "`insgen plugins show eval-results`.",
)
@json_option
def import_(file: Path, project: Path, format_: str, options: tuple[str, ...], as_json: bool) -> None:
    """Store a feedback file, all of it or nothing.

    Importing a file again changes nothing. Of two records of the same step (a resumed training repeats some) the newer
    one counts, wherever it stands; of an evaluation item likewise. Ids that this project never saw are stored, counted
    and listed.
    """
    from functools import partial

    from insgen.config.load import parse_options
    from insgen.hooks.manager import load_plugins
    from insgen.loop.feedback import import_feedback, import_results, speaks_contract
    from insgen.store.database import open_store

    database = database_of(project)
    if format_ == "insgen" or (format_ == "auto" and speaks_contract(file)):
        if options:
            raise click.UsageError("--option is for evaluation results; a file of insgen.feedback/1 needs none.")
        store_all = partial(import_feedback, path=file)
    else:
        given = {"format": format_, **parse_options(options)}
        store_all = partial(import_results, plugins=load_plugins(), path=file, options=given)
    store = open_store(database)
    try:
        told = store_all(store)
    finally:
        store.close()
    if as_json:
        print_json(vars(told) | {"unknown": dict(told.unknown)})
        return
    for line in _lines(told):
        say(line)
    say(f"Next: insgen run {project}, then insgen seeds log -p {project}")


def _lines(told: Imported) -> list[str]:
    lines = []
    if told.steps:
        runs = ", ".join(one_line(run, 60) for run in told.runs[:_SHOWN])
        more = f" and {len(told.runs) - _SHOWN} more" if len(told.runs) > _SHOWN else ""
        word = "training" if len(told.runs) == 1 else "trainings"
        lines.append(f"{told.path}: {word} {runs}{more}, steps: {_counts(told.steps)}.")
    if told.signals:
        lines.append(f"{told.path}: signals about single instructions: {_counts(told.signals)}.")
    if told.unknown:
        named = f"{len(told.unknown)} (executed or named {told.unknown.total()} times)"
        lines.append(f"Unknown here: {named}; stored all the same, and counted for nothing:")
        lines += [f"  {one_line(name, 80)}  {n}" for name, n in told.unknown.most_common(_SHOWN)]
        if len(told.unknown) > _SHOWN:
            lines.append(f"  and {len(told.unknown) - _SHOWN} more; --json lists all")
    return lines


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{n} {became}" for became, n in counts.most_common())


@feedback.command("list", epilog=example("insgen feedback list -p handbook"))
@project_option
@json_option
def list_(project: Path, as_json: bool) -> None:
    """List trainings and signals, and what seed policies made of them.

    A training stands once for each number of trainable parameters, for only steps of one such series are compared.
    "windows" are those after which the seed set was changed; `insgen seeds log` tells how, and why.
    """
    from insgen.store import steering

    with reading(project) as conn:
        found = steering.overview(conn)
    if as_json:
        print_json(found)
        return
    if not found["trainings"] and not found["signals"]:
        say("There is no feedback yet; `insgen feedback import FILE` takes some in.")
        return
    if found["trainings"]:
        columns = (
            *("run_id", "trainable_params", "steps", "first_step", "last_step", "mean_grad_norm", "windows"),
            *("promoted", "evicted"),
        )
        names = ("training", "parameters", "steps", "first", "last", "mean norm", "windows", "seeds in", "seeds out")
        rows = [[row[name] for name in columns] for row in found["trainings"]]
        print_table(names, rows, wide=("training",))
    if found["signals"]:
        if found["trainings"]:
            say()
        told = [(r["name"], r["source"], r["n"], r["mean_value"], r["unknown"]) for r in found["signals"]]
        print_table(("signal", "source", "instructions", "mean value", "unknown"), told, wide=("source",))


@feedback.command(epilog=example("insgen feedback coverage -p handbook"))
@project_option
@json_option
def coverage(project: Path, as_json: bool) -> None:
    """Show how near the bank is to what the model fails at.

    For every evaluation: the mean cosine similarity of its items to the nearest member, for failed and passed items
    apart, in the bank as it was when the results came in and as it is now. Higher is nearer.
    """
    from insgen.loop.assemble import Assembly
    from insgen.loop.coverage import coverage as measure

    with Assembly(project).open() as run:
        found = measure(run.player.store.conn, run.player.bank)
    if as_json:
        print_json([vars(each) for each in found])
        return
    if not found:
        say("There are no evaluation results yet; `insgen feedback import FILE` takes some in.")
        return
    names = ("evaluation", "source", "items", "failed", "version", "now", "failed before", "failed now")
    columns = ("name", "source", "items", "failed", "version_before", "version_now", "failed_before", "failed_now")
    rows = [[getattr(each, name) for name in columns] for each in found]
    print_table(
        (*names, "passed before", "passed now"),
        [[*row, each.passed_before, each.passed_now] for row, each in zip(rows, found, strict=True)],
        wide=("evaluation",),
    )
