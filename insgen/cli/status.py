"""`insgen status`: where a project stands."""

from __future__ import annotations

from pathlib import Path

import click

from insgen.cli.output import database_of, json_option, print_json, print_table, project_argument


@click.command(epilog="Example: insgen status handbook --json")
@project_argument
@json_option
def status(project: Path, as_json: bool) -> None:
    """Show where a project stands: rounds, fates, rejections, bank, money.

    Works while a run is writing.
    """
    from insgen.store import queries
    from insgen.store.database import open_reader

    found = queries.status(open_reader(database_of(project)))
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
        click.echo(f"Spent: ${costs['cost_usd']:.4f} in {costs['calls']} calls.")
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
    print_table(("fate", "candidates"), list(found["fates"].items()))
    if found["rejections"]:
        click.echo()
        print_table(("filter", "reason", "rejected"), [(r["filter"], r["reason"], r["n"]) for r in found["rejections"]])
    if found["unreadable"]:
        click.echo(
            f"\n{found['unreadable']} rows could not be read: insgen sql 'SELECT * FROM unreadable' -p {project}"
        )
