"""`insgen bank`: the ranked bank and its versions."""

from __future__ import annotations

from pathlib import Path

import click

from insgen.cli.bank_versions import merge, show, split
from insgen.cli.output import database_of, example, json_option, print_json, print_table, project_option, reading, say


@click.group(epilog=example("insgen bank list -p handbook", "insgen bank diff 1 3 -p handbook"))
def bank() -> None:
    """List, merge and split the bank; go back to a version.

    The bank is the ranked set that a run keeps. Every round that changes it makes a new version, and none is lost: an
    eviction deletes nothing.
    """


@bank.command("list", epilog=example("insgen bank list -p handbook", "insgen bank list --top 500 --json > best.json"))
@project_option
@click.option("--top", type=click.IntRange(min=1), default=20, show_default=True, help="The best so many.")
@json_option
def list_(project: Path, top: int, as_json: bool) -> None:
    """List the best members by rank.

    Utility decided the rank; it is made of diversity (how far from the others) and quality (what the scorers said),
    on scales of the selector's own. `insgen why RANK` tells more about one.
    """
    from insgen.store import queries

    with reading(project) as conn:
        found = queries.bank_rows(conn, top)
    if as_json:
        print_json(found)
        return
    print_table(
        ("rank", "id", "utility", "diversity", "quality", "instruction"),
        [(r["rank"], r["id"][:11], r["utility"], r["diversity"], r["quality"], r["instruction"]) for r in found],
        wide=("instruction",),
    )


@bank.command(epilog=example("insgen bank log -p handbook", "insgen bank log -p handbook --vendi"))
@project_option
@click.option("--vendi", is_flag=True, help="Measure each version's diversity, too; takes a while for large banks.")
@json_option
def log(project: Path, vendi: bool, as_json: bool) -> None:
    """List every version of the bank, newest first.

    With the round that made it, how many members came and went, and the mean quality. The Vendi score is the effective
    number of different members, by the vectors of one model for all versions: the first that any was ranked with.
    """
    from insgen.report.metrics import vendi_score
    from insgen.store import queries
    from insgen.store.members import version_vectors

    with reading(project) as conn:
        found = queries.bank_log(conn)
        for row in found if vendi else ():
            vectors = version_vectors(conn, row["version"], found[-1]["version"])
            row["vendi"] = None if vectors is None else vendi_score(vectors)
    if as_json:
        print_json(found)
        return
    print_table(
        (
            *("version", "made by", "round", "made (UTC)", "selector", "members", "came", "went", "mean quality"),
            *(["vendi"] if vendi else []),
        ),
        [
            (
                *(row["version"], row["action"], row["round"], row["made_utc"][:16].replace("T", " ")),
                *(row["selector"], row["members"], row["admitted"], row["evicted"], row["mean_quality"]),
                *([row["vendi"]] if vendi else []),
            )
            for row in found
        ],
    )


@bank.command(epilog=example("insgen bank diff 1 3 -p handbook"))
@click.argument("before", type=int)
@click.argument("after", type=int)
@project_option
@click.option(
    "--top", type=click.IntRange(min=1), default=10, show_default=True, help="Show at most so many of each kind."
)
@json_option
def diff(before: int, after: int, project: Path, top: int, as_json: bool) -> None:
    """Compare two versions: who came, who went, who moved.

    Version 0 is the empty bank; `insgen bank log` lists the others.
    """
    from insgen.store import queries

    with reading(project) as conn:
        found = queries.bank_diff(conn, before, after)
    if as_json:
        print_json(found)
        return
    for word in ("admitted", "evicted"):
        say(f"{word}: {len(found[word])}")
        if found[word]:
            print_table(
                ("rank", "id", "instruction"),
                [(r["rank"], r["id"][:11], r["instruction"]) for r in found[word][:top]],
                wide=("instruction",),
            )
    say(f"moved: {len(found['moved'])}, unmoved: {found['unmoved']}")
    if found["moved"]:
        rows = [(r["was"], r["rank"], r["id"][:11], r["instruction"]) for r in found["moved"][:top]]
        print_table(("was", "is", "id", "instruction"), rows, wide=("instruction",))


@bank.command(epilog=example("insgen bank rollback 2 -p handbook"))
@click.argument("version", type=int)
@project_option
@json_option
def rollback(version: int, project: Path, as_json: bool) -> None:
    """Make an old version of the bank the newest again.

    Nothing is deleted: the rollback is a version of its own, and can be rolled back too. The next run goes on from it.
    """
    from insgen.errors import ConfigError
    from insgen.store import members
    from insgen.store.database import open_store
    from insgen.store.rounds import now_utc

    store = open_store(database_of(project))
    try:
        newest = members.bank_version(store.conn)
        if not 1 <= version < newest:
            raise ConfigError(
                f"The bank cannot go back to version {version}; it is at version {newest}.\n"
                f"  Expected {'1 to ' + str(newest - 1) if newest > 1 else 'an older version, and there is none'}.\n"
                "  `insgen bank log` lists them."
            )
        _, _, before = members.selector_state(store.conn)
        with store.atomic() as conn:
            change = members.roll_back(conn, version, now_utc())
        _, _, after = members.selector_state(store.conn)
    finally:
        store.close()
    if as_json:
        print_json({"version": change.version, "admitted": change.admitted, "evicted": change.evicted})
        return
    say(
        f"The bank is at version {change.version}, with the members of version {version}: "
        f"{len(change.admitted)} came back, {len(change.evicted)} went."
    )
    if before != after:
        say(f"That version was ranked with the embedding model {after}: set [embed] back to it, or migrate again.")


for _command in (show, merge, split):
    bank.add_command(_command)
