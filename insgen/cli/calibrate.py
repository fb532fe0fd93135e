"""`insgen calibrate`: thresholds by what people said."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from insgen.cli.output import example, json_option, print_json, print_table, project_option, reading, say
from insgen.errors import ConfigError

if TYPE_CHECKING:
    import sqlite3

    from insgen.report.thresholds import Placed


@click.command(epilog=example("insgen calibrate -p handbook", "insgen calibrate -p handbook --seed 7 --json"))
@project_option
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the bootstrap.")
@json_option
def calibrate(project: Path, seed: int, as_json: bool) -> None:
    """Place limits by your labels: near-duplicates, quality.

    About fifty of either kind are enough for a first look: `insgen review --pairs` labels pairs as the same task or
    different ones, `insgen review` accepts and rejects. The threshold has the best balanced accuracy on these labels;
    the interval (95 %, bootstrap) says how far it would move with other labels of the same kind. Prints the lines for
    insgen.toml; changes nothing.
    """
    with reading(project) as conn:
        placed, refused = _placed(conn, seed)
    if not placed:
        raise ConfigError("Nothing can be placed.\n" + "\n".join(f"{name}: {why}" for name, why in refused.items()))
    if as_json:
        print_json({"placed": {name: vars(one) for name, one in placed.items()}, "refused": refused})
        return
    columns = ("measure", "threshold", "low", "high", "balanced accuracy", "good", "bad")
    print_table(columns, [(name, *vars(one).values()) for name, one in placed.items()])
    say()
    for line in _lines(placed):
        say(line)
    for name, why in refused.items():
        say(f"Not placed: {name}. {why}")


def _placed(conn: sqlite3.Connection, seed: int) -> tuple[dict[str, Placed], dict[str, str]]:
    """Every measure that has labels enough, and why others have not."""
    from insgen.report.thresholds import place
    from insgen.store.labels import pair_labels, quality_labels

    similarities, different, unusable = pair_labels(conn)
    measures: dict[str, tuple[list[float], list[bool]]] = {
        "near_duplicate": ([-each for each in similarities], different),
        **quality_labels(conn),
    }
    placed: dict[str, Placed] = {}
    refused: dict[str, str] = {}
    for name, (values, good) in measures.items():
        try:
            placed[name] = place(values, good, seed)
        except ConfigError as error:
            refused[name] = str(error)
    if unusable:
        refused["pairs left out"] = f"{unusable}: people disagree, or a vector of the present model is missing."
    if "near_duplicate" in placed:
        placed["near_duplicate"] = _mirrored(placed["near_duplicate"])
    return placed, refused


def _mirrored(one: Placed) -> Placed:
    """The threshold of a measure that was negated, for low similarity is what passes."""
    from dataclasses import replace

    return replace(one, threshold=-one.threshold, low=-one.high, high=-one.low)


def _lines(placed: dict[str, Placed]) -> list[str]:
    """What to write into insgen.toml."""
    lines: list[Any] = []
    if "near_duplicate" in placed:
        lines += ["[[filter]]", 'use = "near_duplicate"', f"limit = {placed['near_duplicate'].threshold:.4f}"]
    if "quality" in placed:
        lines += ["[select]", f"min_quality = {placed['quality'].threshold:.4f}"]
    return lines
