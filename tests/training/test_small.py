"""The small model made of texts: it loads, it learns, it is the same again."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.models import answered_rows

from insgen import Candidate, ConfigError, DataError
from insgen.training.small import SmallModelOptions, make_small_model, texts_of
from insgen.training.steps import StepOptions, Training
from insgen.training.target import ModelOptions, TargetModel

ROWS = [*answered_rows(12), Candidate("Что такое база данных?", output="Упорядоченное хранилище. 🙂")]
SIZE = SmallModelOptions(vocabulary=400, width=32, layers=1, heads=2, context=64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_small_model(tmp_path_factory.mktemp("models") / "small", texts_of(ROWS), SIZE)


def test_it_loads_like_any_model_and_reads_any_text_back(folder: Path) -> None:
    target = TargetModel.load(ModelOptions(str(folder)))

    for row in ROWS:
        tokens = target.tokenizer(row.output, add_special_tokens=False)["input_ids"]
        assert target.tokenizer.decode(tokens) == row.output
    assert len(target.tokenizer) <= 400
    assert target.encoder.max_tokens == 64
    assert None not in (target.tokenizer.pad_token_id, target.tokenizer.bos_token_id, target.tokenizer.eos_token_id)


def test_it_learns(folder: Path) -> None:
    target = TargetModel.load(ModelOptions(str(folder)))
    training = Training(target, StepOptions(lr=1e-2, warmup=0.0), n_steps=5)
    rows = [target.encode(row) for row in ROWS]

    losses = [training.advance(rows).loss for _ in range(5)]
    assert losses[-1] < losses[0] - 0.3


def test_the_same_texts_give_the_same_files_and_one_that_is_there_stays(folder: Path, tmp_path: Path) -> None:
    again = make_small_model(tmp_path / "again", texts_of(ROWS), SIZE)
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        assert (again / name).read_bytes() == (folder / name).read_bytes()
    assert [each.name for each in tmp_path.iterdir()] == ["again"]

    make_small_model(again, ["other texts"], SIZE)
    assert (again / "tokenizer.json").read_bytes() == (folder / "tokenizer.json").read_bytes()


def test_nothing_to_read_and_impossible_sizes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no text to make a tokenizer of"):
        make_small_model(tmp_path / "model", [" "], SIZE)
    with pytest.raises(ConfigError, match="cannot be divided among 3 heads"):
        SmallModelOptions(width=64, heads=3)
    with pytest.raises(ConfigError, match="vocabulary of at least 300"):
        SmallModelOptions(vocabulary=10)
