"""`insgen embed`: which embedding models a project's vectors are of, and the way to another one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from insgen.cli.output import example, json_option, print_json, print_table, project_argument, say

if TYPE_CHECKING:
    from insgen.loop.migrating import Migrated


@click.command(epilog=example("insgen embed handbook", "insgen embed handbook --migrate"))
@project_argument
@click.option("--migrate", "migrating", is_flag=True, help="Embed everything with the config's model and rank anew.")
@click.option(
    "--kept", is_flag=True, help="With --migrate: all that ever passed the filters compete, not only members."
)
@click.option(
    "--top", type=click.IntRange(min=0), default=10, show_default=True, help="Show so many of those that moved most."
)
@click.option("--quiet", "-q", is_flag=True, help="No progress on stderr.")
@json_option
def embed(project: Path, migrating: bool, kept: bool, top: int, quiet: bool, as_json: bool) -> None:
    """Show the embedding models, or change to another one.

    Vectors of two models cannot be compared, so a bank that was ranked with one is refused under another. To change:
    write the new model into [embed] of insgen.toml, then call this with --migrate. It embeds every text again, ranks
    the bank anew as a version of its own, and shows how far members moved. Stopped or killed, it goes on where it was.
    `insgen bank rollback` and the old [embed] lead back.
    """
    from insgen.cli.progress import progress
    from insgen.loop import migrating as migration

    if not migrating:
        if kept:
            raise click.UsageError("--kept is for --migrate: add that.")
        _show(migration.embedding_models(project), project, as_json=as_json)
        return
    with progress(quiet=quiet) as watcher:
        done = migration.migrate(project, everything=kept, watcher=watcher)
    if as_json:
        print_json(vars(done))
        return
    for line in _told(done):
        say(line)
    if done.moved and top:
        say("\nWho moved most:")
        rows = [(r["was"], r["rank"], r["id"][:11], r["instruction"]) for r in done.moved[:top]]
        print_table(("was", "is", "id", "instruction"), rows, wide=("instruction",))


def _show(found: dict[str, Any], project: Path, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    say(f"The config's model: {found['config']}")
    say(f"The bank's model:   {found['bank'] or 'none yet'}")
    if found["vectors"]:
        print_table(("vectors", "model"), [(n, model) for model, n in found["vectors"].items()])
    if found["migrate"]:
        say(f"They differ: `insgen embed {project} --migrate` brings the bank to the config's model.")


def _told(done: Migrated) -> list[str]:
    if done.old == done.new:
        return [f"The bank was ranked with this model already: {done.new}. Nothing is to be done."]
    lines = [f"{done.texts} texts have vectors of {done.new}; {done.embedded} were embedded now."]
    if done.version is None:
        return [*lines, "The bank has no members, so there is no ranking to make."]
    moves = f"{len(done.admitted)} came, {len(done.evicted)} went, {len(done.moved)} have another rank"
    lines.append(f"The bank is at version {done.version}: {done.members} members, {moves}.")
    if done.spearman is not None:
        lines.append(f"Rank correlation (Spearman) with version {done.before}: {done.spearman:.3f}.")
    return lines
