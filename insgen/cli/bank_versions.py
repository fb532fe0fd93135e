"""`insgen bank show`, `merge` and `split`: one version, two banks into one, one bank into two."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from insgen.cli.output import example, json_option, print_json, print_table, project_option, reading, say

if TYPE_CHECKING:
    from insgen.loop.merging import Merged

_MEASURES = ("rank", "id", "utility", "diversity", "quality")


@click.command(epilog=example("insgen bank show 2 -p handbook", "insgen bank show 2 --json > version-2.json"))
@click.argument("version", type=int)
@project_option
@click.option("--top", type=click.IntRange(min=1), default=20, show_default=True, help="Print the best so many.")
@json_option
def show(version: int, project: Path, top: int, as_json: bool) -> None:
    """Show any version of the bank as it was.

    Its ranking is rebuilt from what is stored of every version, evicted members included; "now" is a member's rank
    today. With --json, all of it.
    """
    from insgen.store.versions import version_rows

    with reading(project) as conn:
        found = version_rows(conn, version)
    if as_json:
        print_json(found)
        return
    made = found["version"]
    round_ = f" {made['round']}" if made["round"] is not None and made["action"] == "round" else ""
    say(
        f"Version {version}, made by {made['action']}{round_} on {made['made_utc'][:16].replace('T', ' ')} UTC: "
        f"{made['members']} of at most {made['size']} members (+{made['admitted']} -{made['evicted']}),\n"
        f"ranked by {made['selector']} {made['selector_version']} with vectors of {made['model']}."
    )
    print_table(
        (*_MEASURES, "now", "instruction"),
        [
            (r["rank"], r["id"][:11], r["utility"], r["diversity"], r["quality"], r["now"], r["instruction"])
            for r in found["members"][:top]
        ],
        wide=("instruction",),
    )


@click.command(epilog=example("insgen bank merge ../other -p handbook", "insgen bank merge other/insgen.db --kept"))
@click.argument("other", type=click.Path(path_type=Path))
@project_option
@click.option("--kept", is_flag=True, help="All that passed the other's filters, not only its members.")
@click.option(
    "--top", type=click.IntRange(min=0), default=10, show_default=True, help="Show at most so many conflicts."
)
@click.option("--quiet", "-q", is_flag=True, help="No progress on stderr.")
@json_option
def merge(other: Path, project: Path, kept: bool, top: int, quiet: bool, as_json: bool) -> None:
    """Merge another project's bank into this one.

    OTHER is a project's folder or its database; it is only read, and has to use the same embedding model. Its members
    come with texts, sources, answers, scores and vectors, as one round; no filter runs and nothing is paid for. This
    project's selector ranks everyone anew. Texts that are here already stay as they are here; what the two projects
    say differently about them is listed. A candidate without a score of one of this config's scorers waits for the
    next run.
    """
    from insgen.cli.progress import progress
    from insgen.loop.merging import merge as merge_bank

    with progress(quiet=quiet) as watcher:
        merged = merge_bank(project, other, everything=kept, watcher=watcher)
    if as_json:
        conflicts = [vars(each) for each in merged.conflicts]
        print_json({**vars(merged), "conflicts": conflicts})
        return
    for line in _told(merged):
        say(line)
    if merged.conflicts and top:
        say()
        print_table(
            ("here", "what", "here it is", "there it is", "instruction"),
            [(c.here[:11], c.what, c.ours, c.theirs, c.instruction) for c in merged.conflicts[:top]],
            wide=("here it is", "there it is", "instruction"),
        )


def _told(merged: Merged) -> list[str]:
    here = f"{merged.repeated} here already, {merged.duplicates} with a question that is here already"
    lines = [f"{merged.source}: {merged.looked_at} candidates, {merged.new} new, {here}."]
    if merged.version is not None:
        lines.append(
            f"The bank is at version {merged.version} with {merged.members} members: "
            f"{len(merged.admitted)} came, {len(merged.evicted)} went."
        )
    else:
        lines.append(f"Nobody new could be ranked; the bank stays as it is, with {merged.members} members.")
    if merged.waiting:
        lines.append(f"{merged.waiting} lack a score of this config's scorers and wait for the next `insgen run`.")
    if merged.conflicts:
        lines.append(f"{len(merged.conflicts)} conflicts, in which this project's word stands.")
    return lines


@click.command(
    epilog=example(
        "insgen bank split api-only -p handbook --where \"source LIKE '%api%'\"",
        'insgen bank split good -p handbook --where "quality >= 0.5 AND rank < 500"',
    )
)
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--where", required=True, help="An SQL condition on the columns of the view v_bank.")
@project_option
@json_option
def split(out: Path, where: str, project: Path, as_json: bool) -> None:
    """Make a project of the members that meet a condition.

    OUT is the new project's folder, with a copy of config, seeds and prompts, and a bank of those members in their
    order, with all that is known about them. This project stays as it is. `insgen sql "SELECT * FROM v_bank LIMIT 1"`
    shows the columns.
    """
    from insgen.loop.splitting import split as split_bank

    done = split_bank(project, out, where)
    answer: dict[str, Any] = {"path": done.path, "members": done.members, "of": done.of}
    if as_json:
        print_json(answer)
        return
    say(f"{done.members} of {done.of} members now make up the bank of {out}; this project stays as it is.")
    say("Paths in its insgen.toml are relative to its own folder: see to its sources before you run it.")
