"""Planned batches for somebody else's loader: rows in the order of the plan, each delivered once.

An iterable data set is read by every worker of a loader, and by every process of a distributed training. Here each
worker takes the micro-batches whose turn it is, so that the loader, which asks its workers in turn, puts them back into
the order of the plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch.utils.data import IterableDataset, get_worker_info

from insgen.errors import ConfigError, DataError
from insgen.training.plan import known_rows, read_plan


class PlannedRows(IterableDataset[Mapping[str, Any]]):
    """Rows in planned order.

    :ivar column_names: of the first row; trainers ask for them.
    """

    def __init__(
        self,
        plan: str | Path | Sequence[Sequence[str]],
        rows: Iterable[Mapping[str, Any]],
        *,
        batch_size: int,
        world_size: int = 1,
        rank: int | None = None,
    ) -> None:
        """Put rows into the order of a plan.

        :param plan: a file by `insgen batches`, or ids by batch.
        :param rows: ready for the loader's collator, each with its ``id``; at least those of the plan.
        :param batch_size: rows that the loader takes at once, in one process.
        :param world_size: processes that train together.
        :param rank: give this process's rows only; ``None`` where somebody else shares them out, as accelerate does.
        :raises DataError: the plan is damaged, or names rows that are not there.
        """
        self.batches = read_plan(Path(plan)) if isinstance(plan, str | Path) else [tuple(batch) for batch in plan]
        rows = list(rows)
        if not all("id" in row for row in rows):
            raise DataError(
                'Some rows have no "id".\n  Expected the id that `insgen export` writes in each.\n'
                "  Keep that column when rows are tokenized."
            )
        by_id = {str(row["id"]): row for row in rows}
        self._rows = [row for batch in known_rows(self.batches, by_id, "the rows given") for row in batch]
        self._batch_size = batch_size
        self._world_size = world_size
        self._rank = rank
        self.column_names = list(self._rows[0])

    def __len__(self) -> int:
        return len(self._rows) if self._rank is None else sum(len(part) for part in self._parts())

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        info = get_worker_info()
        worker, n_workers = (info.id, info.num_workers) if info else (0, 1)
        for number, part in enumerate(self._parts()):
            if number % n_workers == worker:
                yield from part

    def _parts(self) -> Iterator[Sequence[Mapping[str, Any]]]:
        """Rows that the loaders of all processes take at once, or this process's part of them."""
        size = self._batch_size * self._world_size
        for start in range(0, len(self._rows), size):
            part = self._rows[start : start + size]
            rank = self._rank
            yield part if rank is None else part[rank * self._batch_size : (rank + 1) * self._batch_size]


def planned_rows(
    plan: str | Path | Sequence[Sequence[str]], rows: Iterable[Mapping[str, Any]], args: Any
) -> PlannedRows:
    """Give rows in planned order to a Hugging Face trainer, one planned batch per optimiser step.

    Where a plan's batches are not all as large as the first, the later ones are shifted by so many rows; records
    always name what was executed.

    :param plan: a file by `insgen batches`, or ids by batch.
    :param rows: ready for the trainer's collator, each with its ``id``.
    :param args: the `TrainingArguments`.
    :raises ConfigError: the trainer's step is not as large as a batch of the plan, or accelerate would mix the order.
    :raises DataError: the plan is damaged, or names rows that are not there.
    """
    dataset = PlannedRows(plan, rows, batch_size=args.train_batch_size, world_size=args.world_size)
    in_a_step = args.train_batch_size * args.world_size * args.gradient_accumulation_steps
    planned = max(map(len, dataset.batches))
    if in_a_step != planned:
        raise ConfigError(
            f"The plan's batches have {planned} rows, an optimiser step of this trainer {in_a_step}.\n"
            "  Expected per_device_train_batch_size x gradient_accumulation_steps x processes to be the plan's.\n"
            f"  Change these, or plan with `insgen batches --size {in_a_step} --top N`, N a multiple of {in_a_step}."
        )
    if args.world_size > 1 and args.accelerator_config.dispatch_batches is not False:
        raise ConfigError(
            "With several processes, accelerate lets the first one read all rows and cut them up again.\n"
            "  Expected each process to read its own.\n"
            '  Set accelerator_config={"dispatch_batches": False} in the TrainingArguments.'
        )
    return dataset
