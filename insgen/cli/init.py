"""`insgen init`: make a project's folder out of a recipe."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(epilog="Example: insgen init handbook --recipe documents")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--recipe", default="documents", show_default=True, help="What to begin with; see `insgen recipes list`.")
def init(folder: Path, recipe: str) -> None:
    """Make a project: insgen.toml, seeds.jsonl and docs/.

    Nothing that is there already is overwritten.
    """
    from insgen.config.load import FILE_NAME
    from insgen.loop.project import make_project

    make_project(folder, recipe)
    click.echo(f"Made {folder / FILE_NAME} from the recipe {recipe}.")
    click.echo(
        f"Next: read it, put documents into {folder / 'docs'} or call `insgen add FILE -p {folder}`, then"
        f" `insgen run {folder}`."
    )
