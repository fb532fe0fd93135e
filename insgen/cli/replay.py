"""`insgen replay`: what the bank would be with other settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from insgen.cli.output import example, json_option, print_json, print_table, project_argument, say, set_option


@click.command(epilog=example("insgen replay handbook --set filter.rouge.limit=0.6 --set select.size=50"))
@project_argument
@set_option
@click.option("--quiet", "-q", is_flag=True, help="No progress on stderr.")
@click.option(
    "--top", type=click.IntRange(min=0), default=5, show_default=True, help="Show so many gained and lost members."
)
@json_option
def replay(project: Path, settings: tuple[str, ...], quiet: bool, top: int, as_json: bool) -> None:
    """Judge stored proposals again with other settings.

    To see what another filter limit, scorer or bank size would have done: old and new are printed side by side.
    Nothing is spent and nothing in the project changes. To keep the new settings, write them into insgen.toml: they
    act on what comes next.
    """
    from insgen.cli.progress import progress
    from insgen.loop.replay import replay as play_again

    with progress(quiet=quiet) as watcher:
        found = play_again(project, settings, watcher)
    if as_json:
        print_json(vars(found))
        return
    rows: list[tuple[str, Any, Any]] = [
        (name, found.old[name], found.new[name]) for name in found.old if name != "rejections"
    ]
    reasons = sorted({*found.old["rejections"], *found.new["rejections"]})
    rows += [
        (f"rejected by {r}", found.old["rejections"].get(r, 0), found.new["rejections"].get(r, 0)) for r in reasons
    ]
    rows.append(("members in both", found.shared, found.shared))
    print_table(("", "as it is", "replayed"), rows)
    for word, members in (("gained", found.gained), ("lost", found.lost)):
        if members and top:
            say(f"\n{word}: {len(members)} members")
            print_table(
                ("rank", "id", "instruction"),
                [(m["rank"], m["id"][:11], m["instruction"]) for m in members[:top]],
                wide=("instruction",),
            )
