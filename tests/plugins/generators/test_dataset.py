"""Rounds, positions and limits of the dataset generator."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]  # ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # ships no types
import pytest
from support.data_files import alpaca, context, instructions, read_all, rounds, write_rows

from insgen import ConfigError, StageError
from insgen.plugins.generators.dataset import DatasetGenerator, insgen_generators


def anew(*paths: str) -> Iterator[DatasetGenerator]:
    """A new instance for every round, without the reader of the last one."""
    while True:
        yield DatasetGenerator(paths=paths)


def write_array(path: Path, rows: list[dict[str, str]]) -> None:
    path.write_text(json.dumps(rows, indent=1))


def write_csv(path: Path, rows: list[dict[str, str]]) -> None:
    lines = ["instruction,input,output"] + [f'"{r["instruction"]}",{r["input"]},"{r["output"]}"' for r in rows]
    path.write_text("\n".join(lines) + "\n")


def write_parquet(path: Path, rows: list[dict[str, str]]) -> None:
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=7)


def write_saved(path: Path, rows: list[dict[str, str]]) -> None:
    import datasets  # type: ignore[import-untyped]  # ships no types

    datasets.Dataset.from_list(rows).save_to_disk(path)


def write_packed(path: Path, rows: list[dict[str, str]]) -> None:
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))


KINDS = [
    pytest.param("d.jsonl", write_rows, id="jsonl"),
    pytest.param("d.jsonl.gz", write_packed, id="jsonl.gz"),
    pytest.param("d.json", write_array, id="json"),
    pytest.param("d.csv", write_csv, id="csv"),
    pytest.param("d.parquet", write_parquet, id="parquet"),
    pytest.param("d.saved", write_saved, id="saved"),
]
Writer = Callable[[Path, list[dict[str, str]]], object]


def test_the_hook_offers_the_generator_under_its_name() -> None:
    assert [offered.name for offered in insgen_generators()] == ["dataset"]


@pytest.mark.parametrize(("file", "write"), KINDS)
def test_every_kind_of_file_gives_all_rows_in_order(tmp_path: Path, file: str, write: Writer) -> None:
    write(tmp_path / file, alpaca(30))
    candidates, unreadable = read_all(DatasetGenerator(paths=(file,)), tmp_path)
    assert [(c.instruction, c.input, c.output) for c in candidates] == [
        (f"Task {i}", f"on {i}", f"done {i}") for i in range(1, 31)
    ]
    assert not unreadable
    assert {(c.origin.generator, c.origin.source) for c in candidates} == {("dataset", file)}


@pytest.mark.parametrize(("file", "write"), KINDS)
@pytest.mark.parametrize("limit", [1, 4, 29, 30, 31])
def test_a_new_process_goes_on_exactly_where_the_last_one_stopped(
    tmp_path: Path, file: str, write: Writer, limit: int
) -> None:
    write(tmp_path / file, alpaca(30))
    resumed = list(rounds(anew(file), tmp_path, limit=limit))
    kept_open = list(rounds(DatasetGenerator(paths=(file,)), tmp_path, limit=limit))
    assert [g.candidates for g in resumed] == [g.candidates for g in kept_open]
    assert [g.position for g in resumed] == [g.position for g in kept_open]
    assert [[c.origin for c in g.candidates] for g in resumed] == [[c.origin for c in g.candidates] for g in kept_open]
    assert instructions([c for g in resumed for c in g.candidates]) == [f"Task {i}" for i in range(1, 31)]
    assert [len(g.candidates) for g in resumed] == [limit] * (30 // limit) + ([30 % limit] if 30 % limit else [])


def test_the_last_batch_says_that_it_is_the_last_also_when_it_is_full(tmp_path: Path) -> None:
    write_rows(tmp_path / "d.jsonl", alpaca(6))
    generated = list(rounds(DatasetGenerator(paths=("d.jsonl",)), tmp_path, limit=3))
    assert [g.exhausted for g in generated] == [False, True]


def test_unreadable_rows_behind_the_last_candidate_come_with_the_last_batch(tmp_path: Path) -> None:
    write_rows(tmp_path / "d.jsonl", [*alpaca(2), [1], {"instruction": ""}])
    first, *more = rounds(DatasetGenerator(paths=("d.jsonl",)), tmp_path, limit=2)
    assert not more
    assert [bad.line for bad in first.unreadable] == [3, 4]


def test_a_round_after_the_last_gives_nothing_and_says_exhausted(tmp_path: Path) -> None:
    write_rows(tmp_path / "d.jsonl", alpaca(2))
    generator = DatasetGenerator(paths=("d.jsonl",))
    (last,) = rounds(generator, tmp_path)
    again = generator.generate(context(tmp_path, position=last.position))
    assert again.exhausted
    assert again.candidates == ()


def test_a_round_never_spans_two_data_sets(tmp_path: Path) -> None:
    write_rows(tmp_path / "b.jsonl", alpaca(5, "First"))
    write_rows(tmp_path / "a.jsonl", [{"prompt": f"Second {i}", "completion": "x"} for i in range(1, 4)])
    sizes = [
        [c.instruction.split()[0] for c in g.candidates] for g in rounds(anew("b.jsonl", "a.jsonl"), tmp_path, limit=3)
    ]
    assert sizes == [["First"] * 3, ["First"] * 2, ["Second"] * 3]


def test_a_data_set_added_behind_the_end_is_read_next(tmp_path: Path) -> None:
    write_rows(tmp_path / "a.jsonl", alpaca(2, "Old"))
    write_rows(tmp_path / "b.jsonl", alpaca(2, "New"))
    (last,) = rounds(DatasetGenerator(paths=("a.jsonl",)), tmp_path)
    grown = DatasetGenerator(paths=("a.jsonl", "b.jsonl"))
    (generated,) = rounds(grown, tmp_path, position=last.position)
    assert instructions(generated.candidates) == ["New 1", "New 2"]


def test_changed_paths_before_the_position_are_refused(tmp_path: Path) -> None:
    write_rows(tmp_path / "a.jsonl", alpaca(4))
    write_rows(tmp_path / "b.jsonl", alpaca(4))
    first = next(rounds(DatasetGenerator(paths=("a.jsonl", "b.jsonl")), tmp_path, limit=2))
    swapped = DatasetGenerator(paths=("b.jsonl", "a.jsonl"))
    with pytest.raises(StageError, match=r'"a\.jsonl", but data set 1 is "b\.jsonl"'):
        swapped.generate(context(tmp_path, position=first.position))


@pytest.mark.parametrize("position", ["no JSON", "[]", '{"elsewhere": 1}', '{"source": "x"}', "3"])
def test_a_foreign_position_is_refused(tmp_path: Path, position: str) -> None:
    write_rows(tmp_path / "a.jsonl", alpaca(1))
    with pytest.raises(StageError, match="position"):
        DatasetGenerator(paths=("a.jsonl",)).generate(context(tmp_path, position=position))


def test_a_folder_stands_for_its_data_files_sorted(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "sub").mkdir(parents=True)
    (folder / ".cache").mkdir()
    for name in ("b.jsonl", "a.jsonl", "sub/c.jsonl", ".cache/hidden.jsonl", ".hidden.jsonl"):
        write_rows(folder / name, alpaca(1, name))
    (folder / "README.md").write_text("No data.")
    candidates, unreadable = read_all(DatasetGenerator(paths=("data",)), tmp_path)
    assert [c.origin.source for c in candidates] == ["data/a.jsonl", "data/b.jsonl", "data/sub/c.jsonl"]
    assert not unreadable


def test_max_rows_counts_rows_of_all_data_sets_also_unreadable_ones(tmp_path: Path) -> None:
    write_rows(tmp_path / "a.jsonl", [*alpaca(2), [0]])
    write_rows(tmp_path / "b.jsonl", alpaca(9, "Other"))
    generator = DatasetGenerator(paths=("a.jsonl", "b.jsonl"), max_rows=5)
    candidates, unreadable = read_all(generator, tmp_path, limit=2)
    assert instructions(candidates) == ["Task 1", "Task 2", "Other 1", "Other 2"]
    assert len(unreadable) == 1


def test_source_licence_and_lines_stand_in_the_origin(tmp_path: Path) -> None:
    write_rows(
        tmp_path / "a.jsonl",
        [
            {"instruction": "One", "output": "1", "source": "textbook", "license": "MIT"},
            {"instruction": "Two", "output": "2", "source": None, "license": ""},
        ],
    )
    candidates, _ = read_all(DatasetGenerator(paths=(str(tmp_path / "a.jsonl"),), licence="CC0-1.0"), tmp_path)
    assert [(c.origin.source, c.origin.kind, c.origin.licence) for c in candidates] == [
        ("a.jsonl", "textbook", "MIT"),
        ("a.jsonl", None, "CC0-1.0"),
    ]
    assert [(c.origin.line_start, c.origin.line_end) for c in candidates] == [(1, 1), (2, 2)]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"paths": ()}, "paths"),
        ({"paths": ("",)}, "paths"),
        ({"paths": ("a",), "format": "dolly"}, "dolly"),
        ({"paths": ("a",), "format": "columns"}, "instruction_column"),
        ({"paths": ("a",), "output_column": "x"}, "instruction_column"),
        ({"paths": ("a",), "format": "alpaca", "instruction_column": "x"}, "alpaca"),
        ({"paths": ("a",), "max_rows": -1}, "-1"),
        ({"paths": ("a",), "max_line_mb": 0}, "max_line_mb"),
    ],
)
def test_wrong_options_are_refused_by_name(options: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        DatasetGenerator(**options)  # type: ignore[arg-type]  # wrong on purpose
