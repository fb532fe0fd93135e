from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from insgen.cli.output import figure, one_line, paint, print_table

Table = Callable[..., list[str]]


@pytest.fixture
def table(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Table:
    def make(
        columns: Sequence[str], rows: Sequence[Sequence[object]], width: int = 40, wide: Sequence[str] = ()
    ) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(width))
        print_table(columns, rows, wide=wide)
        return capsys.readouterr().out.splitlines()

    return make


def test_numbers_stand_to_the_right_and_texts_to_the_left(table: Table) -> None:
    assert table(("n", "name"), [(1, "a"), (100, "bc"), (None, "d")]) == [
        "  n  name",
        "─────────",
        "  1  a",
        "100  bc",
        "  -  d",
    ]


def test_small_numbers_keep_their_digits_and_zero_is_not_missing(table: Table) -> None:
    assert [row.strip() for row in table(("x",), [(0.0,), (0.00001234,), (0.1234,), (None,), (0,)])[2:]] == [
        "0.000",
        "1.234e-05",
        "0.123",
        "-",
        "0",
    ]


def test_wide_column_gets_what_the_others_leave(table: Table) -> None:
    lines = table(("n", "text"), [(1, "x" * 100)], width=40, wide=("text",))

    assert lines[2] == "1  " + "x" * 36 + "…"


def test_last_of_two_wide_columns_gives_way_first(table: Table) -> None:
    lines = table(("a", "b"), [("x" * 30, "y" * 40)], width=60, wide=("a", "b"))

    assert lines[2] == "x" * 30 + "  " + "y" * 27 + "…"


def test_characters_of_two_columns_are_counted_as_two(table: Table) -> None:
    lines = table(("text", "n"), [("漢字", 1), ("ab", 2)], width=40)

    assert lines[2:] == ["漢字  1", "ab    2"]


def test_table_without_rows_has_its_names(table: Table) -> None:
    assert table(("rank", "id"), []) == ["rank  id", "────────"]


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("a  b\n\tc", 10, "a b c"),
        ("abcdef", 6, "abcdef"),
        ("abcdefg", 6, "abcde…"),
        ("漢字漢字", 5, "漢字…"),
        ("漢字漢字", 6, "漢字…"),
        ("漢字漢字", 8, "漢字漢字"),
        ("\x1b", 10, r"\x1b"),
        ("", 5, ""),
    ],
)
def test_text_is_folded_to_one_line(text: str, limit: int, shown: str) -> None:
    assert one_line(text, limit) == shown


def test_nothing_is_painted_without_a_terminal() -> None:
    assert paint("ok", "green") == "ok"


@pytest.mark.parametrize(
    ("value", "shown"), [(1_000_026, "1000026"), (50_000.0, "50000"), (0.92114, "0.9211"), (1.0, "1"), (0, "0")]
)
def test_counts_are_shown_whole_and_measures_by_four_digits(value: float, shown: str) -> None:
    assert figure(value) == shown
