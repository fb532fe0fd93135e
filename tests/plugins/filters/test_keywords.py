from __future__ import annotations

from collections.abc import Callable

import pytest

from insgen import Candidate, ConfigError
from insgen.bank.bank import Bank
from insgen.plugins.filters.keywords import KeywordFilter

MakeBank = Callable[..., Bank]

BOTH = [
    "image",
    "images",
    "graph",
    "graphs",
    "picture",
    "pictures",
    "file",
    "files",
    "map",
    "maps",
    "draw",
    "plot",
    "go to",
]
ALPACA_ONLY = ["video", "audio", "music", "flowchart", "diagram"]


@pytest.fixture
def reason(make_bank: MakeBank) -> Callable[..., str]:
    """Why an instruction is dropped; empty when it is kept."""
    bank = make_bank()

    def judge(text: str, variant: str = "self-instruct") -> str:
        verdict = KeywordFilter(variant).filter([Candidate(text)], bank)[0]
        assert verdict.kept is (verdict.reason == "")
        return verdict.reason

    return judge


@pytest.mark.parametrize("variant", ["self-instruct", "alpaca"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Explain this", "too short"),
        ("Explain this well", "too short"),
        ("Explain this very well", ""),
        ("word " * 150, ""),
        ("word " * 151, "too long"),
        ("Describe the Image to me", "unsuitable word"),
        ("Describe what imagery means to you", ""),
        ("Please go to the nearest shop", "unsuitable word"),
        ("Explain what cargo tonnage means here", ""),
        ("Describe the image: what is there", "unsuitable word"),
        ("Write a program that adds numbers", "asks for a program"),
        ("Write a programme for the evening", "asks for a program"),
        ("Please Write a program that adds", ""),
        ("- explain this to me", "starts with punctuation"),
        ("_ explain this to me", "starts with punctuation"),
        ("étudie ce texte avec soin", "starts with a character that is not ASCII"),
        ("“Quote” this text for me", "starts with a character that is not ASCII"),
        ("7 ways to cook rice", ""),
        ("Cuéntame algo sobre España ahora", ""),
        ("", "too short"),
    ],
)
def test_each_rule_by_itself(reason: Callable[..., str], variant: str, text: str, expected: str) -> None:
    assert reason(text, variant) == expected


@pytest.mark.parametrize("word", BOTH)
def test_words_unsuitable_for_both(reason: Callable[..., str], word: str) -> None:
    text = f"Please {word.upper()} something nice here"
    assert [reason(text, variant) for variant in ("self-instruct", "alpaca")] == ["unsuitable word"] * 2


@pytest.mark.parametrize("word", ALPACA_ONLY)
def test_words_unsuitable_for_alpaca_alone(reason: Callable[..., str], word: str) -> None:
    text = f"Please describe the {word} to me"
    assert [reason(text, variant) for variant in ("self-instruct", "alpaca")] == ["", "unsuitable word"]
    assert reason(f"Please describe the {word}s to me", "alpaca") == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-é image", "too short"),
        ("image " * 151, "too long"),
        ("Write a program that can draw", "unsuitable word"),
        ("(draw this for me)", "unsuitable word"),
        ("é draw this for me", "unsuitable word"),
    ],
)
def test_the_first_rule_that_fires_is_the_reason(reason: Callable[..., str], text: str, expected: str) -> None:
    assert reason(text) == expected


def test_the_variants_look_at_different_forms_of_the_text(reason: Callable[..., str]) -> None:
    lower, spaced = "write a PROGRAM that adds numbers", "Please go \n to the shop"
    assert [reason(text) for text in (lower, spaced)] == ["asks for a program", "unsuitable word"]
    assert [reason(text, "alpaca") for text in (lower, spaced)] == ["", ""]


def test_a_verdict_says_what_was_found(make_bank: MakeBank) -> None:
    texts = ["Too short", "Please DRAW something nice here", "Explain how tides come about"]
    short, draws, fine = KeywordFilter().filter([Candidate(text) for text in texts], make_bank())
    assert (short.measure, short.value, short.unit, short.limit) == ("words", 2, "words", 4)
    assert (draws.measure, draws.value, draws.limit) == ('word "draw"', None, None)
    assert (fine.kept, fine.reason) == (True, "")


def test_an_unknown_variant_is_refused() -> None:
    with pytest.raises(ConfigError, match=r'variant = "sedi"\. Expected "self-instruct" or "alpaca"'):
        KeywordFilter("sedi")
