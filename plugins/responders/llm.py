"""Buys the answer of a candidate that has none, from the language model, once every filter has let it through.

Method: *spend late*, one call per candidate: `prompts/respond/answer.md` is the system message, instruction and input
are the user's, word for word. Costs one call for each survivor of the filters.

Nothing is made up: a call that failed, a refusal, an empty answer and one that was cut leave the candidate unanswered,
with the reason. A model that cannot do a task is asked to say ``NO ANSWER:``, so that declining does not depend on its
language; besides, answers are looked at as `insgen.declined` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from insgen import (
    LLM,
    Answer,
    Candidate,
    ConfigError,
    Prompts,
    Request,
    Responder,
    Response,
    Turn,
    declined,
    hookimpl,
)

from ._asking import model_for

_PROMPT = "respond/answer"
_NO_ANSWER = "NO ANSWER"


@dataclass(frozen=True)
class LlmResponder:
    """Asks the model of `[llm]` for each answer."""

    name: ClassVar[str] = "llm"

    #: Longest answer asked for, in words; 0 = as long as the task needs. Asked of the model, not enforced.
    max_words: int = 0
    #: Longest answer paid for, in tokens; 0 = [llm] max_tokens.
    max_tokens: int = 0
    #: Sampling temperature, 0 to 2; -1 = [llm] temperature.
    temperature: float = -1.0
    #: What becomes of an answer that was cut at max_tokens: "drop" (unanswered) or "keep" (as far as it goes).
    cut: Literal["drop", "keep"] = "drop"
    #: What becomes of an answer in which the model declines: "drop" (unanswered) or "keep".
    refusals: Literal["drop", "keep"] = "drop"

    def __post_init__(self) -> None:
        for name in ("max_words", "max_tokens"):
            if getattr(self, name) < 0:
                raise ConfigError(
                    f"The responder llm has {name} = {getattr(self, name)}.\n  Expected 0 (no limit) or more.\n"
                    "  Change it."
                )
        if not (self.temperature == -1 or 0 <= self.temperature <= 2):
            raise ConfigError(
                f"The responder llm has temperature = {self.temperature}.\n"
                "  Expected 0 to 2, or -1 for that of [llm].\n  Change it."
            )

    def respond(self, candidates: Sequence[Candidate], llm: LLM | None, prompts: Prompts) -> Sequence[Answer]:
        """Ask for all answers side by side.

        :raises StageError: the config has no ``[llm]``.
        """
        model = model_for(self.name, llm)
        rules, hash_ = prompts.render(_PROMPT, length=self._length()), prompts.hash(_PROMPT)
        responses = model.ask([self._request(candidate, rules, hash_) for candidate in candidates])
        return [self._answer(*pair) for pair in zip(candidates, responses, strict=True)]

    def _length(self) -> str:
        if self.max_words:
            return f"Use at most {self.max_words} words."
        return "Be as long as the task needs, and no longer."

    def _request(self, candidate: Candidate, rules: str, hash_: str) -> Request:
        system = f"{candidate.system}\n\n{rules}" if candidate.system else rules
        params: dict[str, Any] = {}
        if self.max_tokens:
            params["max_tokens"] = self.max_tokens
        if self.temperature >= 0:
            params["temperature"] = self.temperature
        return Request((Turn("system", system), Turn("user", _task(candidate))), "text", params, prompt_hash=hash_)

    def _answer(self, candidate: Candidate, response: Response) -> Answer:
        reason = self._fault(candidate, response)
        return Answer(candidate.id, None if reason else response.text.strip(), response.call_id, reason)

    def _fault(self, candidate: Candidate, response: Response) -> str:
        """Say why a response is no answer, in words that are the same for the same cause; empty when it is one."""
        text = response.text.strip()
        if response.error:
            words = {"budget": "the budget is spent", "filtered": "refused by the service"}
            return words.get(response.finish_reason, "the call failed")
        if response.finish_reason == "content_filter":
            return "refused by the service"
        if not text:
            return "empty answer"
        if self.cut == "drop" and response.finish_reason == "length":
            return "answer cut off"
        if text.startswith(_NO_ANSWER):
            return "declined"
        if self.refusals == "drop" and declined(text):
            return "refusal"
        return "answer repeats the task" if text in (candidate.instruction, _task(candidate)) else ""


def _task(candidate: Candidate) -> str:
    return f"{candidate.instruction}\n\n{candidate.input}" if candidate.input else candidate.instruction


@hookimpl
def insgen_responders() -> Sequence[type[Responder]]:
    """Offer the responder `llm`."""
    return [LlmResponder]
