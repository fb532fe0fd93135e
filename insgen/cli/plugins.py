"""`insgen plugins`: every name the config may use, and who offers it."""

from __future__ import annotations

from typing import Any

import click

from insgen.cli.output import json_option, print_json, print_table


@click.group(epilog="Example: insgen plugins show rouge")
def plugins() -> None:
    """List and show plugins: stages, recipes and commands."""


@plugins.command("list", epilog="Example: insgen plugins list --kind filter")
@click.option("--kind", help="Only this kind, for example filter or scorer.")
@json_option
def list_(kind: str | None, as_json: bool) -> None:
    """List every stage by name, and who offers it; broken plugins are named."""
    from insgen.hooks.manager import load_plugins

    loaded = load_plugins()
    offers = [offer for offer in loaded.offers if kind in (None, offer.kind)]
    if as_json:
        print_json(
            {
                "offers": [_plain(offer) for offer in offers],
                "broken": [
                    {"plugin": b.plugin, "distribution": b.distribution, "problem": b.problem} for b in loaded.broken
                ],
            }
        )
        return
    print_table(
        ("kind", "name", "what it does", "offered by"),
        [(o.kind, o.name, _sentence(o.cls), f"{o.distribution} {o.version}") for o in offers],
        wide=("what it does",),
    )
    for broken in loaded.broken:
        click.echo(f"Warning: {broken}", err=True)


@plugins.command(epilog="Example: insgen plugins show near_duplicate")
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show what offers a name: its text and its options."""
    from insgen.config.options import options_of
    from insgen.errors import ConfigError, suggest
    from insgen.hooks.manager import KINDS, load_plugins

    loaded = load_plugins()
    found = [offer for offer in loaded.offers if offer.name == name and offer.kind in KINDS]
    if not found:
        names = sorted({offer.name for offer in loaded.offers if offer.kind in KINDS})
        raise ConfigError(
            f'No stage is called "{name}".{suggest(name, names)}\n  Known: {", ".join(names)}.\n'
            "  `insgen plugins list` shows what each does."
        )
    if as_json:
        print_json(
            [
                _plain(offer)
                | {"options": [vars(option) for option in options_of(offer.cls)], "text": offer.cls.__doc__}
                for offer in found
            ]
        )
        return
    import inspect

    for offer in found:
        click.echo(f"{offer.kind} {offer.name}  (offered by {offer.plugin}, {offer.distribution} {offer.version})\n")
        click.echo(inspect.cleandoc(offer.cls.__doc__ or "") + "\n")
        options = options_of(offer.cls)
        if not options:
            click.echo("It has no options.\n")
        for option in options:
            default = "required" if option.required else f"default {option.default!r}"
            click.echo(f"  {option.name}: {option.type}, {default}\n      {option.doc}")


def _plain(offer: Any) -> dict[str, str]:
    return {
        "kind": offer.kind,
        "name": offer.name,
        "summary": _sentence(offer.cls),
        "plugin": offer.plugin,
        "distribution": offer.distribution,
        "version": offer.version,
    }


def _sentence(cls: Any) -> str:
    text = getattr(cls, "summary", None) or getattr(cls, "help", None) or cls.__doc__ or ""
    return text.strip().split("\n", 1)[0].rstrip(".")
