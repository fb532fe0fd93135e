"""`insgen check`: everything that can be known before anything is spent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from insgen.cli.output import example, json_option, paint, print_json, project_argument, put, safe, say, set_option

if TYPE_CHECKING:
    from insgen.loop.check_llm import Finding


@click.command(epilog=example("insgen check handbook", "insgen check handbook --set embed.use=hashing"))
@project_argument
@set_option
@click.option("--call", "really_call", is_flag=True, help="Send the language model one short question; it is paid for.")
@json_option
def check(project: Path, settings: tuple[str, ...], really_call: bool, as_json: bool) -> None:
    """Find what would stop a run, before anything is spent.

    Looks at config, plugins, embedding model, sources, seeds and database, and changes none of them; with an [llm]
    section also at key, price, structured output and stop rules, and estimates what a kept row will cost. Exit status
    0 when a run can begin, 1 when not. Nothing is sent without --call.
    """
    from insgen.loop.check import check_project

    found = check_project(project, settings, really_call=really_call)
    if as_json:
        print_json([vars(one) for one in found])
    else:
        for one in found:
            say_finding(one)
    if not all(one.ok for one in found):
        raise click.exceptions.Exit(1)


def say_finding(one: Finding) -> None:
    """Print one finding: a mark, what was looked at, and what was found; further lines stand below."""
    mark = paint("ok     ", "green") if one.ok else paint("PROBLEM", "red")
    first, *more = one.finding.split("\n")
    put(f"{mark}  {safe(one.what)}: {safe(first)}")
    for line in more:
        say(f"         {line}")
