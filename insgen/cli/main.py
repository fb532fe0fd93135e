"""The click group, and the only ``except InsgenError``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Any

import click

from insgen.cli.add import add
from insgen.cli.bank import bank
from insgen.cli.batches import batches
from insgen.cli.calibrate import calibrate
from insgen.cli.check import check
from insgen.cli.compare import compare
from insgen.cli.costs import costs
from insgen.cli.embed import embed
from insgen.cli.export import export
from insgen.cli.feedback import feedback
from insgen.cli.init import init
from insgen.cli.output import example, paint, put, safe, say
from insgen.cli.plugins import plugins
from insgen.cli.preview import preview
from insgen.cli.quickstart import quickstart
from insgen.cli.raise_ import raise_
from insgen.cli.recipes import recipes
from insgen.cli.replay import replay
from insgen.cli.review import review
from insgen.cli.run import run
from insgen.cli.seeds import seeds
from insgen.cli.sql import sql
from insgen.cli.status import status
from insgen.cli.train import train
from insgen.cli.why import why
from insgen.errors import InsgenError, PluginError
from insgen.hooks.scan import may_offer

_KEY = "insgen.cli.main.offered"
INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""


class _Commands(click.Group):
    """The built-in commands, and those that installed plugins offer."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self.commands, *sorted(_known(ctx))]  # in the order of the journey, not of the alphabet

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, cmd_name) or _known(ctx).get(cmd_name)


def _known(ctx: click.Context) -> dict[str, click.Command]:
    """Commands of installed plugins, looked for once per call of the program."""
    if _KEY not in ctx.meta:
        ctx.meta[_KEY] = _offered()
    found: dict[str, click.Command] = ctx.meta[_KEY]
    return found


def _offered() -> dict[str, click.Command]:
    """Commands of installed plugins; a broken plugin is named on stderr by the commands that need plugins, not here."""
    from importlib.metadata import entry_points

    entries = [entry for entry in entry_points(group="insgen") if may_offer(entry, "insgen_commands")]
    if not entries:
        return {}
    from insgen.hooks.manager import load_plugins

    offered: dict[str, click.Command] = {}
    for offer in load_plugins(builtins=False, entries=entries).named("command"):
        if offer.name in offered or offer.name in main_group.commands:
            raise PluginError(
                f'{offer.plugin} ({offer.distribution} {offer.version}) offers the command "{offer.name}",'
                " which is taken.\n"
                "  Expected a new name.\n  Uninstall it, or ask its author to rename the command."
            )
        offered[offer.name] = offer.cls
    return offered


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=example("insgen quickstart", "insgen init handbook", "insgen run handbook", "insgen why 1 -p handbook"),
)
@click.version_option(package_name="insgen")
def main_group() -> None:
    """Grow a small, diverse, high-quality instruction-tuning set for a domain.

    A loop proposes candidates, filters and scores them, and keeps the best in a ranked bank. All state is one SQLite
    file in the project's folder; every command can be stopped and called again. Begin with `insgen quickstart`: it
    needs no key and no network.
    """


for _command in (
    quickstart,
    init,
    check,
    preview,
    run,
    add,
    status,
    costs,
    why,
    bank,
    embed,
    export,
    batches,
    train,
    raise_,
    feedback,
    seeds,
    review,
    calibrate,
    replay,
    compare,
    sql,
    plugins,
    recipes,
):
    main_group.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit.

    Exit status: 0 done; 1 the run could not go on; 2 usage or config; 130 interrupted.
    """
    options: dict[str, Any] = {"prog_name": "insgen", "standalone_mode": False}
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal or file that is not UTF-8 is no reason to stop
    try:
        status_code = main_group.main(list(arguments) if arguments is not None else None, **options)
    except InsgenError as error:
        put(f"{paint('Error:', 'red', err=True)} {safe(str(error))}", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        say("Interrupted. Everything finished is stored; call the command again to go on.", err=True)
        sys.exit(INTERRUPTED)
    sys.exit(status_code if isinstance(status_code, int) else 0)
