"""The parts of `heuristic` that look at the answer alone, one by one."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insgen.plugins.scorers.heuristic._answer import (
    FULL_RICHNESS,
    SHORT_VALUE,
    arithmetic,
    completeness,
    freshness,
    substance,
)
from insgen.plugins.scorers.heuristic._texts import Texts, words_of


def answer(output: str, instruction: str = "Tell me more.", input: str = "") -> Texts:  # noqa: A002  # the record's word
    return Texts(instruction, input, output)


@pytest.mark.parametrize(
    "whole",
    [
        "It works. It is done.",
        "It works. He said “done.”",
        "Er fertig? Ja!",
        "它可以工作。已经完成了。",
        "यह काम करता है। हो गया।",
        "Done 🎉",
        "positive",
        "The Old Man and the Sea",
        "Yes\nNo\nYes",
        "- apples and pears from the garden\n- oranges from the market in town\n- bananas and a few more figs",
        "```python\nprint('hi')\n```",
        "def f(x):\n    return x + 1\n\nprint(f(1))",
        "Thank you for the parcel, which came in time.\n\nKind regards,\nRoger",
        "He had 50 and found 2 more, so that makes 52.\nA: 52",
        "ผมชอบกินข้าวผัดและดื่มน้ำส้มทุกวันตอนเช้ากับครอบครัว",
    ],
)
def test_answer_that_ends_properly_is_complete(whole: str) -> None:
    assert completeness(answer(whole)) == 1.0


@pytest.mark.parametrize(
    "cut",
    [
        "It works well. The second reason is that the",
        "First, open the file,",
        "These are the steps:",
        "Take these:\n1. Open the file and read it.\n2.",
        "Open the file and read it all.\nThen close the file and delete the old copy of",
        "- Open the file and read it all.\n- Close the file again.\n- Delete the old copy of the file, then",
        "它可以工作。第二个原因是",
    ],
)
def test_cut_answer_is_incomplete(cut: str) -> None:
    value = completeness(answer(cut))
    assert value is not None
    assert value <= 0.2


def test_open_code_block_is_the_worst_cut() -> None:
    assert completeness(answer("Like this:\n```python\nprint('hi')")) == 0.0


def test_open_bracket_costs_but_closed_ones_and_list_marks_do_not() -> None:
    assert completeness(answer("It works (see below.")) == 0.7
    assert completeness(answer("It works (see [below]).")) == 1.0
    assert completeness(answer("a) It works. b) It does.")) == 1.0


def test_substance_is_guirauds_measure_up_to_its_limit() -> None:
    # 9 words, 6 of them different: 6 / sqrt(9) = 2.
    assert substance(answer("one two three four five six one two three")) == pytest.approx(2 / FULL_RICHNESS)
    n_words = 400
    assert n_words / math.sqrt(n_words) > FULL_RICHNESS
    assert substance(answer(" ".join(f"w{i}" for i in range(n_words)))) == 1.0


def test_more_of_the_same_words_is_less_substance() -> None:
    once = "The cache holds every page that was read in the last hour. "
    short, long = substance(answer(once)), substance(answer(once * 20))
    assert short is not None
    assert long is not None
    assert long < short


@pytest.mark.parametrize(
    ("instruction", "input_text"),
    [
        ("Classify the sentiment of this review.", "It broke."),
        ("Is this true or false? Water is wet.", ""),
        ("Er det sandt eller falsk?", "Vand er vådt."),
        ("Which is the capital?\nA) Rome\nB) Milan", ""),
        ("Pick the capital.", "A) Rome\nB) Milan"),
    ],
)
def test_one_word_is_enough_where_the_task_wants_a_label(instruction: str, input_text: str) -> None:
    value = substance(answer("positive", instruction, input_text))
    assert value is not None
    assert value >= SHORT_VALUE
    plain = substance(answer("positive", "Write a report on the harvest."))
    assert plain is not None
    assert plain < SHORT_VALUE


def test_answers_to_a_label_task_keep_their_order() -> None:
    task = "Classify the review as good or bad."
    values = [substance(answer(out, task)) for out in ("bad", "It is bad.", "It is bad, since the handle broke off.")]
    assert values == sorted(values, key=lambda v: v or 0.0)
    assert len(set(values)) == 3


def test_ordinary_prose_is_fresh() -> None:
    prose = (
        "The tide is pulled by the moon and, less, by the sun. When both stand in line their pull adds up and the "
        "water rises higher than usual; sailors call this a spring tide. Half a month later it is weakest."
    )
    assert freshness(answer(prose)) == 1.0


@pytest.mark.parametrize(
    "loop",
    [
        "How to debug code? " * 10,
        "\n".join(f"{i}. Coding languages for beginners" for i in range(2, 14)),
        "I do not know. " * 5,
        "Haaaaaaaaaaaaaaaaaaaaa",
        "\n".join(["- apples and pears", "- oranges"] * 8),
    ],
)
def test_loops_are_not_fresh(loop: str) -> None:
    assert freshness(answer(loop)) == 0.0


def test_freshness_falls_evenly_between_one_and_two_limits() -> None:
    # 30 different words, then the first 8 again: 4 of 34 runs of five are repeated, under the limit of 0.15.
    words = [f"w{i}" for i in range(30)]
    assert freshness(answer(" ".join(words + words[:8]))) == 1.0
    # The first 12 again: 8 of 38 runs, 0.2105; (0.30 - 0.2105) / 0.15 of the value is left.
    assert freshness(answer(" ".join(words + words[:12]))) == pytest.approx(2 - (8 / 38) / 0.15)


def test_list_of_labels_may_repeat_its_pairs() -> None:
    labels = "Chicken: not vegetarian\nPeanuts: vegetarian\nEggs: vegetarian\nBacon: not vegetarian\nHam: neither"
    assert freshness(answer(labels)) == 1.0


@pytest.mark.parametrize("short", ["", "yes", "yes yes yes"])
def test_too_few_words_are_not_judged_for_repetition(short: str) -> None:
    assert freshness(answer(short)) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("48 + 3 = 51 inches", 1.0),
        ("$1,200.50 - $200.25 = $1,000.25", 1.0),
        ("2 * 3 + 4 = 10", 1.0),
        ("2 + 3 x 4 = 14", 1.0),
        ("15-27=-12", 1.0),
        ("10/3 = 3.33", 1.0),
        ("60 + 2 = 120", 0.0),
        ("600*7 = 1400 and 2 + 2 = 4", 0.5),
        ("100 / 4 = 30", 0.0),
        ("7 - 9 = 2", 0.0),
    ],
)
def test_equations_are_checked(text: str, expected: float) -> None:
    assert arithmetic(answer(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "no numbers here",
        "x = 5",
        "2x + 3 = 7",
        "2/3 = 40",
        "13*12*11/3*2*1 = 286",
        "7 * 156 – 6 * 169 = 78",
        "√3/4 * 12 * 12 = 36√3",
        "50 * 20% = 10",
        "3 + 4 = 7x",
        "5 + 5 = 5 + 6",
        "8 / 0 = 0",
        "(2 + 3) * 4 = 20",
    ],
)
def test_what_can_be_read_in_two_ways_is_not_judged(text: str) -> None:
    assert arithmetic(answer(text)) is None


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("+-*"), st.integers(0, 9999)), min_size=1, max_size=6), st.integers(0, 9999))
def test_arithmetic_agrees_with_python(terms: list[tuple[str, int]], first: int) -> None:
    expression = str(first) + "".join(f" {operator} {number}" for operator, number in terms)
    value = eval(expression)  # built of digits and operators three lines above
    if abs(value) < 10**12:  # longer numbers are not read
        assert arithmetic(answer(f"So {expression} = {value}, as said.")) == 1.0
        wrong = value + max(1, abs(value) // 10)
        assert arithmetic(answer(f"So {expression} = {wrong}, as said.")) == 0.0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't use_this, e.g. HERE!", ["don", "t", "use", "this", "e", "g", "here"]),
        ("Smørrebrød på ø", ["smørrebrød", "på", "ø"]),
        ("用Python写", ["用", "python", "写"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("STRASSE straße", ["strasse", "strasse"]),
        ("", []),
    ],
)
def test_words_are_cut_in_any_script(text: str, words: list[str]) -> None:
    assert words_of(text) == words
