from __future__ import annotations

from collections.abc import Callable

import pytest

from insgen import Candidate, ConfigError
from insgen.bank.bank import Bank
from insgen.plugins.filters.refusal import RefusalFilter

MakeBank = Callable[..., Bank]


@pytest.mark.parametrize(
    ("instruction", "output", "reason"),
    [
        ("Name a moon.", "Io.", ""),
        ("Name a moon.", "", ""),
        ("Name a moon.", "I'm sorry, but I can't help with that.", "refusal in the output"),
        ("Name a moon.", "It is round. As an AI language model, I never saw it.", "disclaimer in the output"),
        ("I cannot create a task about this.", "", "refusal in the instruction"),
        ("Write a letter in which you say sorry.", "Dear Ann, I'm sorry I was late.", ""),
    ],
)
def test_refusals_and_disclaimers_are_dropped_with_where_they_stand(
    make_bank: MakeBank, instruction: str, output: str, reason: str
) -> None:
    (verdict,) = RefusalFilter().filter([Candidate(instruction, output=output)], make_bank())
    assert (verdict.kept, verdict.reason) == (not reason, reason)


def test_only_the_named_texts_are_looked_at(make_bank: MakeBank) -> None:
    candidate = Candidate("Name a moon.", output="As an AI language model, I have none.")
    assert RefusalFilter(fields=("instruction",)).filter([candidate], make_bank())[0].kept


def test_words_that_gave_it_away_are_the_measure(make_bank: MakeBank) -> None:
    candidate = Candidate("Name a moon.", output="Hm. As an AI language model, I have none.")
    assert '"As an AI"' in RefusalFilter().filter([candidate], make_bank())[0].measure


def test_no_field_at_all_is_refused() -> None:
    with pytest.raises(ConfigError, match="Expected"):
        RefusalFilter(fields=())
