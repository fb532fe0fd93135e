"""Makes a project's folder: config from a recipe, an empty seed file, a place for documents."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from insgen.config.load import FILE_NAME
from insgen.errors import ConfigError
from insgen.hooks.manager import load_plugins
from insgen.records import Recipe


def make_project(folder: Path, recipe: str, changes: Mapping[str, str] | None = None) -> Path:
    """Write a project's first files.

    :param recipe: name of an installed recipe.
    :param changes: texts of the recipe's config and what to write in their place.
    :returns: the config's path.
    :raises ConfigError: no such recipe, or there is a config already (nothing is overwritten).
    """
    found: Recipe = load_plugins().find("recipe", recipe).cls
    config = folder / FILE_NAME
    if config.exists():
        raise ConfigError(
            f"{config} exists already.\n  Expected a new or empty folder.\n"
            f"  Name another one, or call `insgen run {folder}`."
        )
    try:
        (folder / "docs").mkdir(parents=True, exist_ok=True)
        (folder / "seeds.jsonl").touch()
        toml = found.toml
        for old, new in (changes or {}).items():
            toml = toml.replace(old, new, 1)
        config.write_text(toml, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"Cannot make a project in {folder}: {error}.\n  Expected a folder this user may write to.\n"
            "  Name another one."
        ) from error
    return config


def copy_handbook(folder: Path) -> int:
    """Copy the handbook that ships with insgen into a folder.

    :returns: how many files it has.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chapters = [each for each in resources.files("insgen.handbook").iterdir() if each.name.endswith(".md")]
    for chapter in chapters:
        (folder / chapter.name).write_text(chapter.read_text(encoding="utf-8"), encoding="utf-8")
    return len(chapters)
