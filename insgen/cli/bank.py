"""`insgen bank`: the ranked bank and its versions."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from insgen.cli.output import database_of, json_option, print_json, print_table, project_option


@click.group(epilog="Example: insgen bank diff 1 3 -p handbook")
def bank() -> None:
    """List the bank, and look at or go back to its versions."""


@bank.command("list", epilog="Example: insgen bank list --top 10 -p handbook")
@project_option
@click.option("--top", type=click.IntRange(min=1), default=20, show_default=True, help="The best so many.")
@json_option
def list_(project: Path, top: int, as_json: bool) -> None:
    """List the best members by rank."""
    from insgen.store import queries
    from insgen.store.database import open_reader

    found = queries.bank_rows(open_reader(database_of(project)), top)
    if as_json:
        print_json(found)
        return
    print_table(
        ("rank", "id", "utility", "diversity", "quality", "instruction"),
        [(r["rank"], r["id"][:11], r["utility"], r["diversity"], r["quality"], r["instruction"]) for r in found],
        wide=("instruction",),
    )


@bank.command(epilog="Example: insgen bank log -p handbook")
@project_option
@json_option
def log(project: Path, as_json: bool) -> None:
    """List every version of the bank, newest first."""
    from insgen.store import queries
    from insgen.store.database import open_reader

    found = queries.bank_log(open_reader(database_of(project)))
    if as_json:
        print_json(found)
        return
    names = ("version", "action", "round", "made_utc", "selector", "members", "admitted", "evicted", "mean_quality")
    print_table(names, [[row[name] for name in names] for row in found])


@bank.command(epilog="Example: insgen bank diff 1 3 -p handbook   (version 0 is the empty bank)")
@click.argument("before", type=int)
@click.argument("after", type=int)
@project_option
@click.option(
    "--top", type=click.IntRange(min=1), default=10, show_default=True, help="Show at most so many of each kind."
)
@json_option
def diff(before: int, after: int, project: Path, top: int, as_json: bool) -> None:
    """Compare two versions: who came, who went, who moved."""
    from insgen.store import queries
    from insgen.store.database import open_reader

    found = queries.bank_diff(open_reader(database_of(project)), before, after)
    if as_json:
        print_json(found)
        return
    for word in ("admitted", "evicted"):
        click.echo(f"{word}: {len(found[word])}")
        if found[word]:
            print_table(
                ("rank", "id", "instruction"),
                [(r["rank"], r["id"][:11], r["instruction"]) for r in found[word][:top]],
                wide=("instruction",),
            )
    click.echo(f"moved: {len(found['moved'])}, unmoved: {found['unmoved']}")
    if found["moved"]:
        rows = [(r["was"], r["rank"], r["id"][:11], r["instruction"]) for r in found["moved"][:top]]
        print_table(("was", "is", "id", "instruction"), rows, wide=("instruction",))


@bank.command(epilog="Example: insgen bank rollback 2 -p handbook")
@click.argument("version", type=int)
@project_option
@json_option
def rollback(version: int, project: Path, as_json: bool) -> None:
    """Make an old version the bank's newest again; nothing is deleted, and the rollback is a version of its own."""
    from insgen.errors import ConfigError
    from insgen.store import members
    from insgen.store.database import open_store

    store = open_store(database_of(project))
    try:
        newest = members.bank_version(store.conn)
        if not 1 <= version < newest:
            raise ConfigError(
                f"The bank cannot go back to version {version}; it is at version {newest}.\n"
                f"  Expected {'1 to ' + str(newest - 1) if newest > 1 else 'an older version, and there is none'}.\n"
                "  `insgen bank log` lists them."
            )
        with store.atomic() as conn:
            change = members.roll_back(conn, version, datetime.now(UTC).isoformat(timespec="seconds"))
    finally:
        store.close()
    if as_json:
        print_json({"version": change.version, "admitted": change.admitted, "evicted": change.evicted})
        return
    click.echo(
        f"The bank is at version {change.version}, with the members of version {version}: "
        f"{len(change.admitted)} came back, {len(change.evicted)} went."
    )
