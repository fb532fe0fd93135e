"""`insgen sql`: a read-only look into the project's database."""

from __future__ import annotations

import csv
import sqlite3
import sys
from pathlib import Path

import click

from insgen.cli.output import database_of, json_option, print_json, print_table, project_option


@click.command(epilog='Example: insgen sql "SELECT fate, count(*) FROM v_fate GROUP BY fate" -p handbook')
@click.argument("query")
@project_option
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV on stdout.")
def sql(query: str, project: Path, as_json: bool, as_csv: bool) -> None:
    """Ask the database anything; nothing can be changed.

    Stable views: v_bank, v_fate, v_rounds, v_costs. For a browser, `datasette insgen.db` shows the same file.
    """
    from insgen.errors import ConfigError
    from insgen.store import queries
    from insgen.store.database import open_reader

    conn = open_reader(database_of(project))
    try:
        found = queries.rows(conn, query)
    except (sqlite3.Error, TypeError) as error:
        what = "it gives no rows" if isinstance(error, TypeError) else str(error)
        raise ConfigError(
            f"The query cannot be answered: {what}.\n  Expected one SELECT (reading only).\n"
            '  `insgen sql "SELECT name, sql FROM sqlite_master"` shows the tables.'
        ) from error
    if as_json:
        print_json(found)
    elif not found:
        click.echo("No rows.", err=True)
    elif as_csv:
        writer = csv.DictWriter(sys.stdout, list(found[0]))
        writer.writeheader()
        writer.writerows(found)
    else:
        print_table(list(found[0]), [list(row.values()) for row in found])
