"""The scorer `deita`, against the paper's formula and over a local server."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.asking import asking

from insgen import Candidate, ConfigError, Score, StageError, Turn
from insgen.bank.bank import Bank
from insgen.models.templates import PromptFiles
from insgen.plugins.scorers.deita import DeitaScorer, evol_score, expected_rating
from insgen.store.database import Store
from insgen.testing.llm_server import Asked, LlmServer, Reply

PROMPTS = PromptFiles(Path("nowhere"))
LOGITS = {"1": 0.1, "2": 0.4, "3": 1.2, "4": 0.9, "5": -0.3, "6": -1.0}
ROW = Candidate("Name the largest planet.", output="Jupiter.")


def scored(
    server: LlmServer, store: Store, candidates: list[Candidate], scorer: DeitaScorer | None = None
) -> list[Score]:
    with asking(server, store) as asker:
        return list((scorer or DeitaScorer()).score(candidates, Bank(store.conn, "m", 4), asker, PROMPTS))


def log_softmax(logits: dict[str, float], rest: float = 0.0) -> dict[str, float]:
    """Log-probabilities as a service gives them; ``rest`` is what other tokens take."""
    total = sum(math.exp(value) for value in logits.values()) + rest
    return {token: value - math.log(total) for token, value in logits.items()}


def test_expected_rating_of_the_worked_example() -> None:
    assert expected_rating(LOGITS) == pytest.approx(3.141555, abs=5e-7)


def test_evol_score_of_the_worked_example() -> None:
    assert evol_score([(3.2, 4.0), (1.5, 2.5)]) == pytest.approx(16.55)


@given(st.lists(st.floats(-20, 20), min_size=6, max_size=6), st.floats(0, 5), st.floats(-30, 30))
def test_log_probabilities_and_logits_give_the_same_expectation(logits: list[float], rest: float, shift: float) -> None:
    named = {str(n): value for n, value in enumerate(logits, start=1)}
    plain = sum(n * math.exp(v) for n, v in enumerate(logits, start=1)) / sum(math.exp(v) for v in logits)

    assert expected_rating(named) == pytest.approx(plain)
    assert expected_rating(log_softmax(named, rest)) == pytest.approx(plain)
    assert expected_rating({token: value + shift for token, value in named.items()}) == pytest.approx(plain)


def test_missing_rating_has_no_expectation_and_white_space_is_no_difference() -> None:
    assert expected_rating({token: value for token, value in LOGITS.items() if token != "6"}) is None
    spaced = {f" {token}": value for token, value in LOGITS.items()} | {"The": 3.0, "4": -5.0}
    assert expected_rating(spaced) == pytest.approx(3.141555, abs=5e-7)


def test_score_is_the_product_of_two_expected_ratings(llm_server: LlmServer, store: Store) -> None:
    llm_server.reply = lambda _: Reply("3", logprobs=log_softmax(LOGITS) | {"The": -9.0})
    (score,) = scored(llm_server, store, [ROW])

    assert score.value == pytest.approx(3.141555**2, abs=1e-5)
    assert (score.low, score.high) == (1.0, 36.0)
    assert (score.parts["complexity_expected"], score.parts["quality_expected"]) == (1.0, 1.0)
    assert "expected from log-probabilities" in score.reason
    assert [asked.body["top_logprobs"] for asked in llm_server.asked] == [20, 20]
    # both questions fly at once, so they may arrive in either order
    assert sorted("Jupiter." in asked.text for asked in llm_server.asked) == [False, True]


def test_provider_without_log_probabilities_has_its_digit_read_and_says_so(llm_server: LlmServer, store: Store) -> None:
    llm_server.reply = lambda asked: "Score: 2" if "complex" in asked.text.lower()[:30] else "5."
    (score,) = scored(llm_server, store, [ROW])

    assert (score.value, score.parts["complexity"], score.parts["quality"]) == (10.0, 2.0, 5.0)
    assert (score.parts["complexity_expected"], score.parts["quality_expected"]) == (0.0, 0.0)
    assert "digit" in score.reason


@pytest.mark.parametrize(
    ("missing", "value", "reason"),
    [("fail", None, "complexity: the log-probabilities lack a rating"), ("paper", 9.0, ""), ("digit", 16.0, "")],
)
def test_missing_rating_is_a_failure_unless_the_option_says_otherwise(
    llm_server: LlmServer, store: Store, missing: str, value: float | None, reason: str
) -> None:
    some = {token: each for token, each in LOGITS.items() if token != "6"}
    llm_server.reply = lambda _: Reply("4", logprobs=log_softmax(some))
    (score,) = scored(llm_server, store, [ROW], DeitaScorer(missing=missing))  # type: ignore[arg-type]  # one of three

    assert score.value == value
    assert reason in score.reason


@pytest.mark.parametrize("text", ["seven", "7", "0", "3.5", "10", "-3", "It is a 4", ""])
def test_answer_that_is_no_rating_gives_no_score(llm_server: LlmServer, store: Store, text: str) -> None:
    llm_server.reply = lambda _: text
    (score,) = scored(llm_server, store, [ROW])

    assert score.value is None
    assert score.reason in ("complexity: unreadable rating", "complexity: empty answer")


def test_turns_of_a_conversation_are_summed_as_far_as_the_option_goes(llm_server: LlmServer, store: Store) -> None:
    row = Candidate("One?", output="A.", turns=(Turn("user", "Two?"), Turn("assistant", "B.")))

    def reply(asked: Asked) -> str:
        return "2" if "One?" in asked.text else "3"

    llm_server.reply = reply
    (both,) = scored(llm_server, store, [row], DeitaScorer(turns=2))
    (first,) = scored(llm_server, store, [row])

    assert (both.value, both.high) == (13.0, 72.0)
    assert (first.value, first.high) == (4.0, 36.0)


def test_row_without_output_is_not_asked_about(llm_server: LlmServer, store: Store) -> None:
    llm_server.reply = lambda _: "3"
    scores = scored(llm_server, store, [Candidate("Only a task."), ROW])

    assert [(score.value, score.reason == "no output to judge") for score in scores] == [(None, True), (9.0, False)]
    assert len(llm_server.asked) == 2


def test_without_a_model_and_with_wrong_options_the_message_says_what_to_do(store: Store) -> None:
    with pytest.raises(StageError, match=r"\[llm\]"):
        DeitaScorer().score([ROW], Bank(store.conn, "m", 4), None, PROMPTS)
    for wrong in ({"turns": 0}, {"top_logprobs": 5}, {"top_logprobs": 21}):
        with pytest.raises(ConfigError, match="Expected"):
            DeitaScorer(**wrong)
