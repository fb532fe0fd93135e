"""The target model: whatever rows are put together, each has the loss and the states that it has alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from support.models import answered_rows, save_model

from insgen import Candidate, ConfigError
from insgen.training.encoding import IGNORED, Encoded
from insgen.training.target import ModelOptions, TargetModel


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TargetModel:
    folder = save_model(tmp_path_factory.mktemp("models") / request.param, kind=request.param)
    return TargetModel.load(ModelOptions(str(folder)))


@pytest.fixture
def rows(target: TargetModel) -> Sequence[Encoded]:
    return [target.encode(row) for row in answered_rows(20)]


def test_losses_are_those_of_transformers_one_row_at_a_time(target: TargetModel, rows: Sequence[Encoded]) -> None:
    import torch

    for row, loss in zip(rows, target.losses(rows, rows_at_once=7), strict=True):
        tokens, labels = (torch.from_numpy(each.astype(np.int64))[None] for each in (row.tokens, row.labels))
        with torch.inference_mode():
            theirs = target.model(input_ids=tokens, labels=labels).loss.item()
        assert loss == pytest.approx(theirs, abs=1e-5)


def test_padding_changes_no_hidden_state(target: TargetModel, rows: Sequence[Encoded]) -> None:
    together = dict(target.hidden_states(rows, rows_at_once=7))

    assert sorted(together) == list(range(len(rows)))
    for place, row in enumerate(rows):
        alone = next(iter(target.hidden_states([row])))[1]
        assert together[place].shape == (len(row.tokens), 16)
        assert (together[place] - alone).abs().max() < 1e-5


def test_only_the_answer_is_learned(target: TargetModel) -> None:
    encoded = target.encode(Candidate("explain a pod", "the node", "pod runs ."))

    learned = encoded.tokens[encoded.labels != IGNORED]
    assert target.tokenizer.decode(learned) == "pod runs . </s>"
    assert encoded.n_targets == 4


def test_row_without_an_answer_has_no_loss(target: TargetModel) -> None:
    encoded = target.encode(Candidate("explain a pod"))

    assert encoded.n_targets == 0
    assert target.losses([encoded]) == [None]


def test_row_that_does_not_fit_loses_its_end(target: TargetModel) -> None:
    encoded = target.encode(Candidate("explain", output="a " * 100))

    assert (len(encoded.tokens), target.encoder.max_tokens) == (64, 64)  # what the model can read
    assert (
        encoded.n_cut
        == len(target.tokenizer(f"### Instruction: explain ### Response: {'a ' * 100}</s>").input_ids) - 64
    )


def test_bfloat16_computes_nearly_the_same(target: TargetModel, rows: Sequence[Encoded]) -> None:
    coarse = TargetModel.load(ModelOptions(target.options.model, dtype="bfloat16"))

    assert coarse.losses(rows) == pytest.approx(target.losses(rows), abs=0.05)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "no/where/at/all"}, "cannot be loaded"),
        ({"device": "abacus"}, "cannot be used"),
        ({"device": "cuda:99"}, 'The device "cuda:99" cannot be used(.|\n)*Choose another'),
        ({"dtype": "float8"}, "dtype .* unknown"),
        ({"template": "alpacca"}, 'Did you mean "alpaca"'),
    ],
)
def test_what_cannot_be_loaded_is_named(target: TargetModel, options: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TargetModel.load(ModelOptions(**{"model": target.options.model, **options}))
