"""`insgen costs`: what the language model cost, by round, stage and model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from insgen.cli.output import example, json_option, print_json, print_table, project_argument, reading, say

_COUNTS = ("calls", "answered", "attempts", "prompt_tokens", "completion_tokens", "cost_usd")
_COLUMNS = ("round", "stage", "model", *_COUNTS)
_HEADS = ("round", "stage", "model", "calls", "answered", "attempts", "prompt", "completion", "USD")


@click.command(epilog=example("insgen costs handbook --json"))
@project_argument
@json_option
def costs(project: Path, as_json: bool) -> None:
    """Show what was spent, by round, stage and model.

    Calls, attempts, tokens and USD; tokens are the service's own counts. Lost is what broken attempts may have cost;
    reserved is the worst case of calls whose cost is not known. Both count against the budget. Works while a run is
    writing.
    """
    from insgen.store.costs import costs as ask

    with reading(project) as conn:
        found = ask(conn)
    if as_json:
        print_json(found)
        return
    total = found["total"]
    if not total["calls"]:
        say("No language model was asked: nothing is spent.")
        return
    rows = [[_cell(row, name) for name in _COLUMNS] for row in found["rows"]]
    print_table(_HEADS, [*rows, ["all", "", "", *(_cell(total, name) for name in _COUNTS)]])
    say()
    for line in _tell(found):
        say(line)


def _cell(row: dict[str, Any], name: str) -> object:
    return f"{row[name]:.6f}" if name == "cost_usd" else row[name]


def _tell(found: dict[str, Any]) -> list[str]:
    total, aside, each = found["total"], found["aside"], found["per_kept_row"]
    lines = [_sum("Against the budget", total["spent_usd"], total["calls"], total["spent_tokens"])]
    for word, what in (
        ("lost", "lost: broken attempts that may have been billed"),
        ("reserved", "reserved: calls under way, or answered without a token count"),
    ):
        if total[f"{word}_tokens"]:
            lines.append(f"  of that ${total[f'{word}_usd']:.6f}, {total[f'{word}_tokens']:,} tokens {what}")
    if aside["calls"]:
        lines.append(f"  of that ${aside['cost_usd']:.6f} in {aside['calls']} calls of previews and checks")
    if each is None:
        return [*lines, "No row is kept yet."]
    return [*lines, _sum(f"Each of {found['kept']} kept rows", each["usd"], each["calls"], each["tokens"])]


def _sum(what: str, usd: float, calls: float, tokens: float) -> str:
    return f"{what}: ${usd:.6f}, {calls:,.4g} calls, {tokens:,.0f} tokens."
