"""How replies of Self-Instruct's third stage are read; expectations worked out from the paper's own rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insgen.plugins.responders._instances import CONFLICTING, NONE, UNUSABLE, input_first, output_first

INPUT_FIRST = [
    ("Example 1\nWord: hot\nOutput: cold\nExample 2\nWord: big\nOutput: small\nExample 3\nWord: big\nOutput: small",
     [("Word: big", "small"), ("Word: hot", "cold")]),
    ("Example 1\nhot\nOutput: cold\nExample 2\nhot\nOutput: icy", CONFLICTING),
    ("Output: 42", [("", "42")]),
    ("Input: 6 times 7\nOutput 1: 42\nInput 2: 5", [("6 times 7", "42")]),
    ("same\nOutput: same", UNUSABLE),
    ("Output: This follows:", UNUSABLE),
    ("What is it:\nOutput: this", UNUSABLE),
    ("Output:", UNUSABLE),
    ("It is 42.", NONE),
    ("", NONE),
    # Known defects: the word in a text splits it, what stands before it is an instance, a second output ends the first.
    ("Output: Rain. Example: drizzle.", [("", ": drizzle."), ("", "Rain.")]),
    ("Sure!\nExample 1\na\nOutput: b", [("", "Sure!"), ("a", "b")]),
    ("Here they are:\nExample 1\na\nOutput: b", [("a", "b")]),
    ("Output: one Output: two", [("", "one")]),
    ("Example1. a Output: b\nExample 2.\nc", [("", "c"), ("a", "b")]),
    # Without an input different outputs are no contradiction.
    ("Example 1\nOutput: red\nExample 2\nOutput: blue", [("", "blue"), ("", "red")]),
]  # fmt: skip
OUTPUT_FIRST = [
    ("Class label: Yes\nText: Fine.\nClass label: No\nText: Bad.", [("Text: Bad.", "No"), ("Text: Fine.", "Yes")]),
    ("Class label: turnip", [("", "turnip")]),
    ("Label: Yes", NONE),
    ("Class label:\n\nClass label: a\nb", [("b", "a")]),
    ("Class label: spam\nx\nClass label: ham\nx", CONFLICTING),
    ("Class label: Yes\nText:", UNUSABLE),
]


@pytest.mark.parametrize(("reply", "found"), INPUT_FIRST)
def test_input_first_reply_is_read_as_published(reply: str, found: object) -> None:
    assert input_first(reply, cut=False) == found


@pytest.mark.parametrize(("reply", "found"), OUTPUT_FIRST)
def test_output_first_reply_is_read_as_published(reply: str, found: object) -> None:
    assert output_first(reply, cut=False) == found


def test_cut_reply_loses_its_last_instance() -> None:
    assert input_first("Example 1\na\nOutput: b\nExample 2\nc\nOutput: d and", cut=True) == [("a", "b")]
    assert output_first("Class label: a\nb\nClass label: c\nd and", cut=True) == [("b", "a")]
    assert input_first("Output: 42 and", cut=True) == NONE


PIECES = ("Example 1", "Example", "Output:", "Output 2:", "Input:", "Class label:", "x", "y z", ":", "\n", " ")
words = st.lists(st.sampled_from(PIECES), max_size=14).map(" ".join)


@given(st.one_of(st.text(max_size=80), words), st.booleans())
def test_any_text_gives_sound_instances_or_a_reason(text: str, cut: bool) -> None:
    for read in (input_first, output_first):
        found = read(text, cut)
        if isinstance(found, str):
            assert found
            continue
        assert found == sorted(set(found))
        for input_, output in found:
            assert output
            assert output != input_
            assert not output.endswith(":")
            assert not input_.endswith(":")
