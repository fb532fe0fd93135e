"""`insgen plugins test`: the contract of every stage a plugin offers, without a line of test code."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from insgen.cli.output import example, json_option, print_json, say

if TYPE_CHECKING:
    from insgen.testing import Subject
    from insgen.testing.running import Outcome


@click.command(
    "test", epilog=example("insgen plugins test ./polite_filter.py", "insgen plugins test my_package.stages")
)
@click.argument("plugin")
@click.option("--stage", "only", help="Only the stage of this name.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="STAGE.OPTION=VALUE",
    help="An option of a stage, for example polite.limit=0.4; needed for options without a default.",
)
@click.option(
    "--answers",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    help="A file with an example answer of a model, for parsers; may be given several times.",
)
@click.option(
    "--files",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder whose files the stage finds in its project, for example prompts and data.",
)
@click.option("--reply", default="", help="What the test's language model answers to every question.")
@json_option
def test(
    plugin: str,
    only: str | None,
    settings: tuple[str, ...],
    answers: tuple[Path, ...],
    files: Path | None,
    reply: str,
    as_json: bool,
) -> None:
    """Test the stages of a plugin against their contracts.

    PLUGIN is a Python file or a module. One verdict per candidate in order, the same answer to the same question,
    options that come out of insgen.toml as they went in, any text without an exception, and more by kind of stage.
    Nothing of a project is touched; a language model is played by a local server. Exit status 1 when a promise is
    broken. Needs Hypothesis: `pip install "insgen[testing]"`.
    """
    from insgen.testing.running import run_checks

    subjects = _subjects(plugin, only, settings)
    outcomes: list[Outcome] = []
    shown = ""
    examples = [path.read_text(encoding="utf-8") for path in answers]
    for outcome in run_checks(subjects, examples, reply, files):
        outcomes.append(outcome)
        if as_json:
            continue
        if str(outcome.check.subject) != shown:
            shown = str(outcome.check.subject)
            say(f"{shown}  ({outcome.check.subject.plugin})")
        _tell(outcome)
    broken = sum(not outcome.kept for outcome in outcomes)
    if as_json:
        print_json([_plain(outcome) for outcome in outcomes])
    else:
        say(f"\n{len(outcomes)} promises, " + (f"{broken} broken." if broken else "all kept."))
    sys.exit(1 if broken else 0)


def _tell(outcome: Outcome) -> None:
    first, *more = outcome.remark.split("\n")
    if outcome.kept:
        say(f"  kept    {outcome.check.promise}" + (f": {first}" if first else ""))
        return
    say(f"  BROKEN  {outcome.check.promise}")
    for line in (first, *more):
        say(f"          {line}")


def _plain(outcome: Outcome) -> dict[str, Any]:
    subject = outcome.check.subject
    return {
        "kind": subject.kind,
        "name": subject.cls.name,
        "promise": outcome.check.promise,
        "kept": outcome.kept,
        "remark": outcome.remark,
    }


def _subjects(plugin: str, only: str | None, settings: tuple[str, ...]) -> list[Subject]:
    """The stages a plugin offers, with the options given for each."""
    from insgen.config.load import parse_options
    from insgen.errors import ConfigError
    from insgen.hooks.manager import KINDS, load_plugins
    from insgen.testing import Subject

    loaded = load_plugins()
    if not any(offer.plugin == plugin for offer in loaded.offers):
        loaded = load_plugins((plugin,), Path.cwd())
    offers = [o for o in loaded.offers if o.plugin == plugin and o.kind in KINDS and only in (None, o.name)]
    if not offers:
        what = f'no stage called "{only}"' if only else "no stage"
        raise ConfigError(
            f"The plugin {plugin} offers {what}.\n  Expected at least one to test.\n  See `insgen plugins list`."
        )
    options: dict[str, dict[str, Any]] = {offer.name: {} for offer in offers}
    for key, value in parse_options(settings).items():
        stage, dot, option = key.partition(".")
        if not dot or stage not in options:
            raise ConfigError(
                f'"{key}" names no option of this plugin.\n  Expected STAGE.OPTION=VALUE, the stage being one of'
                f" {', '.join(options)}.\n  Write it that way."
            )
        options[stage][option] = value
    return [Subject(o.cls, o.kind, options[o.name], o.plugin, o.version) for o in offers]
