"""`insgen seeds`: the tasks that stand as examples in prompts, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from insgen.cli.output import (
    database_of,
    example,
    json_option,
    one_line,
    print_json,
    print_table,
    project_option,
    reading,
    say,
)

_undo = click.option("--undo", is_flag=True, help="Take it back.")
_reason = click.option("--reason", default="by the user", show_default=True, help="Why, for the log.")


@click.group(epilog=example("insgen seeds list -p handbook", "insgen seeds why b2:15798e43 -p handbook"))
def seeds() -> None:
    """List the seed tasks; tell why each is one; pin or drop one.

    Seeds stand as examples in prompts. They come from seeds.jsonl; a seed policy that listens to feedback promotes
    others from the bank and evicts weak ones. Nothing is ever deleted.
    """


@seeds.command("list", epilog=example("insgen seeds list -p handbook"))
@project_option
@click.option("--all", "everyone", is_flag=True, help="Also seeds that are not in force any more.")
@json_option
def list_(project: Path, everyone: bool, as_json: bool) -> None:
    """List the seeds in force, in order of arrival.

    With the round that brought each, how many tasks were made with it in their prompt, and how many of those passed
    every filter.
    """
    from insgen.store import steering

    with reading(project) as conn:
        found = steering.seed_rows(conn, everyone=everyone)
    if as_json:
        print_json(found)
        return
    print_table(
        ("id", "state", "since round", "made", "kept", "instruction"),
        [(r["id"][:11], _state(r), r["since_round"], r["made"], r["kept"], r["instruction"]) for r in found],
        wide=("instruction",),
    )


@seeds.command(epilog=example("insgen seeds log -p handbook"))
@project_option
@click.option("--top", type=click.IntRange(min=1), default=20, show_default=True, help="The newest so many.")
@json_option
def log(project: Path, top: int, as_json: bool) -> None:
    """List every change of the seed set, newest first.

    With the round that began with it and the reason; `--json` has the figures of the reason one by one.
    """
    from insgen.store import steering

    with reading(project) as conn:
        found = steering.seed_log(conn)[:top]
    if as_json:
        print_json(found)
        return
    for row in found:
        say(f'round {row["round"]}  {row["event"]} {row["seed_id"][:11]} "{one_line(row["instruction"], 80)}"')
        say(f"    {row['reason']}")


@seeds.command(epilog=example("insgen seeds why b2:15798e43 -p handbook"))
@click.argument("seed")
@project_option
@json_option
def why(seed: str, project: Path, as_json: bool) -> None:
    """Tell the story of one seed.

    When it came and went, each time with the reason, and what was made with it. SEED is an id, or enough of its
    beginning.
    """
    from insgen.bank.seeds import find_seed
    from insgen.store import steering

    with reading(project) as conn:
        id_ = find_seed(conn, seed)
        one = next(row for row in steering.seed_rows(conn, everyone=True) if row["id"] == id_)
        events = steering.seed_log(conn, id_)[::-1]
    if as_json:
        print_json({"seed": one, "events": events})
        return
    say(id_)
    say(f"  instruction  {one_line(one['instruction'], 300)}")
    for name in ("input", "output"):
        if one[name]:
            say(f"  {name:<11}  {one_line(one[name], 300)}")
    say(f"  state        {_state(one)}")
    say(f"  made with it {one['made']} tasks, {one['kept']} of them kept")
    for row in events:
        say(f"  round {row['round']}  {row['event']}: {row['reason']}")


@seeds.command(epilog=example("insgen seeds pin b2:15798e43 -p handbook"))
@click.argument("seed")
@project_option
@_undo
@_reason
@json_option
def pin(seed: str, project: Path, undo: bool, reason: str, as_json: bool) -> None:
    """Keep a seed: no seed policy may evict it.

    It stays in force until you unpin it with --undo, or drop it.
    """
    from insgen.bank import seeds as seed_set

    _change(seed_set.pin, seed, project, undo, reason, as_json)


@seeds.command(epilog=example("insgen seeds drop b2:15798e43 --reason 'off topic' -p handbook"))
@click.argument("seed")
@project_option
@_undo
@_reason
@json_option
def drop(seed: str, project: Path, undo: bool, reason: str, as_json: bool) -> None:
    """Take a seed out: it stands in no prompt, and no policy brings it back.

    Seeds that stand in seeds.jsonl stay dropped as well.
    """
    from insgen.bank import seeds as seed_set

    _change(seed_set.drop, seed, project, undo, reason, as_json)


def _change(how: Any, seed: str, project: Path, undo: bool, reason: str, as_json: bool) -> None:
    from insgen.bank.seeds import find_seed
    from insgen.store import steering
    from insgen.store.database import open_store
    from insgen.store.rounds import last_round

    store = open_store(database_of(project))
    try:
        id_ = find_seed(store.conn, seed)
        with store.atomic() as conn:
            changed = how(conn, id_, last_round(conn), reason, undo=undo)
        one = next(row for row in steering.seed_rows(store.conn, everyone=True) if row["id"] == id_)
    finally:
        store.close()
    if as_json:
        print_json({"id": id_, "changed": changed, "state": _state(one)})
        return
    say(f'The seed {id_[:11]} "{one_line(one["instruction"], 80)}" is {"now" if changed else "already"} {_state(one)}.')


def _state(row: dict[str, Any]) -> str:
    """What a seed is now, in a word."""
    if row["dropped"]:
        return "dropped"
    if not row["active"]:
        return "evicted"
    return "pinned" if row["pinned"] else "in force"
