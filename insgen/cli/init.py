"""`insgen init`: make a project's folder out of a recipe."""

from __future__ import annotations

from pathlib import Path

import click

from insgen.cli.output import example, say


@click.command(epilog=example("insgen init handbook", "insgen init my-bank --recipe pibe"))
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--recipe", default="documents", show_default=True, help="What to begin with; see `insgen recipes list`.")
def init(folder: Path, recipe: str) -> None:
    """Make a project: insgen.toml, seeds.jsonl and docs/.

    The config comes from a recipe and explains itself; read it, then call `insgen run FOLDER`. Nothing that is there
    already is overwritten.
    """
    from insgen.config.load import FILE_NAME
    from insgen.loop.project import make_project

    make_project(folder, recipe)
    say(f"Made {folder / FILE_NAME} from the recipe {recipe}.")
    say(
        f"Next: put documents into {folder / 'docs'} or call `insgen add FILE -p {folder}`,"
        f" then `insgen check {folder}` and `insgen run {folder}`."
    )
