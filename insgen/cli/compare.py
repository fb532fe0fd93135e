"""`insgen compare`: what other selectors would have chosen from the same candidates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from insgen.cli.output import example, json_option, print_json, print_table, project_argument, say

if TYPE_CHECKING:
    from insgen.loop.comparing import Comparison


_COLUMNS = ("selector", "size", "chosen", "quality", "nearest", "p10", "vendi", "to pool", "even", "shared", "s", "MB")

_MEANING = """\b
Columns (distances are 1 - cosine similarity, 0 to 2):
  quality  mean quality of the chosen, 0 to 1
  nearest  distance of a chosen one to the nearest other, median
  p10      the same, 10th percentile
  vendi    Vendi score: effective number of different ones
  to pool  mean distance of every candidate to the nearest chosen; low is good
  even     evenness over the k-means clusters of all candidates, 0 to 1
  shared   share of the choice that the first selector made too, 0 to 1
  s        seconds in the selector
  MB       peak memory of a process that holds all candidates, in 1e6 bytes

"""


@click.command(
    epilog=_MEANING
    + example(
        "insgen compare handbook",
        "insgen compare handbook -s pibe -s k_center --size 500 --size 1000",
        "insgen compare handbook -s pibe:alpha=0.1,decay=0.8 -s quality --arrivals",
    )
)
@project_argument
@click.option(
    "--selector",
    "-s",
    "selectors",
    multiple=True,
    metavar="NAME[:KEY=VALUE]",
    help="A selector; its options follow a colon, with commas between them.  [default: all that need none]",
)
@click.option(
    "--size",
    "sizes",
    type=click.IntRange(min=1),
    multiple=True,
    help="How many to choose; several times for several sizes.  [default: that of the config]",
)
@click.option("--arrivals", is_flag=True, help="Choose round after round, as the candidates came.")
@click.option(
    "--clusters", type=click.IntRange(min=2), default=100, show_default=True, help="Clusters to be even over, at most."
)
@click.option("--quiet", "-q", is_flag=True, help="No progress on stderr.")
@json_option
def compare(
    project: Path,
    selectors: tuple[str, ...],
    sizes: tuple[int, ...],
    arrivals: bool,
    clusters: int,
    quiet: bool,
    as_json: bool,
) -> None:
    """Let several selectors choose from the same candidates.

    They choose from everything that was ever kept and scored: all at once, which is how papers compare, or with
    --arrivals round after round, which is what the bank would be today. At once, a selector that adds some rows per
    round (diverseevol with a step) is asked again until it is full. No model is trained between rounds: DiverseEvol
    then chooses by one model. The project's own selector starts from the options in its config.

    Only the selectors act; nothing is stored or paid. The selector raise learns a policy (learn_in) for the comparison
    alone, and keeps what it measures beside one that was learned before (policy).

    --json has more: the greatest distance to the pool, what every two selectors share, the memory before the selector
    began, how many rounds it was asked for.
    """
    from insgen.loop.comparing import compare as compare_selectors

    def advance(trial: str) -> None:
        if not quiet:
            say(trial, err=True)

    found = compare_selectors(project, selectors, sizes, arrivals=arrivals, clusters=clusters, advance=advance)
    if as_json:
        print_json(vars(found))
    else:
        _print(found)
    failed = [row for row in found.rows if row["error"]]
    for row in failed:
        say(f"{row['selector']}, size {row['size']}: {row['error']}", err=True)
    if failed:
        raise click.exceptions.Exit(1)


def _print(found: Comparison) -> None:
    pool = found.pool
    left_out = f" ({pool['left_out']} more have no quality or vector)" if pool["left_out"] else ""
    how = "round after round" if pool["arrivals"] else "all at once"
    say(f"{pool['candidates']} candidates of {pool['rounds']} rounds{left_out}, {how}; {pool['clusters']} clusters.")
    print_table(
        _COLUMNS,
        [
            (
                *(row["selector"], row["size"], row["chosen"], row["quality"], row["spacing_median"]),
                *(row["spacing_p10"], _short(row["vendi"]), row["coverage"], row["evenness"], row["shared"]),
                *(_short(row["seconds"], 2), _short(row["peak_mb"], 0)),
            )
            for row in found.rows
        ],
        wide=("selector",),
    )
    for row in found.rows:
        if row["asked"] > 1 and not pool["arrivals"]:
            say(
                f"{row['selector']}, size {row['size']}: chose in {row['asked']} rounds, each time more; "
                "no model was trained between them."
            )


def _short(value: float | None, places: int = 1) -> str | None:
    return None if value is None else f"{value:.{places}f}"
