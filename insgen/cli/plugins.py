"""`insgen plugins`: every name the config may use, and who offers it."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from insgen.cli.output import example, json_option, print_json, print_table, say, width
from insgen.cli.plugins_freeze import freeze
from insgen.cli.plugins_new import PLACES, new
from insgen.cli.plugins_test import test

if TYPE_CHECKING:
    from insgen.hooks.registry import Offer, Plugins

F = TypeVar("F", bound=Callable[..., Any])
_LISTED = re.compile(r"^(\s|[-*|]|\d+\.)", re.MULTILINE)


def _project(function: F) -> F:
    return click.option(
        "-p",
        "--project",
        type=click.Path(path_type=Path),
        help="A project whose config names plugins of its own; they are shown too.",
    )(function)


@click.group(epilog=example("insgen plugins list --kind filter", "insgen plugins show rouge"))
def plugins() -> None:
    """List what plugins offer; show a stage and its options.

    Installing a plugin makes names available; only the config makes them act.
    """


@plugins.command("list", epilog=example("insgen plugins list", "insgen plugins list --kind filter"))
@click.option("--kind", help="Only this kind, for example filter or scorer.")
@_project
@json_option
def list_(kind: str | None, project: Path | None, as_json: bool) -> None:
    """List every name the config can use, and who offers it.

    Stages, recipes and commands, of insgen and of what else is installed. A plugin that cannot be used is named on
    stderr, with the reason.
    """
    loaded = _load(project)
    _check_kind(kind)
    offers = [offer for offer in loaded.offers if kind in (None, offer.kind)]
    if as_json:
        broken = [{"plugin": b.plugin, "distribution": b.distribution, "problem": b.problem} for b in loaded.broken]
        print_json({"offers": [_plain(offer, loaded) for offer in offers], "broken": broken})
        return
    print_table(
        ("kind", "name", "what it does", "offered by"),
        [(o.kind, o.name, _sentence(o, loaded), f"{o.distribution} {o.version}") for o in offers],
        wide=("what it does",),
    )
    for broken_one in loaded.broken:
        say(f"Warning: {broken_one}", err=True)


@plugins.command(epilog=example("insgen plugins show near_duplicate", "insgen plugins show pibe"))
@click.argument("name")
@_project
@json_option
def show(name: str, project: Path | None, as_json: bool) -> None:
    """Show what a stage does, where it is named, and its options.

    Each option with its type, default, unit and range, as insgen.toml takes it.
    """
    from insgen.config.options import options_of
    from insgen.errors import ConfigError, suggest
    from insgen.hooks.manager import KINDS

    loaded = _load(project)
    stages = [offer for offer in loaded.offers if offer.kind in KINDS]
    found = [offer for offer in stages if offer.name == name]
    if not found:
        names = sorted({offer.name for offer in stages})
        raise ConfigError(
            f'No stage is called "{name}".{suggest(name, names)}\n  Known: {", ".join(names)}.\n'
            "  `insgen plugins list` shows what each does; `insgen recipes show` prints a recipe."
        )
    if as_json:
        own = ({"options": [vars(o) for o in options_of(offer.cls)], "text": _text(offer, loaded)} for offer in found)
        print_json([_plain(offer, loaded) | each for offer, each in zip(found, own, strict=True)])
        return
    for offer in found:
        _tell(offer, loaded)


plugins.add_command(new)
plugins.add_command(test)
plugins.add_command(freeze)


def _tell(offer: Offer, loaded: Plugins) -> None:
    import json

    from insgen.config.options import options_of

    say(f"{offer.kind} {offer.name}  (offered by {offer.plugin}, {offer.distribution} {offer.version})\n")
    say(wrapped(_text(offer, loaded)) + "\n")
    if offer.kind in PLACES:
        where = "On the command line" if offer.kind == "exporter" else "In insgen.toml"
        say(f"{where}:\n\n" + "".join(f"  {line}\n" for line in PLACES[offer.kind].format(offer.name).split("\n")))
    options = options_of(offer.cls)
    say("Options:\n" if options else "It has no options.")
    for option in options:
        default = "required" if option.required else f"default {json.dumps(option.default, ensure_ascii=False)}"
        say(f"  {option.name}: {option.type}, {default}")
        say(click.wrap_text(option.doc, min(width(), 100), "      ", "      "))


def wrapped(text: str) -> str:
    """Fit paragraphs to the terminal; lists, and what is set in by hand, stay as they are."""
    paragraphs = text.split("\n\n")
    columns = min(width(), 100)
    fitted = [
        each if _LISTED.search(each) else click.wrap_text(" ".join(each.split()), columns)  # it keeps line ends
        for each in paragraphs
    ]
    return "\n\n".join(fitted)


def _load(project: Path | None) -> Plugins:
    from insgen.config.load import load_config
    from insgen.hooks.manager import load_plugins

    if project is None:
        return load_plugins()
    config, _ = load_config(project)
    return load_plugins(config.plugins, config.folder)


def _check_kind(kind: str | None) -> None:
    from insgen.errors import ConfigError, suggest
    from insgen.hooks.manager import KINDS

    kinds = [*KINDS, "recipe", "command"]
    if kind is not None and kind not in kinds:
        raise ConfigError(
            f'There is no kind "{kind}".{suggest(kind, kinds)}\n  Known: {", ".join(kinds)}.\n  Name one of these.'
        )


def _plain(offer: Offer, loaded: Plugins) -> dict[str, str]:
    return {
        "kind": offer.kind,
        "name": offer.name,
        "summary": _sentence(offer, loaded),
        "plugin": offer.plugin,
        "distribution": offer.distribution,
        "version": offer.version,
    }


def _sentence(offer: Offer, loaded: Plugins) -> str:
    return _text(offer, loaded).strip().split("\n", 1)[0].rstrip(".")


def _text(offer: Offer, loaded: Plugins) -> str:
    """What a plugin says about an offer: its module's text, or the class's own where a module offers several stages."""
    import inspect

    own = getattr(offer.cls, "summary", None) or getattr(offer.cls, "help", None)
    if isinstance(own, str):
        return own
    module = offer.cls.__module__
    alone = sum(each.plugin == offer.plugin for each in loaded.offers) == 1
    text = getattr(sys.modules.get(module), "__doc__", None) if alone else None
    return inspect.cleandoc(text or offer.cls.__doc__ or "")
