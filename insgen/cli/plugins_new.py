"""`insgen plugins new`: the beginning of a plugin, as a package that passes its own tests at once."""

from __future__ import annotations

from pathlib import Path

import click

from insgen.cli.output import example, say

PLACES = {
    "generator": '[[generate]]\nuse = "{}"',
    "embedder": '[embed]\nuse = "{}"',
    "filter": '[[filter]]\nuse = "{}"',
    "responder": '[respond]\nuse = "{}"',
    "scorer": '[[score]]\nuse = "{}"',
    "selector": '[select]\nuse = "{}"',
    "seed policy": '[seeds]\nuse = "{}"',
    "feedback source": '[[feedback]]\nuse = "{}"',
    "executor": '[embed]\nexecutor = "{}"',
    "exporter": "insgen export OUT --format {}",
}
"""Kind of stage -> how its name is put to use; a parser is named by the requests whose answers it reads."""


@click.command(
    "new", epilog=example("insgen plugins new polite --stage filter", "insgen plugins new my-domain --recipe")
)
@click.argument("name")
@click.option("--stage", default="", help="What it offers: filter, scorer, generator, seed-policy and so on.")
@click.option("--recipe", is_flag=True, help="It offers a recipe.")
@click.option("--into", type=click.Path(path_type=Path, file_okay=False), help="The folder to make.  [default: ./NAME]")
def new(name: str, stage: str, recipe: bool, into: Path | None) -> None:
    """Begin a plugin: a package that passes its own tests.

    One stage with its tests, README, licence and CI. It works as it stands and is yours to change. The tests run the
    contract checks of its kind.
    """
    from insgen.errors import ConfigError
    from insgen.scaffold.package import KINDS, make_package

    if bool(stage) == recipe:
        raise ConfigError(
            "A plugin begins with one stage or one recipe.\n"
            f"  Expected --recipe, or --stage KIND with one of {', '.join(KINDS[:-1])}.\n  Add one of the two."
        )
    kind = "recipe" if recipe else stage.replace(" ", "-").replace("_", "-")
    folder = into or Path(name)
    use = PLACES.get(kind.replace("-", " "), 'A request with format="{}" has its answer read by this.').format(name)
    written = make_package(name, kind, folder, use)
    say(f"Made {folder}, a {kind.replace('-', ' ')} called {name}:\n")
    for path in written:
        say(f"  {path}")
    shown = f"insgen recipes show {name}" if recipe else f"insgen plugins show {name}"
    say(f"\nNext:\n\n  cd {folder}\n  pip install -e .\n  pytest\n  {shown}")
