"""Whether a recipe loads, and every stage it names is there with the options it is given."""

from __future__ import annotations

from pathlib import Path

from insgen.config.load import FILE_NAME, load_config
from insgen.errors import PluginError
from insgen.hooks.manager import load_plugins
from insgen.loop.pipeline import build_pipeline
from insgen.records import Recipe


def check_recipe(recipe: Recipe, folder: Path) -> None:
    """Load a recipe as a project's config, and make every stage it names.

    :param folder: where the config is written; relative paths in it are relative to this.
    :raises InsgenError: it does not load, names a stage nobody offers, or gives one an option it does not take.
    """
    if not (recipe.name and recipe.summary):
        raise PluginError(
            f"The recipe {recipe.name!r} has the summary {recipe.summary!r}.\n  Expected a name and one line.\n"
            "  Add them."
        )
    (folder / FILE_NAME).write_text(recipe.toml, encoding="utf-8")
    config, _ = load_config(folder)
    build_pipeline(config, load_plugins(config.plugins, config.folder))
