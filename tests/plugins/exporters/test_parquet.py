from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyarrow import parquet
from support.members import ranked, varied_members

from insgen import Candidate, ConfigError, Member
from insgen.config.options import decode
from insgen.plugins.exporters.parquet import ParquetExporter


def test_datasets_reads_back_every_text_measure_and_origin(tmp_path: Path) -> None:
    import datasets

    path, members = tmp_path / "bank.parquet", varied_members()
    assert ParquetExporter().export(iter(members), path) == len(members)

    rows = datasets.load_dataset("parquet", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))

    assert rows.to_list() == [
        {
            "id": m.candidate.id,
            "rank": m.rank,
            "instruction": m.candidate.instruction,
            "input": m.candidate.input,
            "output": m.candidate.output,
            "system": m.candidate.system,
            "turns": [{"role": turn.role, "content": turn.content} for turn in m.candidate.turns],
            "diversity": m.diversity,
            "quality": m.quality,
            "utility": m.utility,
            "source": m.candidate.origin.source,
            "licence": m.candidate.origin.licence,
            "generator": m.candidate.origin.generator or None,
            "kind": m.candidate.origin.kind,
            "line_start": m.candidate.origin.line_start,
            "line_end": m.candidate.origin.line_end,
        }
        for m in members
    ]
    assert rows[0]["licence"] == "CC-BY-4.0"
    assert rows[3]["licence"] is None


def test_columns_keep_their_types_when_every_text_looks_like_a_date_and_every_origin_is_unknown(tmp_path: Path) -> None:
    ParquetExporter().export(ranked(Candidate("2024-01-01", output="2024-01-02")), tmp_path / "bank.parquet")

    types = {field.name: str(field.type) for field in parquet.read_schema(tmp_path / "bank.parquet")}
    assert types["output"] == types["licence"] == "string"
    assert types["line_start"] == "int64"
    assert types["turns"].startswith("list<")


def test_repetition_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("first", "second"):
        ParquetExporter(group_size=2).export(varied_members(), tmp_path / name)

    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


def test_members_are_written_in_row_groups_as_they_come(tmp_path: Path) -> None:
    path = tmp_path / "bank.parquet"
    sizes: list[int] = []

    def members() -> Iterator[Member]:
        for number in itertools.count():
            if number == 7:
                return
            sizes.append(path.stat().st_size)
            yield from ranked(Candidate(f"Explain topic {number}."))

    assert ParquetExporter(group_size=3).export(members(), path) == 7

    groups = parquet.ParquetFile(path).metadata
    assert [groups.row_group(number).num_rows for number in range(groups.num_row_groups)] == [3, 3, 1]
    assert len(set(sizes)) == 3


def test_no_members_give_a_file_with_columns_and_no_rows(tmp_path: Path) -> None:
    assert ParquetExporter().export([], tmp_path / "bank.parquet") == 0

    assert parquet.read_table(tmp_path / "bank.parquet").num_rows == 0


def test_group_size_out_of_range_is_refused_with_the_value() -> None:
    with pytest.raises(ConfigError, match=r"(?s)group_size = 0\..*at least 1 row"):
        decode(ParquetExporter, {"group_size": 0}, "--format parquet")
