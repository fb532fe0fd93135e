"""`insgen sql`: a read-only look into the project's database."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from insgen.cli.output import database_of, example, json_option, print_json, print_table, project_option, put, safe, say

_SHOWING = {
    *("table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "foreign_key_list"),
    *("integrity_check", "quick_check", "foreign_key_check", "database_list", "compile_options"),
}
"""Pragmas that only show something, with or without an argument."""


@click.command(
    epilog=example(
        'insgen sql "SELECT fate, count(*) FROM v_fate GROUP BY fate" -p handbook',
        'insgen sql "SELECT * FROM v_bank" --csv -p handbook > bank.csv',
        'insgen sql "PRAGMA table_info(v_bank)"',
    )
)
@click.argument("query")
@project_option
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV on stdout.")
def sql(query: str, project: Path, as_json: bool, as_csv: bool) -> None:
    """Ask the database anything; nothing can be changed.

    QUERY is one SELECT. The views v_bank, v_fate, v_rounds and v_costs keep their columns; the tables may change with
    a release. For a browser, `datasette insgen.db` shows the same file. Works while a run is writing.
    """
    import sqlite3

    from insgen.errors import ConfigError
    from insgen.store import queries
    from insgen.store.database import open_reader

    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other: name one.")
    conn = open_reader(database_of(project))
    conn.set_authorizer(_only_reading)
    try:
        found = queries.rows(conn, query)
    except (sqlite3.Error, TypeError) as error:
        raise ConfigError(
            f"The query cannot be answered: {_problem(error)}.\n  Expected one SELECT (reading only).\n"
            '  `insgen sql "SELECT name, sql FROM sqlite_master"` shows the tables.'
        ) from error
    finally:
        conn.close()
    if as_json:
        print_json(found)
    elif not found:
        say("No rows.", err=True)
    elif as_csv:
        _print_csv(found)
    else:
        print_table(list(found[0]), [list(row.values()) for row in found])


def _only_reading(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    """SQLite's authorizer: what writes is denied, also into other files (ATTACH, VACUUM INTO)."""
    import sqlite3

    reading = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE)
    shows = action == sqlite3.SQLITE_PRAGMA and (first in _SHOWING or (first == "user_version" and second is None))
    return sqlite3.SQLITE_OK if action in reading or shows else sqlite3.SQLITE_DENY


def _problem(error: Exception) -> str:
    if isinstance(error, TypeError):
        return "it gives no rows"
    return "it does more than read" if "not authorized" in str(error) else str(error).rstrip(".")


def _print_csv(rows: list[dict[str, object]]) -> None:
    import csv
    import io

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0])
    for row in rows:
        values = (value.hex() if isinstance(value, bytes) else value for value in row.values())
        writer.writerow([safe(value) if isinstance(value, str) and sys.stdout.isatty() else value for value in values])
    put(text.getvalue(), nl=False)
