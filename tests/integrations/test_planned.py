"""Planned rows through real loaders: once each, in order, whatever the workers and processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from torch.utils.data import DataLoader
from transformers import TrainingArguments

from insgen import ConfigError, DataError
from insgen.integrations.planned import PlannedRows, planned_rows

IDS = [f"r{number}" for number in range(22)]
ROWS = [{"id": id_} for id_ in reversed(IDS)]
PLAN = [IDS[:8], IDS[8:16], IDS[16:]]


def loaded(rows: PlannedRows, workers: int) -> list[list[str]]:
    loader = DataLoader(rows, batch_size=4, num_workers=workers, collate_fn=lambda batch: [row["id"] for row in batch])
    return list(loader)


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_one_process_gets_every_row_once_in_planned_order(workers: int) -> None:
    batches = loaded(PlannedRows(PLAN, ROWS, batch_size=4), workers)

    assert [id_ for batch in batches for id_ in batch] == IDS
    assert [len(batch) for batch in batches] == [4, 4, 4, 4, 4, 2]


@pytest.mark.parametrize("workers", [0, 2])
def test_processes_share_the_rows_in_planned_order(workers: int) -> None:
    ranks = [loaded(PlannedRows(PLAN, ROWS, batch_size=4, world_size=2, rank=rank), workers) for rank in (0, 1)]

    assert ranks[0] == [IDS[0:4], IDS[8:12], IDS[16:20]]
    assert ranks[1] == [IDS[4:8], IDS[12:16], IDS[20:22]]
    assert [len(PlannedRows(PLAN, ROWS, batch_size=4, world_size=2, rank=rank)) for rank in (0, 1)] == [12, 10]


@pytest.mark.parametrize("workers", [0, 2])
def test_accelerate_shares_out_what_is_not_shared_yet(workers: int) -> None:
    from accelerate.data_loader import IterableDatasetShard

    rows = PlannedRows(PLAN[:2], ROWS, batch_size=4, world_size=2)
    ranks = [
        loaded(IterableDatasetShard(rows, batch_size=4, num_processes=2, process_index=rank), workers)  # type: ignore[arg-type]  # a data set too
        for rank in (0, 1)
    ]
    assert ranks == [[IDS[0:4], IDS[8:12]], [IDS[4:8], IDS[12:16]]]


def test_plan_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "plan.jsonl").write_text('{"schema": "insgen.batches/1", "batch": 1, "ids": ["r2", "r1"]}\n')

    assert [row["id"] for row in PlannedRows(tmp_path / "plan.jsonl", ROWS, batch_size=4)] == ["r2", "r1"]


@pytest.mark.parametrize(("rows", "problem"), [(ROWS[:3], "are not in the rows given"), ([{"text": "a"}], 'no "id"')])
def test_rows_that_are_not_there_are_named(rows: list[dict[str, str]], problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        PlannedRows(PLAN, rows, batch_size=4)


def arguments(folder: Path, **changes: Any) -> TrainingArguments:
    return TrainingArguments(str(folder), use_cpu=True, report_to=[], **changes)


def test_step_of_another_size_than_the_plan_is_refused(tmp_path: Path) -> None:
    fitting = arguments(tmp_path, per_device_train_batch_size=2, gradient_accumulation_steps=4)
    assert len(planned_rows(PLAN, ROWS, fitting)) == 22

    with pytest.raises(ConfigError, match=r"have 8 rows, an optimiser step of this trainer 6.*\n.*\n.*--size 6"):
        planned_rows(PLAN, ROWS, arguments(tmp_path, per_device_train_batch_size=6))
