from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from support.cli import Result, insgen
from support.projects import file_hashes, query

Cli = Callable[..., Result]

WRITES = [
    "INSERT INTO members SELECT * FROM members",
    "UPDATE candidates SET instruction = 'x'",
    "DELETE FROM candidates",
    "DROP TABLE verdicts",
    "CREATE TABLE t (x)",
    "CREATE TEMP TABLE t (x)",
    "WITH x AS (SELECT 1) INSERT INTO runs SELECT * FROM runs",
    "EXPLAIN DELETE FROM candidates",
    "ATTACH DATABASE '{folder}/new.db' AS other",
    "VACUUM",
    "VACUUM INTO '{folder}/copy.db'",
    "REINDEX",
    "ANALYZE",
    "BEGIN IMMEDIATE",
    "PRAGMA user_version = 9",
    "PRAGMA query_only = OFF",
    "PRAGMA journal_mode = DELETE",
    "PRAGMA wal_checkpoint(TRUNCATE)",
    "SELECT 1; DELETE FROM candidates",
    "SELECT load_extension('x')",
    "SELEC 1",
    "SELECT * FROM nothing_of_that_name",
    "/* only a comment */",
    "",
]


@pytest.mark.parametrize("statement", WRITES)
def test_what_does_more_than_read_is_refused_and_changes_no_file(cli: Cli, project: Path, statement: str) -> None:
    before = file_hashes(project)

    done = cli("sql", statement.format(folder=project), "-p", project)

    assert (done.code, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: The query cannot be answered: ")
    assert file_hashes(project) == before


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT name, sql FROM sqlite_master",
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 3) SELECT x FROM n",
        "VALUES (1, 2)",
        "EXPLAIN QUERY PLAN SELECT * FROM v_bank",
        "PRAGMA table_info(candidates)",
        "PRAGMA user_version",
        "PRAGMA integrity_check",
        "SELECT json_extract(parts, '$.clarity') FROM scores",
        "SELECT 1 -- with a comment; and a semicolon",
        "SELECT 1;",
    ],
)
def test_what_only_reads_is_answered(cli: Cli, played: Path, statement: str) -> None:
    done = cli("sql", statement, "-p", played)

    assert (done.code, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) >= 3  # names, a line, rows


@pytest.mark.parametrize("view", ["v_bank", "v_fate", "v_rounds"])
def test_json_has_the_rows_of_the_view(cli: Cli, played: Path, view: str) -> None:
    found = cli("sql", f"SELECT * FROM {view}", "-p", played, "--json").json()

    assert [tuple(row.values()) for row in found] == query(played, f"SELECT * FROM {view}")


def test_csv_reads_back_as_it_was_stored(cli: Cli, project: Path) -> None:
    hard = 'comma, "quote"\nand a new line'
    (project / "hard.jsonl").write_text(
        '{"instruction": "comma, \\"quote\\"\\nand a new line", "output": "é 漢字 ☃"}\n'
    )
    cli("add", project / "hard.jsonl", "-p", project)

    told = cli(
        "sql", "SELECT instruction, output FROM candidates WHERE fate = 'waiting'", "--csv", "-p", project
    ).stdout

    assert list(csv.reader(io.StringIO(told, newline=""))) == [["instruction", "output"], [hard, "é 漢字 ☃"]]


def test_vectors_are_told_by_their_size_or_as_base64(cli: Cli, played: Path) -> None:
    ask = ["sql", "SELECT vector FROM vectors LIMIT 1", "-p", played]

    assert "<256 bytes>" in cli(*ask).stdout
    assert cli(*ask, "--json").json()[0]["vector"]["$base64"] is True
    assert len(cli(*ask, "--csv").stdout.split()[1]) == 2 * 256


def test_no_rows_are_said_on_stderr_and_are_an_empty_list(cli: Cli, played: Path) -> None:
    ask = ["sql", "SELECT 1 WHERE 0", "-p", played]

    assert (cli(*ask).stdout, cli(*ask).stderr) == ("", "No rows.\n")
    assert cli(*ask, "--json").json() == []


def test_json_and_csv_together_are_a_usage_error(cli: Cli, played: Path) -> None:
    done = cli("sql", "SELECT 1", "--json", "--csv", "-p", played)

    assert (done.code, done.stdout) == (2, "")


def test_wide_rows_are_not_folded_when_piped(played: Path) -> None:
    told = insgen("sql", "SELECT *, instruction AS again FROM v_bank", "-p", played).stdout

    assert len(told.splitlines()) == 2 + 10
