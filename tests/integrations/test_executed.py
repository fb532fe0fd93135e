"""Ids on their way through a batch: in as texts, out as what the model was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from insgen import DataError, StageError
from insgen.integrations.executed import KEY, ExecutedIds, IdCollator, packed, unpacked

NAMES = st.lists(st.text(min_size=1, max_size=40).filter(lambda text: text.isprintable()), min_size=1, max_size=8)


class Doubling(torch.nn.Module):
    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return values * 2


def stack(rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
    assert all("id" not in row for row in rows)
    return {"values": torch.tensor([row["x"] for row in rows])}


@given(NAMES, st.integers(-1, 2**40))
def test_ids_of_any_script_come_back(ids: list[str], n_targets: int) -> None:
    assert unpacked(packed(ids, n_targets)) == (tuple(ids), n_targets)


def test_model_is_given_the_batch_without_ids_and_they_are_remembered() -> None:
    model, executed, collate = Doubling(), ExecutedIds(), IdCollator(stack)
    executed.listen(model)

    rows = [{"id": "a", "x": 1.0}, {"id": "bb", "x": 2.0}]
    assert model(**collate(rows)).tolist() == [2.0, 4.0]
    model(**collate(rows[1:]))
    assert executed.take() == ([("a", "bb"), ("bb",)], -1)  # no labels: targets are unknown
    assert rows[0] == {"id": "a", "x": 1.0}


def test_evaluation_and_forward_passes_without_gradients_are_no_training() -> None:
    model, executed, collate = Doubling(), ExecutedIds(), IdCollator(stack)
    executed.listen(model)
    batch = collate([{"id": "a", "x": 1.0}])
    with torch.no_grad():
        model(**batch)
    model.eval()
    model(**batch)
    model.train()
    model(**batch)

    assert executed.take() == ([("a",)], -1)


def test_training_without_ids_is_refused() -> None:
    model, executed = Doubling(), ExecutedIds()
    executed.listen(model)
    model(torch.ones(1))

    with pytest.raises(StageError, match="1 micro-batches without ids"):
        executed.take()


def test_model_that_is_no_longer_listened_to_keeps_its_arguments() -> None:
    model, executed = Doubling(), ExecutedIds()
    executed.listen(model)
    executed.stop()

    with pytest.raises(TypeError, match=KEY):
        model(**IdCollator(stack)([{"id": "a", "x": 1.0}]))


def test_target_tokens_are_counted_without_the_first_of_each_row() -> None:
    labels = torch.tensor([[5, 6, 7], [-100, -100, 8]])
    batch = IdCollator(lambda _rows: {"labels": labels})([{"id": "a"}, {"id": "b"}])

    assert unpacked(batch[KEY]) == (("a", "b"), 3)


@pytest.mark.parametrize("rows", [[{"id": "a"}, {}], [{"id": 7}, {"id": "a"}], [{"id": ""}]])
def test_rows_some_of_which_have_no_id_are_refused(rows: list[dict[str, Any]]) -> None:
    with pytest.raises(DataError, match="Give every row its id"):
        IdCollator(lambda _rows: {})(rows)


def test_rows_without_ids_pass_unchanged() -> None:
    assert IdCollator(stack)([{"x": 1.0}]).keys() == {"values"}
