"""`insgen preview`: one small round, shown in full."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from insgen.cli.output import example, json_option, print_json, project_argument, say, set_option
from insgen.cli.why import tell

if TYPE_CHECKING:
    from insgen.loop.preview import Preview


@click.command(epilog=example("insgen preview handbook -n 5 --set llm.temperature=0.7"))
@project_argument
@click.option("-n", "n", type=click.IntRange(min=1), default=10, show_default=True, help="About so many candidates.")
@set_option
@click.option("--quiet", "-q", is_flag=True, help="No progress on stderr.")
@json_option
def preview(project: Path, n: int, settings: tuple[str, ...], quiet: bool, as_json: bool) -> None:
    """Play one small round and show it; the bank stays as it is.

    Texts, verdicts and scores of every candidate, in full.

    What the language model is paid for counts against the budget. Its answers are kept: where the next `insgen run`
    asks the same question in the same place, it takes the answer and does not pay again.
    """
    from insgen.cli.progress import progress
    from insgen.loop.preview import preview as play

    with progress(quiet=quiet) as watcher:
        shown = play(project, settings, n, watcher)
    if as_json:
        print_json(vars(shown))
        return
    for number, candidate in enumerate(shown.candidates, start=1):
        say(f"--- {number} of {len(shown.candidates)}")
        for line in _candidate(candidate):
            say(line)
        say()
    for line in _end(shown):
        say(line)


def _candidate(candidate: dict[str, Any]) -> list[str]:
    """One candidate with its whole texts, then its facts as `insgen why` tells them."""
    texts = candidate["candidate"]
    bought = next((row for row in candidate["answers"] if row["output"]), {"output": "", "input": ""})
    lines = []
    for name in ("instruction", "input", "output"):
        text = texts[name] or bought.get(name, "")
        if text:
            lines += [f"[{name}]", text]
    bare = {"proposals": [], "signals": [], "bank": [], "candidate": {**texts, "input": "", "output": ""}}
    facts = tell({**candidate, **bare})
    again = ["  proposed again; the first appearance decides"] if candidate["repeated"] else []
    return [*lines, "[facts]", facts[0], *again, *(line for line in facts[2:] if line)]


def _end(shown: Preview) -> list[str]:
    lines = [f"could not be read: {each['source']}: {each['reason']}" for each in shown.unreadable]
    if not shown.candidates and not shown.unreadable:
        lines.append("There was nothing new to judge.")
    if shown.calls or shown.reused:
        paid = f"{shown.calls} calls, {shown.tokens} tokens, ${shown.cost_usd:.6f}"
        lines.append(f"{paid}; {shown.reused} answers were paid for before.")
    return [*lines, "Nothing entered the bank."]
