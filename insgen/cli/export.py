"""`insgen export`: the bank, or its best part, as a file."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from insgen.cli.output import example, json_option, print_json, project_option, reading, say

if TYPE_CHECKING:
    from insgen.report.budget import Walk, WalkName
    from insgen.report.export import ExportSummary


@click.command(
    epilog=example(
        "insgen export train.jsonl -p handbook",
        "insgen export train.jsonl --format messages --top 500 -p handbook",
        "insgen export train.jsonl --max-tokens 900000 --max-length 2048",
        "insgen export train.jsonl --max-tokens 900000 --tokenizer tokenizer.json",
    )
)
@click.argument("out", type=click.Path(path_type=Path))
@project_option
@click.option(
    "--format",
    "format_",
    default="alpaca",
    show_default=True,
    help="A file format; see `insgen plugins list --kind exporter`.",
)
@click.option(
    "--top", type=click.IntRange(min=1), help="Only the best so many; every such part is the best set of its size."
)
@click.option("--max-tokens", type=click.IntRange(min=1), help="Stop before replies have more tokens in all.")
@click.option("--max-replies", type=click.IntRange(min=1), help="Stop before there are more replies in all.")
@click.option(
    "--max-length",
    type=click.IntRange(min=1),
    help="Most tokens of one conversation; later exchanges are cut off to fit, and a row that cannot fit is left out.",
)
@click.option(
    "--tokenizer",
    default="bytes/4",
    show_default=True,
    help="What counts tokens: a tokenizer.json or its folder, tiktoken:ENCODING, or a model on the Hugging Face Hub. "
    "The default is an estimate and needs no file; the card says what counted.",
)
@click.option(
    "--walk",
    "walk_",
    type=click.Choice(["clean", "paper"]),
    default="clean",
    show_default=True,
    help="How a budget is met: exactly, or as the released program of the PIBE paper does, with its errors.",
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@json_option
def export(
    out: Path,
    project: Path,
    format_: str,
    top: int | None,
    max_tokens: int | None,
    max_replies: int | None,
    max_length: int | None,
    tokenizer: str,
    walk_: WalkName,
    force: bool,
    as_json: bool,
) -> None:
    """Write the bank to a file, best first, with its card.

    OUT is the file; its data set card, OUT.README.md, tells how the set was made. `datasets.load_dataset` reads every
    format back as it was written. Works while a run is writing.

    A budget (--top, --max-tokens, --max-replies) is met by walking down the ranking, up to the first row that would
    break it: the set for a small budget is the beginning of the set for a larger one. Only replies count.
    """
    from insgen.report.budget import Budget, CutNote, walk
    from insgen.report.tokens import counter

    budget = Budget(top, max_tokens, max_replies, max_length)
    counting = counter(tokenizer)
    note = CutNote(budget, walk_, counting.name if budget.counts else "")
    cutting = walk(note, counting.count) if budget != Budget() else None
    done = write_export(project, out, format_, cutting, force=force)
    if as_json:
        cut = {**asdict(budget), "walk": walk_, "tokenizer": note.tokenizer, **asdict(note.cut)} if cutting else None
        paths = {"path": done.path, "card": done.card, "members": done.exported.n_members}
        print_json({**paths, "losses": done.losses(), "cut": cut})
        return
    say(told(done, out))
    if budget.counts:
        say(f"{note.cut.n_replies:,} replies with {note.cut.n_tokens:,} tokens, counted with {note.tokenizer}.")
    remarks = [f"{remark}." for remark in note.remarks()]
    for warning in (*remarks, *done.losses()):
        say(f"Warning: {warning}", err=True)


def write_export(project: Path, out: Path, format_: str, cutting: Walk | None, *, force: bool) -> ExportSummary:
    """Export a project's bank; works while a run is writing.

    :param cutting: walks down the ranking to a budget; ``None`` = the whole bank.
    """
    from insgen.config.load import load_config
    from insgen.config.settings import StageUse
    from insgen.hooks.manager import load_plugins
    from insgen.loop.pipeline import make_stage
    from insgen.report.export import export_bank
    from insgen.report.facts import card_facts
    from insgen.store import queries

    config, _ = load_config(project)
    plugins = load_plugins(config.plugins, config.folder)
    exporter = make_stage(plugins, "exporter", StageUse(format_, where="--format")).stage
    with reading(project) as conn:
        facts, members = card_facts(conn, config.project), queries.members(conn)
        if cutting is not None:
            facts, members = replace(facts, cut=cutting.note), cutting.rows(members)
        return export_bank(members, exporter, out, facts, force=force)


def told(done: ExportSummary, out: Path) -> str:
    """Two lines about an export, with the file as the user named it."""
    card = out.with_name(done.card.name)
    return (
        f"Wrote {done.exported.n_members} members to {out} (format {done.exported.format}),\nand their card to {card}."
    )
