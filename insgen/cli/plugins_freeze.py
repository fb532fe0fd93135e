"""`insgen plugins freeze`: what a project's config needs, for another machine."""

from __future__ import annotations

from pathlib import Path

import click

from insgen.cli.output import example, json_option, print_json, project_argument, say


@click.command("freeze", epilog=example("insgen plugins freeze handbook", "insgen check handbook"))
@project_argument
@json_option
def freeze(project: Path, as_json: bool) -> None:
    """Write down which plugins a project uses, in which versions.

    The file plugins.txt in the project's folder then holds a line for each distribution, as pip takes it; a plugin file
    that the config names stands there with an id of its content. `insgen check` compares with it from then on.
    """
    from insgen.loop.assemble import Assembly
    from insgen.loop.freezing import FREEZE_FILE, needs, write_needs

    assembly = Assembly(project)
    found = needs(assembly.pipeline, assembly.plugins)
    path = assembly.config.folder / FREEZE_FILE
    write_needs(path, found)
    if as_json:
        print_json({"file": str(path), "needs": found})
        return
    say(f"Wrote {path}:\n")
    for name, version in found.items():
        say(f"  {name} {version}")
