from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from insgen import ConfigError
from insgen.config.options import decode
from insgen.plugins.embedders.hashing import HashingEmbedder


def test_vector_of_a_small_text_is_the_one_worked_out_by_hand() -> None:
    # "Ab" has the features wab, "c ab" and "cab ". `printf %s FEATURE | b2sum -l 64` gives their digests; the place is
    # the first seven bytes, low byte first, modulo the dimension; the sign is that of the last byte's lowest bit.
    digests = [bytes.fromhex(each) for each in ("088cbcac69f7d21f", "3faa6fd838a7bda5", "68dccde17a5b764b")]
    expected = np.zeros(8)
    for digest in digests:
        # 8 divides 256, so only the lowest byte decides: 0x08 -> 0, 0x3f -> 7, 0x68 -> 0; all three last bytes are odd.
        expected[digest[0] % 8] += 1
    assert expected.tolist() == [2, 0, 0, 0, 0, 0, 0, 1]

    (vector,) = HashingEmbedder(dimension=8).embed(["Ab"])

    assert vector.tolist() == [np.float32(2 / math.sqrt(5)), 0, 0, 0, 0, 0, 0, np.float32(1 / math.sqrt(5))]


def test_even_last_byte_gives_a_negative_sign() -> None:
    # The word "or" is the feature "wor", beside "c or" and "cor "; b2sum gives it 9c1e3a130353d926, and 0x26 is even.
    place = int.from_bytes(bytes.fromhex("9c1e3a130353d9"), "little") % 65_536

    (vector,) = HashingEmbedder(dimension=65_536).embed(["or"])

    assert vector[place] == pytest.approx(-1 / math.sqrt(3))


def test_repeated_words_count_as_often_as_they_occur() -> None:
    # Features of "a a": wa twice, "pa a" once, "c a " once (" a " twice: " a a " has " a ", "a a", " a "), "ca a" once.
    (vector,) = HashingEmbedder(dimension=65_536).embed(["a a"])

    squares = sorted(round(float(each) ** 2 * 10) for each in vector if each)
    assert squares == [1, 1, 4, 4]


def test_texts_that_share_words_are_nearer_than_texts_that_share_none() -> None:
    vectors = HashingEmbedder().embed(["restart the web server", "restart the mail server", "bake bread at home"])

    similarity = vectors @ vectors.T
    assert similarity[0, 1] > 0.5 > similarity[0, 2]


def test_case_width_and_white_space_do_not_matter() -> None:
    first, second = HashingEmbedder().embed(["Straße  ＡＢ\n", "STRASSE ab"])

    assert np.array_equal(first, second)


def test_texts_of_signs_only_stay_apart() -> None:
    plus, question = HashingEmbedder().embed(["+++", "???"])

    assert not np.array_equal(plus, question)


def test_text_without_features_gets_the_first_unit_vector() -> None:
    vectors = HashingEmbedder(dimension=16).embed(["", " \n\t"])

    assert np.array_equal(vectors, np.eye(16, dtype=np.float32)[[0, 0]])


def test_no_texts_give_no_rows() -> None:
    assert HashingEmbedder(dimension=32).embed([]).shape == (0, 32)


def test_identity_tells_the_dimension_and_that_there_is_no_meaning() -> None:
    assert HashingEmbedder(dimension=64).identity != HashingEmbedder(dimension=65).identity
    assert "no meaning" in HashingEmbedder().identity


@given(st.lists(st.text(st.characters(exclude_categories=())), max_size=4), st.integers(8, 300))
@example(["\ud800", "\x00", "x" * 100_000], 8)
@settings(max_examples=60, deadline=None)
def test_any_text_gives_a_vector_of_norm_one_whatever_stands_beside_it(texts: list[str], dimension: int) -> None:
    embedder = HashingEmbedder(dimension=dimension)

    together = embedder.embed(texts)

    assert together.shape == (len(texts), dimension)
    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-6)
    for row, text in enumerate(texts):
        assert np.array_equal(embedder.embed([text])[0], together[row])


@pytest.mark.parametrize("dimension", [7, 65_537, -1])
def test_dimension_out_of_range_is_refused_with_the_value_and_the_range(dimension: int) -> None:
    with pytest.raises(ConfigError, match=rf"(?s)dimension = {dimension}\..*8 to 65536.*Write"):
        decode(HashingEmbedder, {"dimension": dimension}, "insgen.toml, [embed] hashing")
