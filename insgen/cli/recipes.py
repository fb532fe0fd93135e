"""`insgen recipes`: the named presets."""

from __future__ import annotations

import click

from insgen.cli.output import example, json_option, print_json, print_table, say


@click.group(epilog=example("insgen recipes list", "insgen recipes show documents"))
def recipes() -> None:
    """List and show recipes: complete configs to begin with.

    A recipe is a method as a commented insgen.toml; `insgen init FOLDER --recipe NAME` starts a project from one.
    """


@recipes.command("list", epilog=example("insgen recipes list", "insgen recipes list --json"))
@json_option
def list_(as_json: bool) -> None:
    """List every recipe, what it makes, and whose method it follows."""
    from insgen.hooks.manager import load_plugins

    found = [offer.cls for offer in load_plugins().named("recipe")]
    if as_json:
        print_json([{"name": r.name, "summary": r.summary, "source": r.source} for r in found])
        return
    rows = [(r.name, r.summary, r.source) for r in found]
    print_table(("recipe", "what it makes", "follows"), rows, wide=("what it makes", "follows"))


@recipes.command(epilog=example("insgen recipes show documents", "insgen recipes show pibe > insgen.toml"))
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Print a recipe's config, with its comments.

    As `insgen init --recipe NAME` writes it, so that methods can be read and compared before one is chosen.
    """
    from insgen.hooks.manager import load_plugins

    recipe = load_plugins().find("recipe", name).cls
    if as_json:
        print_json({"name": recipe.name, "summary": recipe.summary, "source": recipe.source, "toml": recipe.toml})
        return
    say(recipe.toml.rstrip("\n"))
