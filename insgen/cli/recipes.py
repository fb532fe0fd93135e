"""`insgen recipes`: the named presets."""

from __future__ import annotations

import click

from insgen.cli.output import json_option, print_json, print_table


@click.group(epilog="Example: insgen recipes show documents")
def recipes() -> None:
    """List and show recipes: complete configs to begin with."""


@recipes.command("list", epilog="Example: insgen recipes list")
@json_option
def list_(as_json: bool) -> None:
    """List every recipe."""
    from insgen.hooks.manager import load_plugins

    found = [offer.cls for offer in load_plugins().named("recipe")]
    if as_json:
        print_json([{"name": r.name, "summary": r.summary, "source": r.source} for r in found])
        return
    print_table(("recipe", "what it makes", "source"), [(r.name, r.summary, r.source) for r in found])


@recipes.command(epilog="Example: insgen recipes show documents > insgen.toml")
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Print a recipe's config."""
    from insgen.hooks.manager import load_plugins

    recipe = load_plugins().find("recipe", name).cls
    if as_json:
        print_json({"name": recipe.name, "summary": recipe.summary, "source": recipe.source, "toml": recipe.toml})
        return
    click.echo(recipe.toml.rstrip("\n"))
