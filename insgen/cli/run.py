"""`insgen run`: the loop, with live progress; called again, it goes on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from insgen.cli.output import example, json_option, print_json, project_argument, say, set_option

if TYPE_CHECKING:
    from insgen.loop.run import RunResult


@click.command(
    epilog=example(
        "insgen run handbook",
        "insgen run handbook --rounds 2 --set select.size=200",
        "insgen run my-data --recipe raise",
    )
)
@project_argument
@click.option(
    "--rounds",
    type=click.IntRange(min=0),
    default=0,
    help="Stop after so many rounds of this call.  [default: the config decides]",
)
@click.option(
    "--recipe",
    default="",
    metavar="NAME",
    help="For this call, play a recipe's stages instead of those of insgen.toml, whose [project], [llm], [budget] and "
    "plugins stay; name it again to go on.",
)
@set_option
@click.option("--dry-run", is_flag=True, help="Only estimate what a kept row will cost; nothing is sent or written.")
@click.option("--quiet", "-q", is_flag=True, help="No progress on stderr.")
@json_option
def run(
    project: Path, rounds: int, recipe: str, settings: tuple[str, ...], dry_run: bool, quiet: bool, as_json: bool
) -> None:
    """Run the loop until a stop rule holds; run again to go on.

    A round proposes candidates, filters and scores them, and ranks the bank anew. Every finished round is stored in
    one transaction: after Ctrl-C, a crash or a power cut the next call goes on where this one was, and ends with the
    same bank.
    """
    if dry_run:
        foretell(project, settings, recipe, as_json=as_json)
        return
    result = play(project, settings, rounds, recipe, quiet=quiet)
    for warning in result.warnings if quiet else result.untold:
        say(f"Warning: {warning}.", err=True)
    if as_json:
        print_json(
            {
                "run_id": result.run_id,
                "reason": result.reason,
                "rejected_by": dict(result.rejected_by),
                "warnings": result.warnings,
                **result.counters,
            }
        )
        return
    say(summary(result))
    if result.counters["members"]:
        say(f"Next: insgen status {project} | insgen bank list -p {project} | insgen export FILE -p {project}")
    else:
        say(f"Next: insgen status {project} | insgen check {project} | insgen add FILE -p {project}")


def play(project: Path, settings: tuple[str, ...], rounds: int, recipe: str = "", *, quiet: bool) -> RunResult:
    """Put a run together, watch it, and play it."""
    from insgen.cli.progress import progress
    from insgen.loop.assemble import Assembly

    assembly = Assembly(project, settings, recipe)
    for broken in assembly.plugins.broken:
        say(f"Warning: {broken}", err=True)
    with progress(quiet=quiet) as watcher:
        if watcher is not None:
            assembly.watch(watcher)
        with assembly.open(max_rounds=rounds) as run_:
            return run_.play()


def foretell(project: Path, settings: tuple[str, ...], recipe: str, *, as_json: bool) -> None:
    """Print what the next rounds will cost, as far as it can be known."""
    from dataclasses import asdict

    from insgen.loop.check_llm import told
    from insgen.loop.estimate import estimate

    found = estimate(project, settings, recipe)
    if as_json:
        print_json(asdict(found) if found is not None else None)
        return
    for line in told(found):
        say(f"{line[0].upper()}{line[1:]}.")


def summary(result: RunResult) -> str:
    """A run in a few lines, for people."""
    n = result.counters
    lines = [f"Stopped because {result.reason}."]
    if not n["rounds"]:
        return f"{lines[0]} The bank holds {counted(n['members'], 'member')}."
    lines.append(
        f"{counted(n['rounds'], 'round')}: {counted(n['proposed'], 'candidate')} proposed, {n['rejected']} rejected,"
        f" {n['kept']} kept. The bank holds the best {n['members']}."
    )
    for reason, count in result.rejected_by.most_common():
        lines.append(f"  {count:>6} rejected: {reason}")
    for word, what in (
        ("repeated", "had been seen before"),
        ("unreadable", "could not be read (insgen sql 'SELECT * FROM unreadable')"),
        ("unanswered", "got no answer"),
        ("unscored", "got no score"),
    ):
        if n[word]:
            lines.append(f"  {n[word]:>6} {what}")
    return "\n".join(lines)


def counted(n: int, noun: str) -> str:
    """A count with its noun: ``1 round``, ``2 rounds``."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
