"""Ids that travel with their rows: into the batch as a tensor, and out of it before the model sees it.

Flows in: rows with an id each, as a data loader's collator gets them. Flows out: the ids that went through the model,
one list per micro-batch. A loader reads ahead and a sampler shuffles, so only what reaches the model counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from insgen.errors import DataError, StageError
from insgen.training.encoding import IGNORED

KEY = "insgen_ids"
"""The name under which they stand in a batch."""


@dataclass(frozen=True)
class IdCollator:
    """Wraps a collator: takes the ids out of the rows, and puts them into its batch as a tensor.

    :ivar collate: the trainer's own collator; it never sees the ids.
    :ivar column: under which name a row has its id.
    """

    collate: Callable[[list[dict[str, Any]]], Any]
    column: str = "id"

    def __call__(self, features: Sequence[Mapping[str, Any]]) -> Any:
        """Collate rows; rows without ids (of an evaluation, perhaps) are left as they are.

        :raises DataError: some rows have an id and others have none, or an id is no text.
        """
        ids = [row[self.column] for row in features if self.column in row]
        batch = self.collate([{key: row[key] for key in row if key != self.column} for row in features])
        if not ids:
            return batch
        wrong = next((id_ for id_ in ids if not isinstance(id_, str) or not id_), None)
        if wrong is not None or len(ids) < len(features):
            raise DataError(
                f'{len(ids)} of {len(features)} rows have a column "{self.column}", one with the value {wrong!r}.\n'
                "  Expected a text in each: the id that `insgen export` writes.\n  Give every row its id."
            )
        batch[KEY] = packed(ids, _n_targets(batch.get("labels")))
        return batch


def packed(ids: Sequence[str], n_targets: int) -> torch.Tensor:
    """Write ids into a tensor.

    :param n_targets: target tokens of these rows together; -1 when unknown.
    :returns: int64, shape ``(b, 2 + w)``, on the CPU: target tokens (in the first row), length, then UTF-8 bytes.
    """
    texts = [id_.encode() for id_ in ids]
    table = torch.zeros((len(ids), 2 + max(map(len, texts))), dtype=torch.int64)
    table[0, 0] = n_targets
    for place, text in enumerate(texts):
        table[place, 1] = len(text)
        table[place, 2 : 2 + len(text)] = torch.frombuffer(bytearray(text), dtype=torch.uint8)
    return table


def unpacked(table: torch.Tensor) -> tuple[tuple[str, ...], int]:
    """Read back what `packed` wrote: ids, and target tokens."""
    rows = table.tolist()
    return tuple(bytes(row[2 : 2 + row[1]]).decode() for row in rows), rows[0][0]


def _n_targets(labels: Any) -> int:
    # The first token of a sequence is never predicted.
    return int((labels[..., 1:] != IGNORED).sum()) if isinstance(labels, torch.Tensor) and labels.ndim > 1 else -1


class ExecutedIds:
    """Takes the ids out of every batch on its way into a model, and remembers those that it is trained on.

    Nothing is copied from a GPU before `take`, so that a step need not wait for it.
    """

    def __init__(self) -> None:
        self._seen: list[torch.Tensor] = []
        self._n_missing = 0
        self._hook: torch.utils.hooks.RemovableHandle | None = None

    def listen(self, model: torch.nn.Module) -> None:
        """Listen at a model, and no longer at another one."""
        self.stop()
        self._seen, self._n_missing = [], 0
        self._hook = model.register_forward_pre_hook(self._before, with_kwargs=True)

    def stop(self) -> None:
        """Listen no longer."""
        if self._hook is not None:
            self._hook.remove()
            self._hook = None

    def take(self) -> tuple[list[tuple[str, ...]], int]:
        """Give the ids of the micro-batches since the last call, and their target tokens (-1 when unknown).

        :raises StageError: a micro-batch came without ids.
        """
        if self._n_missing or not self._seen:
            raise StageError(
                f"The model was trained on {self._n_missing or 'all'} micro-batches without ids.\n"
                "  Expected every batch to bring them.\n"
                "  Give the rows a column `id`, set remove_unused_columns=False, and leave the trainer's data_collator"
                " as `record_feedback` made it."
            )
        told = [unpacked(table) for table in self._seen]
        self._seen = []
        counts = [n for _, n in told]
        return [ids for ids, _ in told], sum(counts) if min(counts) >= 0 else -1

    def _before(
        self, model: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        # A trainer may look at the model once more without gradients (TRL does, for its figures): no training.
        trains = model.training and torch.is_grad_enabled()
        if KEY not in kwargs:
            self._n_missing += trains
            return None
        if trains:
            self._seen.append(kwargs[KEY])
        return args, {name: value for name, value in kwargs.items() if name != KEY}
