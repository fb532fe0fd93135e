"""`insgen status`: where a project stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from insgen.cli.output import database_of, json_option, print_json, print_table, project_argument

_SHOWN_TRENDS = 10  # measuring one round of a thousand texts takes some ten milliseconds


@click.command(epilog="Example: insgen status handbook --json")
@project_argument
@json_option
def status(project: Path, as_json: bool) -> None:
    """Show where a project stands: rounds, fates, rejections, bank, money.

    Works while a run is writing.
    """
    from dataclasses import asdict

    from insgen.store import queries
    from insgen.store.database import open_reader
    from insgen.store.judging import drifts, spared
    from insgen.store.trends import trend, watched_rounds

    conn = open_reader(database_of(project))
    found = queries.status(conn)
    made = [trend(conn, round_) for round_ in watched_rounds(conn)[-_SHOWN_TRENDS:]]
    found["trends"] = [asdict(each) for each in made if each is not None]
    less, moved = spared(conn), drifts(conn)
    found["spared"] = asdict(less) if less else None
    found["drift"] = [asdict(each) for each in moved]
    if as_json:
        print_json(found)
        return
    last, bank, costs = found["last_run"], found["bank"], found["costs"]
    if last:
        ended = (
            f"stopped because {last['reason']}"
            if last["finished_utc"]
            else "still running, or killed; `insgen run` goes on"
        )
        click.echo(f"Run {last['id']} of {last['started_utc']}: {ended}.")
    if found["waiting"]:
        click.echo(f"{found['waiting']} added candidates wait for the next run.")
    if bank:
        click.echo(
            f"Bank version {bank['version']}: {bank['members']} of at most {bank['size']} members, "
            f"mean quality {found['mean_quality']:.3f}, ranked by {bank['selector']}."
        )
    if costs["calls"]:
        click.echo(_money(costs, found["per_kept_row"]))
    if less:
        money = "" if less.cost_usd is None else f" and ${less.cost_usd:.4f}"
        click.echo(
            f"Spared: about {less.calls:,.0f} calls{money}, which answers and scores of the {less.rejected:,} "
            "candidates that filters rejected would have taken."
        )
    for each in moved[-1:]:
        click.echo(
            f"Drift of {each.scorer}: {each.mean:+.2f} on {each.low:g} to {each.high:g} in round {each.round}, over "
            f"{each.anchors} anchors judged again."
        )
    click.echo()
    if found["rounds"]:
        names = (
            "round",
            "proposed",
            "repeated",
            "rejected",
            "unscored",
            "kept",
            "admitted",
            "evicted",
            "members",
            "duration_ms",
        )
        print_table(names, [[row[name] for name in names] for row in found["rounds"]])
        click.echo()
    if found["trends"]:
        names = tuple(found["trends"][0])
        print_table(names, [list(row.values()) for row in found["trends"]])
        click.echo()
    print_table(("fate", "candidates"), list(found["fates"].items()))
    if found["rejections"]:
        click.echo()
        print_table(("filter", "reason", "rejected"), [(r["filter"], r["reason"], r["n"]) for r in found["rejections"]])
    if found["unreadable"]:
        click.echo(
            f"\n{found['unreadable']} rows could not be read: insgen sql 'SELECT * FROM unreadable' -p {project}"
        )


def _money(costs: dict[str, Any], each: dict[str, Any] | None) -> str:
    """One line: spent, of that reserved and lost, and for each kept row."""
    line = f"Spent: ${costs['spent_usd']:.4f} and {costs['spent_tokens']:,} tokens in {costs['calls']} calls"
    for word, what in (("reserved", "reserved, not yet settled"), ("lost", "lost in broken attempts")):
        if costs[f"{word}_tokens"]:
            line += f"; of that ${costs[f'{word}_usd']:.4f} {what}"
    if each is not None:
        line += f". Each kept row: ${each['usd']:.4g}, {each['calls']:.3g} calls, {each['tokens']:,.0f} tokens"
    return line + "."
