"""Vectors from a causal model's hidden states: the same as one text by one, under a name that its weights decide."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from support.models import answered_rows, save_model

from insgen import Candidate, ConfigError, StageError
from insgen.config.options import decode
from insgen.models.embedding import Embedding
from insgen.plugins.embedders.target_model import TargetModelEmbedder
from insgen.training.templates import alpaca

ROWS = answered_rows(23)
TEXTS = ["".join(piece.text for piece in alpaca(row, "")) for row in ROWS]
ODD = ["", " ", "explain", "a " * 500]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("models") / "llama")


@pytest.fixture(scope="module")
def embedder(folder: Path) -> TargetModelEmbedder:
    return TargetModelEmbedder(path=folder, max_tokens=60, batch_size=5)


def by_hand(folder: Path, text: str, *, after: str = "", limit: int = 60) -> np.ndarray:
    """The mean of the last entry of `output_hidden_states`, one text at a time, without any padding."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    parts = text.partition(after) if after else ("", "", text)
    ids = [tokenizer(part, add_special_tokens=False)["input_ids"] for part in ("".join(parts[:2]), parts[2])]
    tokens = [*ids[0], *ids[1], tokenizer.eos_token_id][:limit]
    with torch.no_grad():
        states = model(torch.tensor([tokens]), output_hidden_states=True).hidden_states[-1][0]
    mean = states[len(ids[0]) :].mean(dim=0) if after else states.mean(dim=0)
    return np.asarray(mean / mean.norm())


def test_vectors_are_means_of_all_last_hidden_states(embedder: TargetModelEmbedder, folder: Path) -> None:
    expected = np.stack([by_hand(folder, text) for text in TEXTS[:6]])

    np.testing.assert_allclose(embedder.embed(TEXTS[:6]), expected, atol=1e-5)


def test_padding_moves_no_vector(embedder: TargetModelEmbedder) -> None:
    texts = [*TEXTS, *ODD]
    together = embedder.embed(texts)
    alone = np.concatenate([embedder.embed([text]) for text in texts])

    assert len({len(text.split()) for text in texts}) > 5
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-6)


def test_mean_over_the_answer_alone_where_there_is_one(folder: Path) -> None:
    embedder = TargetModelEmbedder(path=folder, max_tokens=60, positions="answer")
    expected = by_hand(folder, TEXTS[1], after="### Response:\n")
    unanswered = "".join(piece.text for piece in alpaca(Candidate("explain pod"), ""))

    np.testing.assert_allclose(embedder.embed([TEXTS[1]])[0], expected, atol=1e-5)
    np.testing.assert_allclose(
        embedder.embed([unanswered]), TargetModelEmbedder(path=folder).embed([unanswered]), atol=1e-6
    )


def test_text_beyond_the_limit_loses_its_end(embedder: TargetModelEmbedder, folder: Path) -> None:
    long = TargetModelEmbedder(path=folder, max_tokens=5000).embed(["a " * 100])  # the model reads 64

    np.testing.assert_allclose(long[0], by_hand(folder, "a " * 100, limit=64), atol=1e-5)
    assert not np.allclose(embedder.embed(["a " * 20]), long)


def test_text_without_a_token_is_the_first_unit_vector(folder: Path) -> None:
    vector = TargetModelEmbedder(path=folder, end=False).embed([""])[0]

    assert vector.tolist() == [1.0, *[0.0] * 15]


def test_identity_is_that_of_the_weights_wherever_they_lie(folder: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    moved = Path(shutil.copytree(folder, tmp_path / "elsewhere" / "llama"))
    identity = TargetModelEmbedder(path=folder).identity
    assert TargetModelEmbedder(path=moved).identity == identity
    weights = load_file(moved / "model.safetensors")
    weights["model.norm.weight"] += torch.full((16,), 0.5)
    save_file(weights, moved / "model.safetensors", {"format": "pt"})
    assert TargetModelEmbedder(path=moved).identity != identity
    others = [{"dtype": "bfloat16"}, {"positions": "answer"}, {"end": False}, {"max_tokens": 60}]
    assert len({TargetModelEmbedder(path=folder, **each).identity for each in others} | {identity}) == 5  # type: ignore[arg-type]  # options by name
    assert str(tmp_path) not in identity


def test_bfloat16_computes_nearly_the_same(embedder: TargetModelEmbedder, folder: Path) -> None:
    half = TargetModelEmbedder(path=folder, max_tokens=60, dtype="bfloat16")

    assert ((half.embed(TEXTS) * embedder.embed(TEXTS)).sum(axis=1) > 0.999).all()


def test_lora_matrices_are_read_over_their_model(folder: Path, tmp_path: Path) -> None:
    import torch

    from insgen.training.lora import LoraOptions, add_lora
    from insgen.training.target import ModelOptions, TargetModel

    target = TargetModel.load(ModelOptions(str(folder)))
    torch.manual_seed(1)
    add_lora(target, LoraOptions(rank=2))
    for name, each in target.model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(each, std=0.5)
    target.save(tmp_path / "adapter")
    embedder = TargetModelEmbedder(path=tmp_path / "adapter")

    plain = TargetModelEmbedder(path=folder)
    assert embedder.identity != plain.identity
    assert not np.allclose(embedder.embed(TEXTS[:2]), plain.embed(TEXTS[:2]), atol=1e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_tokens": 0}, "max_tokens = 0"),
        ({"batch_size": 0}, "batch_size = 0"),
        ({"model": "gpt2", "path": "here"}, 'has model = "gpt2" and path ='),
        ({"positions": "first"}, "no valid value"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        decode(TargetModelEmbedder, options, "[embed]", tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "was given no model"),
        ({"path": Path("nowhere")}, "there is no folder"),
        ({"model": "a/b"}, "cannot be had"),
    ],
)
def test_model_that_is_not_there_is_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(StageError, match=message):
        TargetModelEmbedder(**options).embed(["text"])  # type: ignore[arg-type]  # options by name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("alpaca", "### Instruction:\nAdd.\n\n### Input:\n1, 2\n\n### Response:\n3"),
        ("alpaca-question", "### Instruction:\nAdd.\n\n### Input:\n1, 2\n\n### Response:\n"),
        ("all", "Add.\n1, 2\n3"),
    ],
)
def test_text_is_laid_out_as_it_is_trained_on(text: str, expected: str) -> None:
    embedding = Embedding.__new__(Embedding)
    embedding._text = text

    assert embedding._text_of(Candidate("Add.", "1, 2", "3")) == expected
