"""Responder `self_instruct`: input and output for a bare instruction, by Self-Instruct's second and third stage.

Method: Self-Instruct (Wang et al. 2023, arXiv:2212.10560, section 2.2; prompts in appendix A; decoding and parsing as
in its published code). The model is first asked whether the instruction is a classification task. If it is, labels
come first and an input for each of them (output-first), else inputs come first (input-first). Only instructions that
passed the filters get here. Costs two calls each: about 850 prompt tokens and 3 answer tokens, then about 1,000 and at
most 350.

This is the method as published, with its known defects: only "Yes", "yes" and "YES" mean yes; a reply without
"Example" or "Output:" (for labels, "Class label:") gives nothing, however good it is; the word "Example" inside a text
splits it; what a chat model says before its first example is an instance of its own unless it ends with a colon;
answers are cut at 350 tokens, or at 300 where one of five neighbouring instructions is a classification task (the code
sends five prompts at a time); refusals are not looked for. The responder `llm` is the mended way to buy answers.

Four things differ. The paper keeps up to five instances per instruction; a row of the bank holds one, so one is
drawn, by the row's id and the same in every run (the call keeps the whole reply). The paper makes all instructions
first; here an instruction without an instance is not kept, so it stands in no later prompt and nothing is too similar
to it. Examples in the prompts are our own, as many as in the paper: 12 yes and 19 no, 11, and 16. A chat model gets the
open text as a user message.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from types import MappingProxyType
from typing import Any, ClassVar

from insgen import (
    LLM,
    Answer,
    Candidate,
    CandidateId,
    ConfigError,
    Prompts,
    Request,
    Responder,
    Response,
    Turn,
    hookimpl,
)

from ._asking import model_for
from ._instances import input_first, output_first

_CLASSIFY = "respond/classify"
_INPUT_FIRST = "respond/input_first"
_OUTPUT_FIRST = "respond/output_first"
_YES = ("Yes", "yes", "YES")
_TOGETHER = 5  # prompts of one request in the published code
_DECODING: Mapping[str, Any] = MappingProxyType({"temperature": 0, "frequency_penalty": 0})
_CLASSIFYING: Mapping[str, Any] = MappingProxyType({"presence_penalty": 0, "max_tokens": 3, "stop": ["\n", "Task"]})
_INSTANCES: Mapping[str, Any] = MappingProxyType({"presence_penalty": 1.5, "stop": ["Example 6", "Task:"]})
_MAX_TOKENS, _MAX_TOKENS_CLASSIFYING = 350, 300


@dataclass(frozen=True)
class SelfInstructResponder:
    """Asks for the kind of each task, then for instances of it, and keeps one of them."""

    name: ClassVar[str] = "self_instruct"

    #: Nucleus sampling, 0 to 1, as it is sent: the published code has 0, and some servers (vLLM) refuse that. At
    #: temperature 0, which is sent along, it changes nothing.
    top_p: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.top_p <= 1:
            raise ConfigError(
                f"The responder self_instruct has top_p = {self.top_p}.\n  Expected 0 to 1.\n"
                "  Change it, or leave the key out for the paper's 0."
            )

    def respond(self, candidates: Sequence[Candidate], llm: LLM | None, prompts: Prompts) -> Sequence[Answer]:
        """Ask for all kinds side by side, then for all instances; a candidate with an input of its own gets none.

        :raises StageError: the config has no ``[llm]``.
        """
        model = model_for(self.name, llm)
        asking = _Asking(model, prompts, {**_DECODING, "top_p": self.top_p})
        made = {c.id: Answer(c.id, None, reason="it has an input already") for c in candidates if c.input}
        kinds = asking.classify([candidate for candidate in candidates if not candidate.input], made)
        asking.instances(kinds, made)
        return [made[candidate.id] for candidate in candidates]


@dataclass(frozen=True)
class _Asking:
    """The two stages.

    :ivar decoding: what both send along.
    """

    llm: LLM
    prompts: Prompts
    decoding: Mapping[str, Any] = field(repr=False)

    def classify(
        self, candidates: Sequence[Candidate], made: dict[CandidateId, Answer]
    ) -> list[tuple[Candidate, bool]]:
        """Ask which candidates are classification tasks; those that nobody could tell of get no answer."""
        responses = self.llm.ask([self._request(_CLASSIFY, candidate, _CLASSIFYING) for candidate in candidates])
        told: list[tuple[Candidate, bool]] = []
        for candidate, response in zip(candidates, responses, strict=True):
            if reason := _failure(response):
                made[candidate.id] = Answer(candidate.id, None, response.call_id, reason)
            else:
                told.append((candidate, response.text.strip() in _YES))
        return told

    def instances(self, kinds: Sequence[tuple[Candidate, bool]], made: dict[CandidateId, Answer]) -> None:
        """Ask for instances, each in the way its kind wants."""
        requests: list[Request] = []
        for start in range(0, len(kinds), _TOGETHER):
            together = kinds[start : start + _TOGETHER]
            longest = _MAX_TOKENS_CLASSIFYING if any(labels for _, labels in together) else _MAX_TOKENS
            params = {**_INSTANCES, "max_tokens": longest}
            requests += [self._request(_OUTPUT_FIRST if labels else _INPUT_FIRST, c, params) for c, labels in together]
        for (candidate, labels), response in zip(kinds, self.llm.ask(requests), strict=True):
            made[candidate.id] = _answer(candidate, labels, response)

    def _request(self, prompt: str, candidate: Candidate, params: Mapping[str, Any]) -> Request:
        text = self.prompts.render(prompt, instruction=candidate.instruction).strip()
        messages = (Turn("user", text),)
        return Request(messages, "text", {**self.decoding, **params}, prompt_hash=self.prompts.hash(prompt))


def _answer(candidate: Candidate, labels: bool, response: Response) -> Answer:
    """Read a reply and draw one of its instances."""
    if reason := _failure(response):
        return Answer(candidate.id, None, response.call_id, reason)
    found = (output_first if labels else input_first)(response.text, response.finish_reason == "length")
    if isinstance(found, str):
        return Answer(candidate.id, None, response.call_id, found)
    input_, output = Random(candidate.id).choice(found)  # noqa: S311 - reproducible on purpose
    return Answer(candidate.id, output, response.call_id, input=input_)


def _failure(response: Response) -> str:
    """Say why there is no reply, in words that are the same for the same cause; empty when there is one."""
    if response.error:
        words = {"budget": "the budget is spent", "filtered": "refused by the service"}
        return words.get(response.finish_reason, "the call failed")
    return "refused by the service" if response.finish_reason == "content_filter" else ""


@hookimpl
def insgen_responders() -> Sequence[type[Responder]]:
    """Offer the responder `self_instruct`."""
    return [SelfInstructResponder]
