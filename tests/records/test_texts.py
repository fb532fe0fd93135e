"""Cleaning and ids: what every later stage builds on."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insgen.records import clean_text, content_hash

ANY_TEXT = st.text(st.characters(codec=None), max_size=60)  # lone surrogates included
BIDI_CONTROLS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("one\r\ntwo\rthree\x85four", "one\ntwo\nthree\nfour"),
        ("bell\x07 escape\x1b[31m delete\x7f nul\x00", "bell escape[31m delete nul"),
        ("an eight-bit \x9b31m control", "an eight-bit 31m control"),
        (f"file{BIDI_CONTROLS}gpj.exe", "filegpj.exe"),
        ("\ufefftext with a byte-order mark", "text with a byte-order mark"),
        ("half a pair \ud83d here", "half a pair  here"),
        ("  \n\tedges \u00a0\n", "edges"),
        ("<script>alert('x')</script>", "<script>alert('x')</script>"),
        (
            "tab\tand\nline stay; so does \u200fa mark that only hints",
            "tab\tand\nline stay; so does \u200fa mark that only hints",
        ),
        ("\x00\x01\x02", ""),
    ],
)
def test_cleaning_removes_what_can_deceive_and_keeps_what_has_meaning(given_text: str, expected: str) -> None:
    assert clean_text(given_text) == expected


@given(ANY_TEXT)
def test_cleaned_text_is_safe_and_stays_as_it_is(text: str) -> None:
    cleaned = clean_text(text)
    assert clean_text(cleaned) == cleaned
    cleaned.encode()  # storable
    assert not set(cleaned) & set(BIDI_CONTROLS + "\ufeff\r")
    assert all(unicodedata.category(char) != "Cc" or char in "\t\n" for char in cleaned)


@given(st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=60))
def test_cleaning_leaves_harmless_characters_alone(text: str) -> None:
    assert clean_text(text) == text.strip()


def test_ids_carry_their_algorithm_and_do_not_change() -> None:
    # printf 'a\037b' | b2sum --length 128: stored banks hold such ids, so they must stay what they are.
    assert content_hash("a", "b") == "b2:065ab5741cdfad44687cf119c1eb4ec9"


@given(st.lists(ANY_TEXT, min_size=1, max_size=4), st.lists(ANY_TEXT, min_size=1, max_size=4))
def test_texts_cut_elsewhere_have_another_id(first: list[str], second: list[str]) -> None:
    cleaned = [clean_text(text) for text in first], [clean_text(text) for text in second]
    assert (content_hash(*cleaned[0]) == content_hash(*cleaned[1])) == (cleaned[0] == cleaned[1])
