"""`insgen export`: the bank, or its best part, as a file."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from insgen.cli.output import example, json_option, print_json, project_option, reading, say

if TYPE_CHECKING:
    from insgen.report.export import ExportSummary


@click.command(
    epilog=example(
        "insgen export train.jsonl -p handbook",
        "insgen export train.jsonl --format messages --top 500 -p handbook",
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
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@json_option
def export(out: Path, project: Path, format_: str, top: int | None, force: bool, as_json: bool) -> None:
    """Write the bank to a file, best first, with its card.

    OUT is the file; its data set card, OUT.README.md, tells how the set was made. `datasets.load_dataset` reads every
    format back as it was written. Works while a run is writing.
    """
    done = write_export(project, out, format_, top, force=force)
    if as_json:
        print_json({"path": done.path, "card": done.card, "members": done.exported.n_members, "losses": done.losses()})
        return
    say(told(done, out))
    for loss in done.losses():
        say(f"Warning: {loss}", err=True)


def write_export(project: Path, out: Path, format_: str, top: int | None, *, force: bool) -> ExportSummary:
    """Export a project's bank; works while a run is writing."""
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
        facts = card_facts(conn, config.project)
        return export_bank(islice(queries.members(conn), top), exporter, out, facts, force=force)


def told(done: ExportSummary, out: Path) -> str:
    """Two lines about an export, with the file as the user named it."""
    card = out.with_name(done.card.name)
    return (
        f"Wrote {done.exported.n_members} members to {out} (format {done.exported.format}),\nand their card to {card}."
    )
