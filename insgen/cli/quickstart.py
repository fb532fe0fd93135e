"""`insgen quickstart`: the main job, offline, on a handbook that ships with insgen."""

from __future__ import annotations

from pathlib import Path

import click

from insgen.cli.output import one_line, print_table


@click.command(epilog="Example: insgen quickstart my-first-project")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path("insgen-quickstart"))
@click.option("--quiet", "-q", is_flag=True, help="No progress on stderr.")
def quickstart(folder: Path, quiet: bool) -> None:
    """Make a project out of a handbook on running SQLite in production, run it, and export the bank.

    Needs no key, no network and no GPU. Called again, it goes on where it was.
    """
    from insgen.cli.export import told, write_export
    from insgen.cli.run import play, summary
    from insgen.config.load import FILE_NAME
    from insgen.loop.project import copy_handbook, make_project
    from insgen.store import queries
    from insgen.store.database import open_reader

    if not (folder / FILE_NAME).exists():
        make_project(folder, "documents")
        chapters = copy_handbook(folder / "docs")
        click.echo(
            f"Made {folder} from the recipe documents, with {chapters} chapters of a handbook in {folder / 'docs'}."
        )
    else:
        click.echo(f"{folder} is a project already: going on.")
    result = play(folder, (), 0, quiet=quiet)
    click.echo(summary(result))
    conn = open_reader(folder / "insgen.db")
    click.echo("\nThe best of the bank:")
    best = queries.bank_rows(conn, 8)
    print_table(
        ("rank", "quality", "from", "instruction"),
        [(r["rank"], r["quality"], f"{Path(r['source']).name}:{r['line_start']}", r["instruction"]) for r in best],
        wide=("instruction",),
    )
    click.echo("\nSome that were rejected:")
    for row in queries.rejected_examples(conn, 4):
        measured = (
            f"{row['measure']} {row['value']:.2f} > {row['limit_value']:g}" if row["neighbour"] else row["reason"]
        )
        click.echo(f"  {row['filter']} ({measured}): {one_line(row['instruction'])}")
        if row["neighbour_instruction"]:
            click.echo(f"      too near to: {one_line(row['neighbour_instruction'])}")
    conn.close()
    written = write_export(folder, folder / "instructions.jsonl", "alpaca", None, force=True)
    click.echo(f"\n{told(written)}")
    click.echo(
        f"Next: insgen why 1 -p {folder} | insgen status {folder} | edit {folder / FILE_NAME} and put your"
        " own documents into docs/"
    )
