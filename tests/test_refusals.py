"""How models decline."""

from __future__ import annotations

import pytest

from insgen import declined, speaks_as_model

DECLINING = [
    "I'm sorry, but I can't help with that.",
    "I’m sorry, I cannot do this.",
    "Sorry, I can't assist with that request.",
    "I am unable to browse the internet.",
    "Unfortunately, I do not have access to your files.",
    "As an AI language model, I have no opinions.",
    "I cannot provide medical advice.",
    '"As an AI, I do not feel."',
    "Es tut mir leid, dabei kann ich nicht helfen.",
    "Je suis désolé, mais je ne peux pas.",
    "Lo siento, pero no puedo ayudar con eso.",
    "Desculpe, não posso ajudar.",
    "Det kan jeg desværre ikke hjælpe med.",
    "很抱歉，我无法回答这个问题。",
]
ANSWERING = [
    "Sorry is a word that people say when they regret something.",
    "The letter reads: I'm sorry, but I can't come.",
    "I cannot stress enough how important sleep is.",
    "I can't believe it, she said.",
    "Unfortunately, the harvest failed in 1845.",
    "As an AI engineer you should know Python.",
    "I am afraid of heights, wrote the boy.",
    "Lamentations is a book of the Bible.",
    "",
]


@pytest.mark.parametrize("answer", DECLINING)
def test_beginning_of_a_refusal_is_known(answer: str) -> None:
    assert declined(answer)


@pytest.mark.parametrize("answer", ANSWERING)
def test_answer_that_only_looks_like_one_is_none(answer: str) -> None:
    assert not declined(answer)


@pytest.mark.parametrize(
    "text",
    [
        "Tea is hot. As an AI language model, I cannot taste it.",
        "That was after my knowledge cutoff.",
        "Som en sprogmodel ved jeg det ikke.",
        "作为一个人工智能，我没有感情。",
    ],
)
def test_model_that_speaks_of_itself_is_found_anywhere(text: str) -> None:
    assert speaks_as_model(text) in text
    assert speaks_as_model(text)


def test_text_about_models_does_not_speak_as_one() -> None:
    assert not speaks_as_model("A language model predicts the next token; an AI engineer trains it.")
