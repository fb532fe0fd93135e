"""`insgen check`: everything that can be known before anything is spent."""

from __future__ import annotations

from pathlib import Path

import click

from insgen.cli.output import json_option, print_json, print_table, project_argument, set_option


@click.command(epilog="Example: insgen check handbook")
@project_argument
@set_option
@click.option("--call", "really_call", is_flag=True, help="Send the language model one short question; it is paid for.")
@json_option
def check(project: Path, settings: tuple[str, ...], really_call: bool, as_json: bool) -> None:
    """Check config, plugins, embedding model, sources, seeds, database and language model before a run.

    With an [llm] section also key, price, structured output, stop rules and an estimate of what a kept row will cost.
    Exit status 0 when a run can begin. Nothing is sent or written without --call.
    """
    from insgen.loop.check import check_project

    found = check_project(project, settings, really_call=really_call)
    if as_json:
        print_json([vars(one) for one in found])
    else:
        print_table(("", "what", "finding"), [("ok" if one.ok else "PROBLEM", one.what, one.finding) for one in found])
    if not all(one.ok for one in found):
        raise click.exceptions.Exit(1)
