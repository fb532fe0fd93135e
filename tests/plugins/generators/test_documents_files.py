"""Which files are read, under which names, and what is said of those that cannot be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.documents import generate, triples

from insgen import ConfigError, StageError
from insgen.plugins.generators.documents import DocumentsGenerator

TEXT = "# Cups\n\n## Which cups do we use?\n\nThick white ones from the warehouse.\n"


def _write(path: Path, content: str | bytes = TEXT) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


def _sources(project: Path, *paths: str) -> set[str | None]:
    return {c.origin.source for c in generate(project, paths=paths or ("docs",)).candidates}


def _different(name: str) -> str:
    return TEXT.replace("white", name)


def test_folders_are_walked_and_hidden_or_unknown_files_passed_over(tmp_path: Path) -> None:
    _write(tmp_path / "docs/b.md", _different("b").replace("Which cups", "Which b cups"))
    _write(tmp_path / "docs/deep/er/a.MARKDOWN", _different("a").replace("Which cups", "Which a cups"))
    _write(tmp_path / "docs/.hidden/c.md", _different("c").replace("Which cups", "Which c cups"))
    _write(tmp_path / "docs/picture.png", b"\x89PNG")

    assert _sources(tmp_path) == {"docs/b.md", "docs/deep/er/a.MARKDOWN"}


def test_file_named_twice_is_read_once(tmp_path: Path) -> None:
    _write(tmp_path / "docs/a.md")
    once = generate(tmp_path)
    twice = generate(tmp_path, paths=("docs", "docs/a.md"))

    assert twice.candidates == once.candidates
    assert _sources(tmp_path, "docs/a.md", "docs") == {"docs/a.md"}


def test_absolute_path_inside_the_project_is_named_relative_to_it(tmp_path: Path) -> None:
    _write(tmp_path / "docs/a.md")

    assert _sources(tmp_path, str(tmp_path / "docs")) == {"docs/a.md"}


def test_path_outside_the_project_keeps_the_name_it_was_given(tmp_path: Path) -> None:
    _write(tmp_path / "library/a.md")
    (tmp_path / "project").mkdir()

    assert _sources(tmp_path / "project", "../library") == {"../library/a.md"}


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (("docs", "nowhere"), 'finds nothing at "nowhere"'),
        (("empty",), 'no document in the folder "empty"'),
        (("docs/table.xls",), '"docs/table.xls": the kind ".xls"'),
    ],
)
def test_path_that_gives_nothing_is_an_error_that_names_it(
    tmp_path: Path, paths: tuple[str, ...], message: str
) -> None:
    _write(tmp_path / "docs/a.md")
    _write(tmp_path / "docs/table.xls", b"x")
    (tmp_path / "empty").mkdir()

    with pytest.raises(StageError, match=message):
        generate(tmp_path, paths=paths)


def test_folder_of_unreadable_files_is_an_error_with_the_first_reason(tmp_path: Path) -> None:
    _write(tmp_path / "docs/a.md", b"\xff\xfe\x00")
    _write(tmp_path / "docs/b.md", b"")

    with pytest.raises(StageError, match=r'none of 2 files; the first, "docs/a.md": a NUL byte'):
        generate(tmp_path)


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        (b"first\nsecond\ncaf\xe9\n", 3, "not UTF-8 (byte 0xe9)"),
        ("wide".encode("utf-16"), 1, "not UTF-8"),
        (b"text\n\x00\x01\x02", 2, "NUL byte"),
        (b"", None, "no text"),
        (b" \n\t\n", None, "no text"),
        ("\ufeff".encode(), None, "no text"),
        (b"\xed\xa0\x80 lone surrogate", 1, "not UTF-8 (byte 0xed)"),
    ],
)
def test_unreadable_file_is_told_with_its_line_and_the_others_are_read(
    tmp_path: Path, content: bytes, line: int | None, reason: str
) -> None:
    _write(tmp_path / "docs/bad.txt", content)
    _write(tmp_path / "docs/good.md")

    result = generate(tmp_path)

    [unreadable] = result.unreadable
    expected = "NUL byte" if b"\x00" in content else reason
    assert (unreadable.source, unreadable.line) == ("docs/bad.txt", line)
    assert expected in unreadable.reason
    assert len(result.candidates) == 1


def test_byte_order_mark_and_windows_line_ends_leave_no_trace(tmp_path: Path) -> None:
    plain = triples(tmp_path, TEXT)
    marked = triples(tmp_path, "\ufeff" + TEXT.replace("\n", "\r\n"))

    assert [c.id for c in marked] == [c.id for c in plain]
    assert [c.origin for c in marked] == [c.origin for c in plain]


def test_leading_blank_lines_count(tmp_path: Path) -> None:
    [candidate] = triples(tmp_path, "\n\n\n" + TEXT)

    assert (candidate.origin.line_start, candidate.origin.line_end) == (8, 8)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a user whom permissions stop")
def test_file_without_permission_stops_the_round(tmp_path: Path) -> None:
    _write(tmp_path / "docs/a.md")
    (tmp_path / "docs/a.md").chmod(0)

    with pytest.raises(StageError, match="Permission denied"):
        generate(tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"paths": ()}, "At least one file or folder"),
        ({"paths": ("docs", " ")}, "no empty name"),
        ({"kinds": ("list", "lists")}, "names lists"),
        ({"kinds": ()}, "names nothing"),
        ({"min_words": 0}, "`min_words` = 0"),
        ({"min_words": 9, "max_words": 8}, "`max_words` = 8"),
    ],
)
def test_wrong_option_is_an_error_with_its_value(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        DocumentsGenerator(**options)  # type: ignore[arg-type]  # options by name
