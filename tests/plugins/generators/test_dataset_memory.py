"""Files larger than memory: what is held does not grow with the file."""

from __future__ import annotations

import gzip
import json
import random
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]  # ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # ships no types
import pytest
from support.data_files import rounds

from insgen.plugins.generators.dataset import DatasetGenerator

MIB = 1 << 20
N_LARGE = 12_000
FILLER = "filler " * 300  # 2 kB


def read_measured(
    path: Path, *, limit: int = 200, n_rounds: int | None = None, max_line_mb: int = 16
) -> tuple[int, int, float]:
    """Number of candidates, number of unreadable rows, peak of Python's memory in MiB."""
    n_candidates = n_unreadable = 0
    generator = DatasetGenerator(paths=(path.name,), max_line_mb=max_line_mb)
    tracemalloc.start()
    try:
        for generated in islice(rounds(generator, path.parent, limit=limit), n_rounds):
            n_candidates += len(generated.candidates)
            n_unreadable += len(generated.unreadable)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return n_candidates, n_unreadable, peak / MIB


def test_two_hundred_thousand_lines_are_read_in_a_few_megabytes(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    with path.open("w") as file:
        file.writelines(f'{{"instruction": "Explain topic {i}.", "output": "It is {i}."}}\n' for i in range(200_000))
    # Ten of two hundred rounds: enough to see that neither what comes nor what was read is held.
    n_candidates, _, peak = read_measured(path, limit=1000, n_rounds=10)
    assert n_candidates == 10_000
    assert peak < 8  # all rows, held as dicts, take 70; ten thousand candidates 16


def large_rows() -> Iterator[dict[str, str]]:
    return ({"instruction": f"Explain topic {i}.", "output": f"{i} {FILLER}"} for i in range(N_LARGE))


def write_array(path: Path) -> None:
    path.write_text("[" + ",\n".join(map(json.dumps, large_rows())) + "]")


def write_csv(path: Path) -> None:
    path.write_text("instruction,output\n" + "\n".join(f"{r['instruction']},{r['output']}" for r in large_rows()))


def write_packed(path: Path) -> None:
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, large_rows())).encode(), 1))


@pytest.mark.parametrize(
    ("name", "write"), [("d.json", write_array), ("d.csv", write_csv), ("d.jsonl.gz", write_packed)]
)
def test_a_large_file_of_any_kind_is_read_in_a_few_megabytes(
    tmp_path: Path, name: str, write: Callable[[Path], None]
) -> None:
    write(tmp_path / name)
    n_candidates, _, peak = read_measured(tmp_path / name)
    assert n_candidates == N_LARGE
    assert peak < 10  # the file has 25


def test_parquet_in_one_row_group_is_read_in_a_few_megabytes(tmp_path: Path) -> None:
    noise = random.Random(3)
    outputs = [noise.randbytes(1000).hex() for _ in range(N_LARGE)]
    table = pa.table({"instruction": [f"Explain topic {i}." for i in range(N_LARGE)], "output": outputs})
    path = tmp_path / "d.parquet"
    pq.write_table(table, path, row_group_size=N_LARGE)
    del table, outputs
    before, held = pa.total_allocated_bytes(), 0
    n_candidates = 0
    for generated in rounds(DatasetGenerator(paths=(path.name,)), tmp_path, limit=200):
        n_candidates += len(generated.candidates)
        held = max(held, pa.total_allocated_bytes() - before)
    assert n_candidates == N_LARGE
    assert held < 8 * MIB  # the output column alone has 24
    assert read_measured(path)[2] < 10


def test_a_line_of_200_megabytes_is_passed_over_without_being_held(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b'{"instruction": "One"}\n{"instruction": "')
        for _ in range(200):
            file.write(b"x" * MIB)
        file.write(b'"}\n{"instruction": "Three"}\n')
    n_candidates, n_unreadable, peak = read_measured(path)
    assert (n_candidates, n_unreadable) == (2, 1)
    assert peak < 20  # 16 are the longest line that is read


@pytest.mark.parametrize("end", ["\n", ""])
def test_the_longest_line_is_read_and_one_byte_more_is_not(tmp_path: Path, end: str) -> None:
    frame = len('{"instruction": ""}')
    path = tmp_path / "d.jsonl"
    for extra in (0, 1):
        path.write_text('{"instruction": "' + "x" * (MIB - frame + extra) + '"}' + end)
        n_candidates, n_unreadable, _ = read_measured(path, max_line_mb=1)
        assert (n_candidates, n_unreadable) == (1 - extra, extra)
