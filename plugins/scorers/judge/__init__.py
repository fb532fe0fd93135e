"""LLM-as-judge: one call per candidate grades quality, complexity and helpfulness by a rubric, with a reason.

Method: a rubric judge in the manner of AlpaGasus (arXiv:2307.08701), which grades one dimension; the three here and the
rubric (`prompts/score/judge.md`) are our own. Costs one call per candidate, and one per anchor and round.

The value is the mean of the dimensions in `counts`; all that were read stand in the score's parts. An answer without
readable numbers, or with one off the scale, gives no value: nothing is guessed, and the raw answer stays in the store.
A judge that gives one overall number in place of the three is taken at its word (part ``overall``).

Drift: a judge's scale can move, when the provider changes the model or the user the prompt. With `anchors` > 0 the
first candidates ever kept are judged again in each round; the mean change against their first value is the part
``drift`` (in units of the scale, positive = more lenient than at first) of every score of that round, with the number
of anchors as part ``anchors``. It corrects nothing: it shows.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

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

from .._asking import mark_for, model_for, task_of, why_none
from ._reading import DIMENSIONS, OVERALL, read_grades

_PROMPT = "score/judge"
_NO_OUTPUT = "(There is no answer yet: grade quality and helpfulness of the task itself.)"


@dataclass(frozen=True)
class JudgeScorer:
    """Asks the model of `[llm]` for grades."""

    name: ClassVar[str] = "judge"

    #: Worst grade of the scale, a whole number.
    low: int = 1
    #: Best grade of the scale, a whole number greater than low.
    high: int = 5
    #: Which dimensions the value is the mean of; the others are recorded only.
    counts: tuple[Literal["quality", "complexity", "helpfulness"], ...] = ("quality", "complexity", "helpfulness")
    #: Kept candidates that are judged again in each round to see whether the judge drifts, >= 0; one call each.
    anchors: int = 0
    #: Longest answer of the judge, in tokens, >= 16.
    max_tokens: int = 400
    #: Sampling temperature, 0 to 2; -1 = [llm] temperature.
    temperature: float = 0.0

    def __post_init__(self) -> None:
        wrong = {
            "low and high": (self.low < self.high, f"{self.low} and {self.high}", "low less than high"),
            "counts": (
                0 < len(self.counts) == len(set(self.counts)),
                self.counts,
                "one or more dimensions, none twice",
            ),
            "anchors": (self.anchors >= 0, self.anchors, "0 or more"),
            "max_tokens": (self.max_tokens >= 16, self.max_tokens, "16 or more"),
            "temperature": (self.temperature == -1 or 0 <= self.temperature <= 2, self.temperature, "0 to 2, or -1"),
        }
        for name, (right, given, expected) in wrong.items():
            if not right:
                raise ConfigError(f"The scorer judge has {name} = {given}.\n  Expected {expected}.\n  Change it.")

    def score(
        self, candidates: Sequence[Candidate], bank: BankView, llm: LLM | None, prompts: Prompts
    ) -> Sequence[Score]:
        """Have all candidates judged side by side, and after them the anchors.

        :raises StageError: the config has no ``[llm]``.
        """
        model = model_for(self.name, llm)
        anchors = self._anchors(bank)
        requests = [self._request(candidate, prompts) for candidate in [*candidates, *(each for each, _ in anchors)]]
        responses = model.ask(requests)
        made = [self._score(*pair) for pair in zip(candidates, responses, strict=False)]
        again = [self._score(*pair) for pair in zip((a for a, _ in anchors), responses[len(candidates) :], strict=True)]
        changes = [now.value - first for now, (_, first) in zip(again, anchors, strict=True) if now.value is not None]
        if not changes:
            return made
        drift = {"drift": math.fsum(changes) / len(changes), "anchors": float(len(changes))}
        return [replace(score, parts={**score.parts, **drift}) for score in made]

    def _anchors(self, bank: BankView) -> list[tuple[Candidate, float]]:
        """The first kept candidates that this judge has given a value, with that value."""
        oldest = list(itertools.islice(bank.kept(), self.anchors)) if self.anchors else []
        first = bank.first_scores(self.name, [candidate.id for candidate in oldest]) if oldest else {}
        return [(candidate, first[candidate.id]) for candidate in oldest if candidate.id in first]

    def _request(self, candidate: Candidate, prompts: Prompts) -> Request:
        task, answer = task_of(candidate), candidate.output or _NO_OUTPUT
        text = prompts.render(
            _PROMPT, task=task, answer=answer, mark=mark_for(task, answer), low=str(self.low), high=str(self.high)
        )
        params: dict[str, Any] = {"max_tokens": self.max_tokens}
        if self.temperature >= 0:
            params["temperature"] = self.temperature
        return Request((Turn("user", text),), "grades", params, prompt_hash=prompts.hash(_PROMPT))

    def _score(self, candidate: Candidate, response: Response) -> Score:
        def none(reason: str, parts: Mapping[str, float] | None = None) -> Score:
            return Score(candidate.id, None, self.low, self.high, parts or {}, reason, response.call_id)

        if lost := why_none(response):
            return none(lost)
        grades, reason = read_grades(response.text, cut=response.finish_reason == "length")
        if not grades:
            return none("unreadable grades")
        counted = [OVERALL] if OVERALL in grades else list(self.counts)
        if missing := [name for name in counted if name not in grades]:
            return none(f"no grade for {missing[0]}", grades)
        if any(not self.low <= grade <= self.high for grade in grades.values()):
            return none("a grade off the scale", grades)
        value = math.fsum(grades[name] for name in counted) / len(counted)
        return Score(candidate.id, value, self.low, self.high, grades, reason, response.call_id)


@hookimpl
def insgen_scorers() -> Sequence[type[Scorer]]:
    """Offer the scorer `judge`."""
    return [JudgeScorer]


__all__ = ["DIMENSIONS", "JudgeScorer"]
