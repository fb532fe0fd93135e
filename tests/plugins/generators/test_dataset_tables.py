"""CSV, TSV, JSON arrays, Parquet, saved data sets and the Hub."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]  # ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # ships no types
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.data_files import alpaca, instructions, read_all, rounds, write_lines

from insgen import Candidate, StageError, Turn
from insgen.plugins.generators.dataset import DatasetGenerator
from insgen.plugins.generators.dataset._rows import BLOCK_BYTES
from insgen.plugins.generators.dataset._tables import stream_rows
from insgen.plugins.generators.dataset._text import csv_rows


def spans(candidates: list[Candidate]) -> list[tuple[int | None, int | None]]:
    return [(c.origin.line_start, c.origin.line_end) for c in candidates]


@pytest.mark.parametrize("name", ["d.csv", "d.csv.gz"])
def test_csv_records_over_several_lines_have_their_true_lines(tmp_path: Path, name: str) -> None:
    lines: list[str | bytes] = [
        b"\xef\xbb\xbfinstruction,input,output",
        '"Say ""hi"",',
        'twice",,"007"',
        "",
        "too,few",
        b"caf\xe9,,x",
        "NA,,null\r",
        '"quoted"badly,,x',
        "last,,x",
    ]
    write_lines(tmp_path / name, lines)
    expected = [Candidate('Say "hi",\ntwice', "", "007"), Candidate("NA", "", "null"), Candidate("last", "", "x")]
    for limit in (1, 9):
        generators = (DatasetGenerator(paths=(name,)) for _ in range(9))
        generated = list(rounds(generators, tmp_path, limit=limit))
        candidates = [c for g in generated for c in g.candidates]
        assert candidates == expected
        assert spans(candidates) == [(2, 3), (7, 7), (9, 9)]
        told = {bad.line: bad.reason for g in generated for bad in g.unreadable}
        assert list(told) == [5, 6, 8]
        assert "has 2 fields, the header has 3" in told[5]
        assert "not UTF-8" in told[6]


def test_an_unclosed_quote_is_told_where_it_opens(tmp_path: Path) -> None:
    write_lines(tmp_path / "d.csv", ["prompt,response", "a,b", '"open,b', "c,d"])
    candidates, (bad,) = read_all(DatasetGenerator(paths=("d.csv",)), tmp_path)
    assert instructions(candidates) == ["a"]
    assert bad.line == 3


def test_an_unclosed_quote_swallows_no_more_than_the_longest_line(tmp_path: Path) -> None:
    filler = "x" * 1000 + ",y"
    write_lines(tmp_path / "d.csv", ["prompt,response", '"open,b', *[filler] * 2000, "last,one"])
    candidates, unreadable = read_all(DatasetGenerator(paths=("d.csv",), max_line_mb=1), tmp_path)
    assert [bad.line for bad in unreadable] == [2]
    assert "max_line_mb = 1" in unreadable[0].reason
    assert len(candidates) > 900
    assert candidates[-1].instruction == "last"


def test_a_long_field_is_read_and_the_limit_of_the_process_left_alone(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    write_lines(tmp_path / "d.csv", ["prompt,response", f"short,{'x' * (before + 10)}"])
    (candidate,), _ = read_all(DatasetGenerator(paths=("d.csv",)), tmp_path)
    assert len(candidate.output) == before + 10
    assert csv.field_size_limit() == before


def test_tsv_is_cut_at_tabs(tmp_path: Path) -> None:
    write_lines(tmp_path / "d.tsv", ["question\tanswer", "Who, me?\tYes, you"])
    (candidate,), _ = read_all(DatasetGenerator(paths=("d.tsv",)), tmp_path)
    assert candidate == Candidate("Who, me?", "", "Yes, you")


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=8)


@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=6))
def test_what_the_csv_module_wrote_is_read_back(tmp_path_factory: pytest.TempPathFactory, rows: Any) -> None:
    path = tmp_path_factory.mktemp("csv") / "d.csv"
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows([("a", "b"), *rows])
    path.write_bytes(text.getvalue().encode())
    read = [tuple((row.columns or {}).values()) for row in csv_rows(path, "d.csv", 0, 0, 1 << 20)]
    assert read == rows


def test_elements_of_an_array_have_their_lines_and_bad_ones_their_reason(tmp_path: Path) -> None:
    elements = [
        b'{"prompt": "One", "completion": "1"}',
        b"17",
        b'{"prompt": "caf\xe9"}',
        '{\n"prompt": "Zwölf",\n"completion": "12"\n}'.encode(),
        b'[1, "x"]',
    ]
    (tmp_path / "d.json").write_bytes(b"\xef\xbb\xbf [\n" + b",\n".join(elements) + b"\n]\n")
    for limit in (1, 9):
        generated = list(rounds((DatasetGenerator(paths=("d.json",)) for _ in range(9)), tmp_path, limit=limit))
        candidates = [c for g in generated for c in g.candidates]
        assert instructions(candidates) == ["One", "Zwölf"]
        assert spans(candidates) == [(2, 2), (5, 8)]
        assert [(bad.line, bad.reason[:11]) for g in generated for bad in g.unreadable] == [
            (3, "is a JSON i"),
            (4, "is not UTF-"),
            (9, "is a JSON l"),
        ]


@pytest.mark.parametrize("tail", ['{"prompt": "Two", "comp', "{'prompt'}]", "", "[" * 100_000, '"open'])
def test_a_cut_array_gives_what_stands_before_the_cut(tmp_path: Path, tail: str) -> None:
    (tmp_path / "d.json").write_text('[{"prompt": "One", "completion": "1"},\n' + tail)
    candidates, (bad,) = read_all(DatasetGenerator(paths=("d.json",)), tmp_path)
    assert instructions(candidates) == ["One"]
    assert bad.line == 2
    assert "the rest of the file cannot be read" in bad.reason


def test_an_array_larger_than_its_window_is_read_whole(tmp_path: Path) -> None:
    rows = [{"prompt": f"Ü{i} " + "ü" * (i * 997 % 70_000), "completion": "x"} for i in range(60)]
    (tmp_path / "d.json").write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    generated = rounds((DatasetGenerator(paths=("d.json",)) for _ in range(99)), tmp_path, limit=7)
    assert instructions([c for g in generated for c in g.candidates]) == [row["prompt"].strip() for row in rows]


def test_a_number_across_the_end_of_the_window_is_one_number(tmp_path: Path) -> None:
    head = '[{"prompt": "One"},'
    text = head + " " * (BLOCK_BYTES - len(head) - 3) + '123456, {"prompt": "Three"}]'
    (tmp_path / "d.json").write_text(text)
    candidates, (bad,) = read_all(DatasetGenerator(paths=("d.json",)), tmp_path)
    assert instructions(candidates) == ["One", "Three"]
    assert bad.reason == "is a JSON int, not an object"


def test_lines_in_a_file_called_json_are_read_as_lines(tmp_path: Path) -> None:
    write_lines(tmp_path / "d.json", [json.dumps(row) for row in alpaca(3)])
    candidates, _ = read_all(DatasetGenerator(paths=("d.json",)), tmp_path)
    assert spans(candidates) == [(1, 1), (2, 2), (3, 3)]


def test_parquet_rows_are_counted_and_bad_cells_told(tmp_path: Path) -> None:
    raw = pa.array([b"One", b"caf\xe9", b"Three", None], pa.binary())
    texts = pa.Array.from_buffers(pa.string(), len(raw), raw.buffers())  # not checked: as some writers leave them
    pq.write_table(
        pa.table({"instruction": texts, "output": [1, 2, 3, 4], "vector": [[0.5] * 4] * 4}), tmp_path / "d.parquet"
    )
    candidates, unreadable = read_all(DatasetGenerator(paths=("d.parquet",)), tmp_path)
    assert [(c.instruction, c.output) for c in candidates] == [("One", "1"), ("Three", "3")]
    assert spans(candidates) == [(1, 1), (3, 3)]
    assert [bad.line for bad in unreadable] == [2, 4]


def test_a_damaged_row_group_is_told_and_the_next_one_read(tmp_path: Path) -> None:
    rows = [{"instruction": f"Task {i}", "output": f"{i * 7919 % 10007:05}" * 20} for i in range(1, 31)]
    path = tmp_path / "d.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=10, compression="zstd", use_dictionary=False)
    column = pq.ParquetFile(path).metadata.row_group(1).column(0)
    data = bytearray(path.read_bytes())
    start = column.data_page_offset
    data[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    path.write_bytes(data)
    candidates, (bad,) = read_all(DatasetGenerator(paths=("d.parquet",)), tmp_path, limit=4)
    assert instructions(candidates) == [f"Task {i}" for i in (*range(1, 11), *range(21, 31))]
    assert (bad.line, "rows 11 to 20" in bad.reason) == (11, True)


def test_conversations_in_parquet_keep_their_turns(tmp_path: Path) -> None:
    spoken = [{"from": f, "value": v} for f, v in (("human", "a"), ("gpt", "b"), ("human", "c"), ("gpt", "d"))]
    pq.write_table(pa.table({"conversations": [spoken]}), tmp_path / "d.parquet")
    (candidate,), _ = read_all(DatasetGenerator(paths=("d.parquet",)), tmp_path)
    assert candidate == Candidate("a", "", "b", (Turn("user", "c"), Turn("assistant", "d")))


def test_a_saved_dictionary_is_read_in_the_split_that_is_named(tmp_path: Path) -> None:
    import datasets  # type: ignore[import-untyped]  # ships no types

    splits = {name: datasets.Dataset.from_list(alpaca(2, name)) for name in ("train", "test")}
    datasets.DatasetDict(splits).save_to_disk(tmp_path / "saved")
    candidates, _ = read_all(DatasetGenerator(paths=("saved",), split="test"), tmp_path)
    assert instructions(candidates) == ["test 1", "test 2"]
    with pytest.raises(StageError, match=r'no split "dev".*"train", "test"'):
        read_all(DatasetGenerator(paths=("saved",), split="dev"), tmp_path)


def test_a_broken_saved_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "state.json").write_text("{")
    with pytest.raises(StageError, match="cannot be read"):
        read_all(DatasetGenerator(paths=("saved",)), tmp_path)


def test_a_stream_is_numbered_by_rows_and_taken_up_behind_an_offset() -> None:
    import datasets

    stream = datasets.Dataset.from_list([row | {"id": "x"} for row in alpaca(5)]).to_iterable_dataset()
    taken = list(stream_rows(stream, frozenset(("instruction", "output")), 3))
    assert [(row.line, row.offset) for row in taken] == [(4, 4), (5, 5)]
    assert taken[0].columns == {"instruction": "Task 4", "input": None, "output": "done 4", "id": None}


def test_a_hub_id_fails_at_once_when_there_is_no_network(tmp_path: Path) -> None:
    script = (
        "import sys, time; sys.path[:0] = sys.argv[2:]\n"
        "from pathlib import Path\n"
        "from support.data_files import read_all\n"
        "from insgen import StageError\n"
        "from insgen.plugins.generators.dataset import DatasetGenerator\n"
        "try: read_all(DatasetGenerator(paths=('nobody/nothing',)), Path(sys.argv[1]))\n"
        "except StageError as error: print(error)\n"
    )
    # Nothing listens on port 9 of this machine: the network is away, without a switch that says so.
    environment = os.environ | {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path), "NO_PROXY": "*"}
    environment.pop("HF_HUB_OFFLINE", None)
    tests = str(Path(__file__).parents[2])
    told = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path), tests],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert '"nobody/nothing" is no file or folder here' in told.stdout
    assert "Connection refused" in told.stdout
    assert "Retrying" not in told.stderr  # as `datasets` alone would, for 23 seconds
