"""Files that are broken, in whole or in part."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import random
from pathlib import Path

import pytest
from support.data_files import alpaca, context, instructions, read_all, rounds, write_lines, write_rows

from insgen import StageError
from insgen.plugins.generators.dataset import DatasetGenerator


def refusal(tmp_path: Path, *paths: str) -> str:
    """The message, of which every part is there: what, what was expected, what to do on a line of its own."""
    with pytest.raises(StageError) as told:
        read_all(DatasetGenerator(paths=paths), tmp_path)
    what, cure = str(told.value).split("\n  ")
    assert "expected" in what.lower()
    assert cure
    return str(told.value)


def good(number: int) -> str:
    return json.dumps({"instruction": f"Task {number}", "output": "x"})


@pytest.mark.parametrize("name", ["d.jsonl", "d.jsonl.gz"])
def test_broken_lines_are_told_with_their_true_numbers_and_the_others_read(tmp_path: Path, name: str) -> None:
    lines: list[str | bytes] = [
        b"\xef\xbb\xbf" + good(1).encode(),
        "{broken",
        "",
        good(4) + "\r",
        b'{"instruction": "caf\xe9"}',
        '["a", "list"]',
        good(7) + good(7),
        "[" * 100_000,
        '{"instruction": ' + "9" * 5000 + "}",
        "   \t",
        json.dumps({"instruction": "Line\u2028separator\x85", "output": "x"}, ensure_ascii=False),
    ]
    write_lines(tmp_path / name, lines)
    candidates, unreadable = read_all(DatasetGenerator(paths=(name,)), tmp_path, limit=1)
    assert [c.origin.line_start for c in candidates] == [1, 4, 11]
    assert [bad.line for bad in unreadable] == [2, 5, 6, 7, 8, 9]
    told = [bad.reason for bad in unreadable]
    assert "not JSON" in told[0]
    assert "not UTF-8 (byte 0xe9" in told[1]
    assert "list, not an object" in told[2]
    assert "more text after the value" in told[3]
    assert "nested too deep" in told[4]
    assert "not JSON" in told[5]
    assert {bad.source for bad in unreadable} == {name}


def test_lone_surrogates_in_escapes_do_no_harm(tmp_path: Path) -> None:
    write_lines(tmp_path / "d.jsonl", [r'{"instruction": "a\ud83db", "output": "\udc00", "source": "\ud800s"}'])
    (candidate,), _ = read_all(DatasetGenerator(paths=("d.jsonl",)), tmp_path)
    assert (candidate.instruction, candidate.output, candidate.origin.kind) == ("ab", "", "s")
    candidate.id.encode()


def test_a_role_with_a_lone_surrogate_is_told_in_ascii(tmp_path: Path) -> None:
    write_lines(tmp_path / "d.jsonl", [r'{"messages": [{"role": "\ud800", "content": "a"}]}'])
    _, (bad,) = read_all(DatasetGenerator(paths=("d.jsonl",)), tmp_path)
    assert bad.reason.isascii()


def test_the_rows_before_a_cut_in_a_packed_file_are_used_and_the_cut_is_told(tmp_path: Path) -> None:
    noise = random.Random(7)
    rows = [json.dumps({"instruction": f"Task {i}", "output": noise.randbytes(40).hex()}) for i in range(1, 2001)]
    data = gzip.compress("\n".join(rows).encode())
    (tmp_path / "d.jsonl.gz").write_bytes(data[: len(data) // 2])
    candidates, unreadable = read_all(DatasetGenerator(paths=("d.jsonl.gz",)), tmp_path, limit=300)
    assert 900 < len(candidates) < 1100
    assert instructions(candidates) == [f"Task {i}" for i in range(1, len(candidates) + 1)]
    (cut,) = unreadable
    assert cut.line == len(candidates) + 1
    assert "breaks off" in cut.reason


def test_a_cut_at_the_end_of_a_round_is_told_once(tmp_path: Path) -> None:
    lines = [good(1), *["x"] * 9_999]  # with the cut as many unreadable rows as one round tells
    data = gzip.compress(("\n".join(lines) + "\n").encode())
    (tmp_path / "d.jsonl.gz").write_bytes(data[:-8])  # the checksum is missing, the rows are not
    generated = list(rounds((DatasetGenerator(paths=("d.jsonl.gz",)) for _ in range(9)), tmp_path))
    assert [len(g.unreadable) for g in generated] == [10_000, 0]
    assert generated[0].unreadable[-1].line == 10_001
    assert sum(len(g.candidates) for g in generated) == 1


def test_garbage_inside_a_packed_file_ends_it_with_a_reason(tmp_path: Path) -> None:
    (tmp_path / "d.jsonl.gz").write_bytes(gzip.compress(good(1).encode() + b"\n") + b"garbage behind the end")
    candidates, unreadable = read_all(DatasetGenerator(paths=("d.jsonl.gz",)), tmp_path)
    assert instructions(candidates) == ["Task 1"]
    assert [(bad.line, "breaks off" in bad.reason) for bad in unreadable] == [(2, True)]


def test_other_packings_are_known_by_their_first_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.bz2").write_bytes(bz2.compress(good(1).encode()))
    (tmp_path / "b.jsonl.xz").write_bytes(lzma.compress(good(2).encode()))
    (tmp_path / "c.jsonl").write_bytes(gzip.compress(good(3).encode()))
    candidates, _ = read_all(DatasetGenerator(paths=("a.jsonl.bz2", "b.jsonl.xz", "c.jsonl")), tmp_path)
    assert instructions(candidates) == ["Task 1", "Task 2", "Task 3"]


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("d.jsonl", b"", "is empty"),
        ("d.jsonl", b"\n\n  \n", "holds no rows"),
        ("d.json", b"[]", "holds no rows"),
        ("d.csv", b"instruction,output\n", "holds no rows"),
        ("d.jsonl.gz", gzip.compress(b"", mtime=0), "holds no rows"),
        ("d.jsonl", bytes(range(256)) * 20, "a binary file"),
        ("d.csv", b"\x89PNG\r\n\x1a\n\x00\x00", "a binary file"),
        ("d.json", "[]".encode("utf-16"), "UTF-16"),
        ("d.jsonl", b"PK\x03\x04" + b"x" * 100, "a ZIP archive"),
        ("d.jsonl.zst", b"\x28\xb5\x2f\xfd" + b"x" * 100, "Zstandard"),
        ("d.json", b'{\n "data": []\n}', "one JSON object over several lines"),
        ("d.json", b"instruction: a", "no JSON"),
        ("d.txt", b"Just words.", "of no known type (.txt)"),
        ("d.parquet", b"PAR1 but no more", "cannot be read as Parquet"),
        ("d.csv", b"a,b,a\n1,2,3\n", "is no header"),
        ("d.csv", b"\n1,2,3\n", "is no header"),
        ("d.csv", b'"instruction,output\n1,2\n', "is no header"),
    ],
)
def test_a_file_without_data_is_refused_in_three_parts(tmp_path: Path, name: str, data: bytes, told: str) -> None:
    (tmp_path / name).write_bytes(data)
    message = refusal(tmp_path, name)
    assert told in message
    assert name in message


@pytest.mark.parametrize("entry", ["gone.jsonl", "data/", "./gone", "/gone/away", "a/b/c", "gone.json.gz"])
def test_a_missing_file_is_refused_before_anything_is_read(tmp_path: Path, entry: str) -> None:
    write_rows(tmp_path / "here.jsonl", alpaca(3))
    assert f'"{entry}" is missing' in refusal(tmp_path, "here.jsonl", entry)


def test_a_folder_without_data_is_refused_with_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    assert "nothing in it" in refusal(tmp_path, "folder")
    (tmp_path / "folder" / "notes.md").write_text("x")
    assert '"notes.md"' in refusal(tmp_path, "folder")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_what_is_no_file_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "neither a file nor a folder" in refusal(tmp_path, "pipe")


def test_a_file_of_broken_lines_only_gives_reasons_and_no_candidate(tmp_path: Path) -> None:
    write_lines(tmp_path / "d.jsonl", ["{broken"] * 3)
    candidates, unreadable = read_all(DatasetGenerator(paths=("d.jsonl",)), tmp_path)
    assert not candidates
    assert [bad.line for bad in unreadable] == [1, 2, 3]


def test_a_format_is_recognised_behind_many_broken_lines(tmp_path: Path) -> None:
    write_lines(tmp_path / "d.jsonl", ["{broken"] * 150 + ['{"foreign": 1}', good(1), good(2)])
    resumed = rounds((DatasetGenerator(paths=("d.jsonl",)) for _ in range(9)), tmp_path, limit=1)
    generated = list(resumed)
    assert [instructions(g.candidates) for g in generated] == [["Task 1"], ["Task 2"]]
    assert [len(g.unreadable) for g in generated] == [151, 0]


def test_very_many_broken_lines_are_told_in_several_rounds(tmp_path: Path) -> None:
    write_lines(tmp_path / "d.jsonl", [good(1), *["x"] * 25_000, good(2)])
    generated = list(rounds(DatasetGenerator(paths=("d.jsonl",)), tmp_path))
    assert [len(g.unreadable) for g in generated] == [10_000, 10_000, 5_000]
    assert [len(g.candidates) for g in generated] == [1, 0, 1]


def test_the_reader_of_a_failed_round_is_not_used_again(tmp_path: Path) -> None:
    write_rows(tmp_path / "a.jsonl", alpaca(4))
    generator = DatasetGenerator(paths=("a.jsonl", "b.jsonl"))
    write_rows(tmp_path / "b.jsonl", alpaca(1))
    first = generator.generate(context(tmp_path, limit=2))
    (tmp_path / "b.jsonl").unlink()
    with pytest.raises(StageError, match="is missing"):
        generator.generate(context(tmp_path, limit=2, position=first.position))
    write_rows(tmp_path / "b.jsonl", alpaca(1))
    again = generator.generate(context(tmp_path, limit=2, position=first.position))
    assert instructions(again.candidates) == ["Task 3", "Task 4"]
