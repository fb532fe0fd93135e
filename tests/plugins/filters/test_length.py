from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from insgen import Candidate, ConfigError, Turn
from insgen.bank.bank import Bank
from insgen.plugins.filters.length import LengthFilter

MakeBank = Callable[..., Bank]

LIMITS = {"min_words": 3, "max_words": 5, "min_output_words": 2, "max_output_words": 4, "max_chars": 100}


@pytest.mark.parametrize(
    ("instruction", "output", "reason", "value", "limit"),
    [
        ("one two", "", "too short", 2, 3),
        ("", "", "too short", 0, 3),
        ("one two three", "", "", 3, None),
        ("one two three four five", "", "", 5, None),
        ("one two three four five six", "", "too long", 6, 5),
        ("one two three", "one", "output too short", 1, 2),
        ("one two three", "one two", "", 3, None),
        ("one two three", "one two three four", "", 3, None),
        ("one two three", "one two three four five", "output too long", 5, 4),
        ("one two three", "x" * 87, "output too short", 1, 2),
        ("one two three", "x" * 88, "too many characters", 101, 100),
    ],
)
def test_limits_are_inclusive_and_the_first_broken_one_is_the_reason(
    make_bank: MakeBank, instruction: str, output: str, reason: str, value: float, limit: float | None
) -> None:
    verdict = LengthFilter(**LIMITS).filter([Candidate(instruction, output=output)], make_bank())[0]
    assert (verdict.kept, verdict.reason) == (not reason, reason)
    assert (verdict.value, verdict.limit) == (value, limit)
    assert verdict.unit == ("characters" if reason == "too many characters" else "words")


def test_an_output_is_required_only_on_demand(make_bank: MakeBank) -> None:
    asked, answered = Candidate("one two three"), Candidate("one two three", output="one")
    assert all(verdict.kept for verdict in LengthFilter().filter([asked, answered], make_bank()))
    verdicts = LengthFilter(require_output=True).filter([asked, answered], make_bank())
    assert [verdict.kept for verdict in verdicts] == [False, True]
    missing = verdicts[0]
    assert (missing.reason, missing.measure, missing.value, missing.limit) == ("output missing", "output words", 0, 1)


def test_characters_are_counted_over_the_whole_conversation(make_bank: MakeBank) -> None:
    parts = Candidate("one two three", "1234567", "one two", (Turn("user", "12345"), Turn("assistant", "12345")), "123")
    n_chars = 13 + 7 + 7 + 5 + 5 + 3
    assert LengthFilter(max_chars=n_chars).filter([parts], make_bank())[0].kept
    verdict = LengthFilter(max_chars=n_chars - 1).filter([parts], make_bank())[0]
    assert (verdict.kept, verdict.value) == (False, n_chars)


def test_scripts_without_spaces_are_counted_by_characters(make_bank: MakeBank) -> None:
    texts = ["写一首关于大海的诗", "海のうたを作って", "写 诗", "напиши короткое стихотворение"]
    verdicts = LengthFilter().filter([Candidate(text) for text in texts], make_bank())
    assert [verdict.value for verdict in verdicts] == [9, 8, 2, 3]


def test_every_candidate_is_judged_once_in_order(make_bank: MakeBank) -> None:
    candidates = [Candidate("short"), Candidate("this is long enough"), Candidate("no")]
    verdicts = LengthFilter().filter(candidates, make_bank())
    assert [verdict.candidate_id for verdict in verdicts] == [candidate.id for candidate in candidates]
    assert LengthFilter().filter([], make_bank()) == []


@pytest.mark.parametrize(
    "options",
    [{"min_words": 0}, {"max_words": 2}, {"min_output_words": -1}, {"max_output_words": 0}, {"max_chars": 0}],
)
def test_limits_that_contradict_each_other_are_refused(options: dict[str, Any]) -> None:
    option, value = next(iter(options.items()))
    with pytest.raises(ConfigError, match=rf"{option} = {value}\. Expected .*\n  Raise"):
        LengthFilter(**options)
