"""`insgen check`: everything that can be known before anything is spent."""

from __future__ import annotations

from pathlib import Path

import click

from insgen.cli.output import json_option, print_json, print_table, project_argument, set_option


@click.command(epilog="Example: insgen check handbook")
@project_argument
@set_option
@json_option
def check(project: Path, settings: tuple[str, ...], as_json: bool) -> None:
    """Check config, plugins, embedding model, sources, seeds and database before a run.

    Exit status 0 when a run can begin. Nothing is written.
    """
    from insgen.loop.check import check_project

    found = check_project(project, settings)
    if as_json:
        print_json([vars(one) for one in found])
    else:
        print_table(("", "what", "finding"), [("ok" if one.ok else "PROBLEM", one.what, one.finding) for one in found])
    if not all(one.ok for one in found):
        raise click.exceptions.Exit(1)
