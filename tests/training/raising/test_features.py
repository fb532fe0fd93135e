"""What the auxiliary model measures: against one row at a time, by hand, and only once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from support.models import answered_rows, save_model

from insgen import Candidate, ConfigError, DataError
from insgen.training.raising.features import FeatureFile, identity, measure, pooled
from insgen.training.target import ModelOptions, TargetModel

ROWS = answered_rows(14)


@pytest.fixture(scope="module")
def target(model: Path) -> TargetModel:
    return TargetModel.load(ModelOptions(str(model)))


def by_hand(target: TargetModel, row: Candidate) -> list[float]:
    """One row, one pass each, from the logits."""
    given = target.encode(row)
    tokens = torch.tensor(given.tokens, dtype=torch.int64)[None]
    n = int((given.labels == -100).sum())
    with torch.inference_mode():
        made = target.model(input_ids=tokens, output_hidden_states=True)
        answer = tokens[:, n:]
        start = torch.tensor([[target.tokenizer.bos_token_id]])
        alone = target.model(input_ids=torch.cat([start, answer], dim=1)).logits.log_softmax(-1)
    logs = made.logits.log_softmax(-1)
    joint = sum(float(logs[0, at - 1, tokens[0, at]]) for at in range(n, tokens.shape[1]))
    marginal = sum(float(alone[0, at, answer[0, at]]) for at in range(answer.shape[1]))
    embedding = made.hidden_states[-1][0, :n].mean(dim=0)
    return [n, answer.shape[1], joint, marginal, *embedding.reshape(4, 4).mean(dim=1).tolist()]


def test_numbers_are_those_of_one_row_at_a_time(target: TargetModel) -> None:
    columns = measure(target, ROWS, semantics=4, rows_at_once=5)

    assert columns.shape == (14, 8)
    target.model.eval()
    for row, measured in zip(ROWS, columns, strict=True):
        assert measured.tolist() == pytest.approx(by_hand(target, row), abs=2e-5)


def test_a_row_without_an_answer_has_no_answer_to_measure(target: TargetModel) -> None:
    (measured,) = measure(target, [Candidate("explain a pod")], semantics=4)

    assert measured[1:4].tolist() == [0, 0, 0]
    assert measured[0] > 0


def test_windows_of_a_pooled_embedding_are_as_equal_as_can_be() -> None:
    assert pooled(np.arange(12.0)[None], 3).tolist() == [[1.5, 5.5, 9.5]]
    assert pooled(np.arange(5.0)[None], 2).tolist() == [[1.0, 3.5]]


def test_more_columns_than_the_model_has_are_refused(target: TargetModel) -> None:
    with pytest.raises(ConfigError, match="have 16 numbers, 32 are wanted"):
        measure(target, ROWS[:2], semantics=32)


def test_a_row_is_measured_once_and_kept(target: TargetModel, tmp_path: Path) -> None:
    path, asked = tmp_path / "features.safetensors", []
    first = FeatureFile(path, 4).measured(ROWS[:9], lambda: target)
    later = FeatureFile(path, 4)

    def load() -> TargetModel:
        asked.append(1)
        return target

    assert (later.measured(ROWS[:9], load, later.model) == first).all()
    assert asked == []
    told: list[tuple[int, int]] = []
    more = later.measured(ROWS, load, later.model, lambda done, of: told.append((done, of)))
    assert told == [(5, 5)]
    assert (more[:9] == first).all()
    assert np.allclose(more, measure(target, ROWS, 4), atol=1e-5)
    assert (FeatureFile(path, 4).columns([row.id for row in ROWS]) == more).all()
    with pytest.raises(DataError, match="lacks 1 rows, b2:unknown"):
        later.columns(["b2:unknown"])


def test_no_more_rows_than_asked_for_share_a_pass(target: TargetModel, tmp_path: Path) -> None:
    passes: list[int] = []
    hook = target.model.register_forward_pre_hook(
        lambda _model, _given, named: passes.append(len(named["input_ids"])), with_kwargs=True
    )
    few = FeatureFile(tmp_path / "features.safetensors", 4, rows_at_once=3).measured(ROWS, lambda: target)
    hook.remove()

    assert max(passes) == 3
    assert sum(passes) == 2 * len(ROWS)  # question and answer, and the answer alone
    assert np.allclose(few, measure(target, ROWS, 4), atol=1e-5)


def test_a_model_has_its_name_and_nearly_its_numbers_in_bfloat16(target: TargetModel) -> None:
    half = TargetModel.load(ModelOptions(target.options.model, dtype="bfloat16"), frozen_base=True)

    assert next(half.model.parameters()).dtype == torch.bfloat16
    assert identity(half) == identity(target)
    exact, coarse = (measure(each, ROWS, 4) for each in (target, half))
    assert np.allclose(coarse[:, 2:4], exact[:, 2:4], rtol=0.01)
    cosine = (coarse[:, 4:] * exact[:, 4:]).sum(1) / np.linalg.norm(coarse[:, 4:], axis=1)
    assert (cosine / np.linalg.norm(exact[:, 4:], axis=1) > 0.99).all()


def test_another_model_measures_anew(target: TargetModel, tmp_path: Path) -> None:
    path = tmp_path / "features.safetensors"
    first = FeatureFile(path, 4).measured(ROWS, lambda: target)
    other = TargetModel.load(ModelOptions(str(save_model(tmp_path / "llama"))))

    assert identity(other) != identity(target)
    again = FeatureFile(path, 4)
    assert not np.allclose(again.measured(ROWS, lambda: other), first)
    assert again.model == identity(other)


def test_a_damaged_file_is_explained(tmp_path: Path) -> None:
    (tmp_path / "features.safetensors").write_bytes(b"half of a")

    with pytest.raises(DataError, match="Remove that file"):
        FeatureFile(tmp_path / "features.safetensors", 4)
