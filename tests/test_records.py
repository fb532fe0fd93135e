"""Cleaning, ids and copies: what every later stage builds on."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from insgen.records import Candidate, Origin, Turn, clean_text, content_hash

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


def test_id_depends_on_texts_and_not_on_origin() -> None:
    here = Candidate("Sort a list.", "3 1 2", "1 2 3", origin=Origin("dataset", "a.jsonl", 3))
    there = Candidate(" Sort a list.\r\n", "3 1 2", "1 2 3", origin=Origin("documents", "b.md", 9))
    assert here.id == there.id
    assert here == there
    others = [
        Candidate("Sort a list.", "3 1", "2 1 2 3"),
        Candidate("Sort a list.", "3 1 2", "1 2 3", system="Be brief."),
        Candidate("Sort a list.", "3 1 2", "1 2 3", (Turn("user", "Thanks."),)),
        Candidate("Sort a list. 3 1 2", "", "1 2 3"),
    ]
    assert len({here.id, *(other.id for other in others)}) == 5


def test_an_answer_does_not_change_the_id_and_fills_only_a_gap() -> None:
    asked = Candidate("Name a prime.")
    answered = asked.answered("Seven.")
    assert (answered.output, answered.id) == ("Seven.", asked.id)
    assert answered.answered("Eleven.").output == "Seven."
    assert asked.answered("") is asked
    assert answered.judged(0.5).embedded(np.ones(1, dtype=np.float32)).id == asked.id


def test_bare_candidate_keeps_its_id_and_loses_what_was_measured_of_another_text() -> None:
    vector = np.ones(1, dtype=np.float32)
    known = Candidate("Name a prime.").answered("Seven.").embedded(vector).judged(0.25)
    bare = known.bare()
    assert (bare.vector, bare.quality, bare.output, bare.id) == (None, None, "Seven.", known.id)
    assert bare.bare() is bare


def test_text_key_is_blind_to_case_punctuation_space_and_form() -> None:
    assert Candidate("Sort  a list!").text_key == Candidate("sort, a LIST").text_key
    assert Candidate("\ufb01ne").text_key == Candidate("fine").text_key
    assert Candidate("Sort a list").text_key != Candidate("Sort", "a list").text_key


def test_texts_of_signs_only_stay_apart() -> None:
    assert Candidate("+").text_key != Candidate("-").text_key
