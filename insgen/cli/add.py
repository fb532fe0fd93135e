"""`insgen add`: existing data as candidates."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from insgen.cli.output import example, json_option, print_json, project_option, put, say

if TYPE_CHECKING:
    from insgen.loop.adding import Added


@click.command(
    epilog=example(
        "insgen add alpaca.jsonl dolly.parquet -p my-bank --licence CC-BY-SA-3.0",
        "insgen add faq.csv -o instruction_column=question -o output_column=answer",
    )
)
@click.argument("sources", nargs=-1, required=True, metavar="FILE|FOLDER|HUB_ID...")
@project_option
@click.option(
    "--option",
    "-o",
    "options",
    multiple=True,
    metavar="KEY=VALUE",
    help="An option of the dataset reader, for example -o format=columns -o instruction_column=question; "
    "see `insgen plugins show dataset`.",
)
@click.option("--licence", default="", help="Licence of the data, an SPDX id; a column of that name in the data wins.")
@click.option("--quiet", "-q", is_flag=True, help="No progress on stderr.")
@json_option
def add(
    sources: tuple[str, ...], project: Path, options: tuple[str, ...], licence: str, quiet: bool, as_json: bool
) -> None:
    """Add existing data sets; the next run judges their rows.

    JSON, JSONL, gzip, CSV, Parquet, a saved data set or a Hub id, with rows in the form of Alpaca, ShareGPT, OpenAI
    messages or prompt/completion; other columns are named with -o. The rows wait until the next `insgen run`, which
    judges them in order of arrival. Each data set is added whole or not at all; a row that cannot be read is counted
    and kept with its line and reason.
    """
    from insgen.config.load import load_config, parse_options
    from insgen.hooks.manager import load_plugins
    from insgen.loop.adding import absolute, add_data
    from insgen.store.database import open_store

    config, _ = load_config(project)
    given = parse_options(options) | ({"licence": licence} if licence else {})
    loaded = load_plugins(config.plugins, config.folder)
    store = open_store(config.database)
    added: list[Added] = []
    live = not quiet and sys.stderr.isatty()

    def advance(rows: int) -> None:
        if live:
            put(f"\r{rows} rows read", nl=False, err=True)

    try:
        for source in sources:
            try:
                added.append(add_data(store, config, loaded, absolute(source, Path.cwd()), given, advance))
            finally:
                if live:
                    put("\r\x1b[K", nl=False, err=True)
            if not as_json:
                say(_told(source, added[-1]))
    finally:  # what was added before a bad one stays added, and is told
        store.close()
        if as_json:
            print_json([vars(one) for one in added])
    if as_json:
        return
    if any(one.unreadable for one in added):
        say(f"Why rows were unreadable: insgen sql 'SELECT * FROM unreadable' -p {project}")
    say(f"Next: insgen run {project}")


def _told(source: str, one: Added) -> str:
    unreadable = f", {one.unreadable} unreadable" if one.unreadable else ""
    repeated = f", {one.repeated} seen before" if one.repeated else ""
    rows = "row" if one.new == 1 else "rows"
    return f"{source}: {one.new} new {rows}{repeated}{unreadable}."
