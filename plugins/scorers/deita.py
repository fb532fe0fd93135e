"""Deita's evol score: complexity of the task times quality of the answer, each rated from 1 to 6 by the model.

Method: Deita, arXiv:2312.15685, sections 2.2 and 2.3: s = sum over turns of c * q, where c and q are the *expected*
ratings sum(k * p_k), p being the softmax over the tokens "1" to "6" at the first place of the answer. The paper
fine-tuned two scorers of its own; here the model of `[llm]` rates, by `prompts/score/deita_complexity.md` and
`deita_quality.md`, so its figures are not the paper's. Costs two calls of one digit for every turn scored.

Where the provider gives no log-probabilities the digit itself is taken; the parts ``complexity_expected`` and
``quality_expected`` say which it was (1: expected, 0: the digit). Where it gives them but leaves one of the six out,
the default is no score (the paper's code takes 3.0 there: `missing = "paper"`).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

from insgen import (
    LLM,
    BankView,
    Candidate,
    ConfigError,
    Prompts,
    Request,
    Response,
    Score,
    Scorer,
    Turn,
    hookimpl,
)

from ._asking import mark_for, model_for, task_of, why_none

_RATINGS = ("1", "2", "3", "4", "5", "6")
_BEST = 36.0  # 6 * 6
_PAPER_MISSING = 3.0
_DIGIT = re.compile(r"[\s\"'*_(\[]{0,4}(?:(?:score|rating)[\s\"'*_:=]{1,5})?([1-6])(?![\d.,]*\d)", re.IGNORECASE)


class _Rating(NamedTuple):
    """One rating, 1 to 6 (``None``: there is none, for a reason), and whether it is an expected value."""

    value: float | None
    expected: bool = False
    reason: str = ""


@dataclass(frozen=True)
class DeitaScorer:
    """Asks the model of `[llm]` for two ratings of each turn."""

    name: ClassVar[str] = "deita"

    #: Turns of a conversation that are scored and summed, from the first, >= 1; the scale ends at 36 for each.
    turns: int = 1
    #: Whether log-probabilities are asked for; false for a provider that refuses to be asked.
    logprobs: bool = True
    #: Alternatives asked for with each log-probability, 6 to 20; some providers allow fewer than 20.
    top_logprobs: int = 20
    #: When log-probabilities lack one of the six ratings: "fail" (no score), "digit" (take the digit), "paper" (3.0).
    missing: Literal["fail", "digit", "paper"] = "fail"

    def __post_init__(self) -> None:
        if self.turns < 1 or not 6 <= self.top_logprobs <= 20:
            raise ConfigError(
                f"The scorer deita has turns = {self.turns}, top_logprobs = {self.top_logprobs}.\n"
                "  Expected turns of at least 1 and top_logprobs from 6 to 20.\n  Change it."
            )

    def score(
        self,
        candidates: Sequence[Candidate],
        bank: BankView,  # noqa: ARG002  # the protocol's; a row is rated by itself
        llm: LLM | None,
        prompts: Prompts,
    ) -> Sequence[Score]:
        """Have all turns of all candidates rated side by side; a candidate without output is not asked about.

        :returns: scores from 1 to 36 for each turn allowed.
        :raises StageError: the config has no ``[llm]``.
        """
        model = model_for(self.name, llm)
        rows = [_turns(candidate)[: self.turns] for candidate in candidates]
        requests = [request for row in rows for pair in row for request in self._requests(pair, prompts)]
        responses = iter(model.ask(requests))
        answers = [[(next(responses), next(responses)) for _ in row] for row in rows]
        return [self._score(*pair) for pair in zip(candidates, answers, strict=True)]

    def _requests(self, pair: tuple[str, str], prompts: Prompts) -> tuple[Request, Request]:
        """Ask for complexity and quality of one turn."""
        task, answer = pair
        mark = mark_for(task, answer)
        params: dict[str, Any] = {"temperature": 0.0, "max_tokens": 8}
        if self.logprobs:
            params |= {"logprobs": True, "top_logprobs": self.top_logprobs}

        def request(name: str, **variables: str) -> Request:
            text = prompts.render(name, mark=mark, **variables)
            return Request((Turn("user", text),), "rating", params, prompt_hash=prompts.hash(name))

        return request("score/deita_complexity", task=task), request("score/deita_quality", task=task, answer=answer)

    def _score(self, candidate: Candidate, answers: Sequence[tuple[Response, Response]]) -> Score:
        high = _BEST * self.turns
        if not answers:
            return Score(candidate.id, None, 1.0, high, reason="no output to judge")
        rated = [self._rating(response) for pair in answers for response in pair]
        values = [each.value for each in rated if each.value is not None]
        call_id = answers[0][0].call_id
        if len(values) < len(rated):
            place = next(place for place, each in enumerate(rated) if each.value is None)
            reason = f"{('complexity', 'quality')[place % 2]}: {rated[place].reason}"
            return Score(candidate.id, None, 1.0, high, reason=reason, call_id=call_id)
        complexity, quality, n = values[::2], values[1::2], len(answers)
        parts = {
            "complexity": math.fsum(complexity) / n,
            "quality": math.fsum(quality) / n,
            "complexity_expected": sum(each.expected for each in rated[::2]) / n,
            "quality_expected": sum(each.expected for each in rated[1::2]) / n,
        }
        expected = all(each.expected for each in rated)
        how = "expected from log-probabilities" if expected else "read as a digit, wholly or in part"
        reason = f"complexity {parts['complexity']:.2f}, quality {parts['quality']:.2f}, {how}"
        value = evol_score(list(zip(complexity, quality, strict=True)))
        return Score(candidate.id, min(max(value, 1.0), high), 1.0, high, parts, reason, call_id)

    def _rating(self, response: Response) -> _Rating:
        if lost := why_none(response):
            return _Rating(None, reason=lost)
        if response.logprobs:
            expected = expected_rating(json.loads(response.logprobs))
            if expected is not None:
                return _Rating(expected, expected=True)
            if self.missing == "fail":
                return _Rating(None, reason="the log-probabilities lack a rating")
            if self.missing == "paper":
                return _Rating(_PAPER_MISSING)
        digit = _DIGIT.match(response.text.strip())
        return _Rating(float(digit[1])) if digit else _Rating(None, reason="unreadable rating")


def expected_rating(logprobs: Mapping[str, float]) -> float | None:
    """The expected rating, 1 to 6: softmax over the six ratings' tokens alone (Deita, section 2.2).

    :param logprobs: log-probabilities, or logits, of the first token's alternatives. White space beside a digit is
        ignored; of a digit's spellings the likeliest counts.
    :returns: ``None`` when one of the six is missing.
    """
    found: dict[str, float] = {}
    for token, value in logprobs.items():
        digit = token.strip()
        if digit in _RATINGS and math.isfinite(value):
            found[digit] = max(value, found.get(digit, -math.inf))
    if len(found) < len(_RATINGS):
        return None
    top = max(found.values())
    weights = {digit: math.exp(value - top) for digit, value in found.items()}
    return math.fsum(int(digit) * weight for digit, weight in weights.items()) / math.fsum(weights.values())


def evol_score(turns: Sequence[tuple[float, float]]) -> float:
    """Deita's score of a conversation: the sum of complexity times quality over its turns (section 2.3)."""
    return math.fsum(complexity * quality for complexity, quality in turns)


def _turns(candidate: Candidate) -> list[tuple[str, str]]:
    """Task and answer of every turn that has both."""
    pairs = [(task_of(candidate), candidate.output)]
    later = iter(candidate.turns)
    pairs += [(asked.content, told.content) for asked, told in zip(later, later, strict=False)]
    return [pair for pair in pairs if pair[1]] if candidate.output else []


@hookimpl
def insgen_scorers() -> Sequence[type[Scorer]]:
    """Offer the scorer `deita`."""
    return [DeitaScorer]
