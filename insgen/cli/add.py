"""`insgen add`: existing data as candidates."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from insgen.cli.output import json_option, print_json, project_option


@click.command(epilog="Example: insgen add alpaca.jsonl dolly.parquet -p my-bank --licence CC-BY-SA-3.0")
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
    """Add data sets: Alpaca, ShareGPT, OpenAI messages, prompt/completion, or columns you name.

    JSON, JSONL, gzip, CSV, Parquet, a saved data set or a Hub id. The rows wait until the next `insgen run`, which
    judges them in order of arrival. Each data set is added whole or not at all.
    """
    from insgen.config.load import load_config, parse_options
    from insgen.hooks.manager import load_plugins
    from insgen.loop.adding import absolute, add_data
    from insgen.store.database import open_store

    config, _ = load_config(project)
    given = parse_options(options) | ({"licence": licence} if licence else {})
    loaded = load_plugins(config.plugins, config.folder)
    store = open_store(config.database)
    added = []

    def advance(rows: int) -> None:
        if not quiet and sys.stderr.isatty():
            click.echo(f"\r{rows} rows read", nl=False, err=True)

    try:
        for source in sources:
            added.append(add_data(store, config, loaded, absolute(source, Path.cwd()), given, advance))
            if not quiet and sys.stderr.isatty():
                click.echo("\r", nl=False, err=True)
            if not as_json:
                one = added[-1]
                click.echo(f"{source}: {one.new} new, {one.repeated} repeated, {one.unreadable} unreadable rows.")
    finally:
        store.close()
    if as_json:
        print_json([vars(one) for one in added])
    else:
        click.echo(f"Next: insgen run {project}")
