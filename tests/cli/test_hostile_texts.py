"""Texts come from strangers: whatever they hold, a terminal shows it and does not obey it."""

from __future__ import annotations

import re
import shutil
import sqlite3
import unicodedata
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cli import Result, insgen

from insgen.cli.output import one_line, safe

Cli = Callable[..., Result]

TEXTS = [
    "Explain <script>alert(1)</script> &amp; %s {0} {name} $HOME `id`.",
    "Explain [bold red]this[/bold red] and [/] and [link=file:///etc/passwd]that[/link] :smile:.",
    "Explain \x1b[31mred\x1b[0m, \x1b]0;title\x07, \x1b[2J and \x9b31m.",
    "Explain how\rEverything is fine.",
    "Explain \u202egnp.exe\u202c and \u2066that\u2069.",
    "Explain " + "very " * 20_000 + "long.",
    "Explain " + "x" * 50_000,
    "説明してください、" * 40,
    "Explain\n\nseveral\u2028lines\tand\vmore.",
    "Explain \x00 and \x7f and 👩‍👩‍👧‍👦 and e\u0301.",
]
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]")
SQL = "SELECT instruction, output FROM v_bank"


@pytest.fixture(scope="module")
def hostile(played: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose members have these texts in order of rank, as a database of any origin may have."""
    folder = Path(shutil.copytree(played, tmp_path_factory.mktemp("hostile") / "p"))
    with closing(sqlite3.connect(folder / "insgen.db")) as conn, conn:
        for rank, text in enumerate(TEXTS, start=1):
            conn.execute(
                "UPDATE candidates SET instruction = ?, output = ?"
                " WHERE id = (SELECT candidate_id FROM members WHERE rank = ?)",
                (text, text, rank),
            )
        conn.execute("UPDATE proposals SET source = ?", ("[/] \x1b[31m\r.md",))
        conn.execute("UPDATE verdicts SET reason = ?", ("[/] \x1b[31m\r",))
    return folder


COMMANDS = [["bank", "list"], ["bank", "diff", "0", "1"], ["sql", SQL], *(["why", str(n)] for n in range(1, 11))]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_text_is_shown_and_not_obeyed(cli: Cli, hostile: Path, command: list[str]) -> None:
    done = cli(*command, "-p", hostile)

    assert (done.code, done.stderr) == (0, "")
    assert not UNSAFE.search(done.stdout)


def test_status_shows_reasons_and_does_not_obey_them(cli: Cli, hostile: Path) -> None:
    told = cli("status", hostile).stdout

    assert r"[/] \x1b[31m" in told
    assert not UNSAFE.search(told)


def test_nothing_is_taken_for_markup_or_left_out(cli: Cli, hostile: Path) -> None:
    told = cli("sql", SQL, "-p", hostile).stdout

    for shown in (
        "<script>alert(1)</script> &amp; %s {0}",
        "[bold red]this[/bold red]",
        "[/]",
        ":smile:",
        r"\x1b[31mred\x1b",
    ):
        assert shown in told


@pytest.mark.parametrize("command", [["bank", "list"], ["sql", SQL]], ids=" ".join)
def test_json_gives_every_text_back_unchanged(cli: Cli, hostile: Path, command: list[str]) -> None:
    done = cli(*command, "-p", hostile, "--json")

    assert [row["output"] for row in done.json()] == TEXTS
    assert not UNSAFE.search(done.stdout)


@pytest.mark.parametrize("columns", [60, 80, 120, 200])
def test_table_of_long_texts_keeps_to_the_width(hostile: Path, columns: int) -> None:
    told = insgen("bank", "list", "-p", hostile, env={"COLUMNS": str(columns)}).stdout

    widest = max(map(_columns, told.splitlines()))
    assert columns - 12 <= widest <= max(columns, 70)  # a column of texts never gets less than twenty


def _columns(line: str) -> int:
    """Columns of a line on a terminal, by Unicode's own table."""
    widths = (
        (0 if unicodedata.category(c) in ("Mn", "Me", "Cf") else 1, unicodedata.east_asian_width(c)) for c in line
    )
    return sum(2 if size and kind in "WF" else size for size, kind in widths)


def test_text_in_an_error_is_shown_and_not_obeyed(cli: Cli, played: Path) -> None:
    done = cli("why", "\x1b[2Jno\rsuch [bold]id[/]", "-p", played)

    assert done.code == 2
    assert r"\x1b[2Jno\rsuch [bold]id[/]" in done.stderr
    assert not UNSAFE.search(done.stderr)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_stdout_that_is_not_utf8_is_no_reason_to_stop(hostile: Path, encoding: str) -> None:
    env = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}

    assert insgen("bank", "list", "-p", hostile, env=env).code == 0
    found = insgen("bank", "list", "-p", hostile, "--json", env=env).json()
    assert [row["output"] for row in found] == TEXTS


@given(st.text(max_size=200), st.integers(2, 60))
@settings(max_examples=200, deadline=None)
def test_one_line_is_one_safe_line(text: str, limit: int) -> None:
    line = one_line(text, limit)

    assert not UNSAFE.search(line)
    assert not {"\n", "\t"} & set(line)


@given(st.text(st.characters(exclude_characters="\\", exclude_categories=["Cs"]), max_size=200))
@settings(max_examples=200, deadline=None)
def test_safe_text_loses_nothing(text: str) -> None:
    shown = safe(text)

    assert not UNSAFE.search(shown)
    back = re.sub(r"\\(x..|u....|r)", lambda found: "\r" if found[1] == "r" else chr(int(found[1][1:], 16)), shown)
    assert back == text
