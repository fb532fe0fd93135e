"""Ids, text keys and copies of candidates."""

from __future__ import annotations

import numpy as np

from insgen.records import Candidate, Origin, Turn


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
