"""`insgen quickstart`: the main job, offline, on a handbook that ships with insgen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from insgen.cli.output import example, one_line, print_table, say, width

_HANDBOOK = {
    'name = "my-handbook-instructions"': 'name = "sqlite-in-production"',
    'domain = ""  ': 'domain = "running SQLite in production"  ',
    'licence = ""  ': 'licence = "Apache-2.0"  ',
    '# subject = "Kubernetes"': 'subject = "SQLite"',
}
"""What the project says about the handbook where the recipe leaves it open."""


@click.command(epilog=example("insgen quickstart", "insgen quickstart my-first-project"))
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path("insgen-quickstart"))
@click.option("--quiet", "-q", is_flag=True, help="No progress on stderr.")
def quickstart(folder: Path, quiet: bool) -> None:
    """Make and run a first project: no key, no network, no GPU.

    Takes a handbook on running SQLite in production, makes candidates out of its chapters, judges them, fills a bank of
    100 and exports it. Takes about a minute. Called again, it goes on where it was.
    """
    from insgen.cli.export import told, write_export
    from insgen.cli.run import play, summary
    from insgen.config.load import FILE_NAME
    from insgen.loop.project import copy_handbook, make_project
    from insgen.store import queries
    from insgen.store.database import open_reader

    docs = folder / "docs"
    if (folder / FILE_NAME).exists() and any(docs.glob("*")):
        say(f"{folder} is a project already: going on.")
    else:
        if not (folder / FILE_NAME).exists():
            make_project(folder, "documents", _HANDBOOK)
        chapters = copy_handbook(docs)
        say(f"Made {folder} from the recipe documents, with {chapters} chapters of a handbook in {docs}.")
    say(summary(play(folder, (), 0, quiet=quiet)))
    conn = open_reader(folder / "insgen.db")
    say("\nThe best of the bank:\n")
    print_table(
        ("rank", "quality", "instruction", "from"),
        [(row["rank"], row["quality"], row["instruction"], place(row)) for row in queries.bank_rows(conn, 8)],
        wide=("instruction",),
    )
    say("\nSome that were rejected:\n")
    examples = queries.rejected_examples(conn, 40)
    for row in [each for each in examples if each["instruction"] != each["neighbour_instruction"]][:4]:
        for line in rejected(row):
            say(line)
    conn.close()
    out = folder / "instructions.jsonl"
    say(f"\n{told(write_export(folder, out, 'alpaca', None, force=True), out)}")
    say(f"\nNext: insgen why 1 -p {folder} | insgen status {folder} | insgen bank list -p {folder}")
    say(f"Or put your own documents into {docs} and call `insgen run {folder}`.")


def place(row: dict[str, Any]) -> str:
    """File and line of a member; a long file name is cut on a narrow terminal, the line is not."""
    line = f":{row['line_start']}"
    return one_line(Path(row["source"] or "").name, max(20, width() - 84) - len(line)) + line


def rejected(row: dict[str, Any]) -> list[str]:
    """A rejected candidate in one or two lines that fit the terminal."""
    measured = f"{row['measure']} {row['value']:.3f} > {row['limit_value']:g}" if row["neighbour"] else row["reason"]
    label = f"  {row['filter']} ({measured}): "
    lines = [label + one_line(row["instruction"], max(30, width() - len(label)))]
    if row["neighbour_instruction"]:
        label = "      too near to: "
        lines.append(label + one_line(row["neighbour_instruction"], max(30, width() - len(label))))
    return lines
