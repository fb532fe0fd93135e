"""`insgen batches`: the bank as training batches, each as diverse as can be."""

from __future__ import annotations

from pathlib import Path

import click

from insgen.cli.output import example, json_option, print_json, project_option, reading, say


@click.command(epilog=example("insgen batches plan.jsonl --size 64 --top 500 -p handbook"))
@click.argument("out", type=click.Path(path_type=Path))
@project_option
@click.option("--size", type=click.IntRange(min=1), default=128, show_default=True, help="Rows in a batch, at most.")
@click.option("--top", type=click.IntRange(min=1), help="Only the best so many members.")
@click.option("--clusters", type=click.IntRange(min=1), help="Clusters to spread each batch over.  [default: --size]")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same plan.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@json_option
def batches(
    out: Path, project: Path, size: int, top: int | None, clusters: int | None, seed: int, force: bool, as_json: bool
) -> None:
    """Write a plan of diverse training batches, as JSON Lines.

    Which rows go together, by their ids. Rows are clustered by their vectors, and every batch takes its share of
    every cluster (SeDi-Instruct, arXiv:2502.04774). A line is one batch, in training order: its number, its ids, and
    its diversity, the mean over pairs of 1 - cosine similarity. Every row is in exactly one batch; `insgen export`
    writes ids beside texts.
    """
    from insgen.report.batches import write_plan
    from insgen.store.queries import bank_vectors

    with reading(project) as conn:
        ids, vectors = bank_vectors(conn, top)
    plan = write_plan(ids, vectors, out, size=size, clusters=clusters, seed=seed, force=force)
    if as_json:
        print_json({"path": out, **plan.figures()})
        return
    told = plan.figures()
    say(f"Wrote {told['batches']} batches of {told['rows']} rows to {out}.")
    mean, random = told["mean_diversity"], told["random_diversity"]
    if mean is not None and random is not None:
        say(f"Mean diversity of a batch {mean:.6f}; of a random one {random:.6f} (expected).")
