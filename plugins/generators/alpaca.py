"""Generator `alpaca`: whole tasks (instruction, input, output) from three seed tasks, many in one call.

Method: Alpaca's variant of Self-Instruct (Taori et al. 2023; its code). All examples are seed tasks, never what the
machine wrote; one call gives many complete tasks, so nothing is bought for them later.

Variant "paper" is the published form: a brief that asks for 20 tasks, three blocks, the fourth left open; temperature
1.0, top_p 1.0, 3072 tokens, stop strings; read by `alpaca_blocks-paper`. Its known defects: at most 16 tasks come
(numbers 4 to 19), and the stop string "20." may cut an output that goes on as if whole; those of the parser. It asks
for English and does not name the domain. One thing is left out: the ban on the end-of-text token names a token of one
model.

Variant "default" names domain and language, asks for as many as it wants and needs no stop string; it decodes with
[llm] temperature and is read by `alpaca_blocks`, or with `answers` = "json" by `json_tasks`. Cost: about 400 prompt and
2,000 answer tokens a call of 16 tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from insgen import Generated, Generator, GeneratorContext, hookimpl

from ._asking_tasks import PAPER_PER_CALL, TaskForm, task_requests
from ._prompting import at_least


@dataclass(frozen=True)
class AlpacaGenerator:
    """Asks for whole tasks; each call has its own draw of seed tasks."""

    name: ClassVar[str] = "alpaca"

    #: "paper" follows the published prompt form, decoding and parsing; "default" mends their defects.
    variant: Literal["default", "paper"] = "default"
    #: Form of examples and answer: "blocks" of numbered fields, or "json"; the variant "paper" has blocks.
    answers: Literal["blocks", "json"] = "blocks"
    #: Ask the service to keep to a JSON schema; needs `answers` = "json", and a model that can.
    structured: bool = False
    #: Seed tasks shown in a prompt, >= 1; at most 15 in the variant "paper".
    examples: int = 3
    #: Tasks asked for in one call, >= 1; the variant "paper" always gets at most 19 - `examples`.
    per_call: int = PAPER_PER_CALL
    #: Most calls a round, >= 0; 0 = as many as the round's limit needs.
    calls: int = 0
    #: Longest answer, in tokens, >= 0; 0 = [llm] max_tokens. The variant "paper" has 3072.
    max_tokens: int = 4096

    def __post_init__(self) -> None:
        at_least(self.name, 1, examples=self.examples, per_call=self.per_call)
        at_least(self.name, 0, calls=self.calls, max_tokens=self.max_tokens)
        self._how()

    def generate(self, context: GeneratorContext) -> Generated:
        """Give the round's requests.

        :raises StageError: no seed task has an output; or the variant "paper" in another language than English.
        """
        return Generated(requests=task_requests(context, self._how()))

    def _how(self) -> TaskForm:
        form = (self.variant, self.answers, self.structured)
        return TaskForm(self.name, *form, self.examples, self.per_call, self.calls, self.max_tokens)


@hookimpl
def insgen_generators() -> Sequence[type[Generator]]:
    """Offer `alpaca`."""
    return [AlpacaGenerator]
