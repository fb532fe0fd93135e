"""Generator `sedi`: whole tasks from q seed tasks, drawn anew for each call from a seed set that changes.

Method: SeDi-Instruct (Kim et al. 2025, arXiv:2502.04774), its generation step. The examples come from the seed set S
alone, by the seed policy; where feedback promotes and evicts seeds, S follows the training. The other half of the
method stands elsewhere: the relaxed novelty limit 0.85 (filter `rouge`), the composition of batches, the seed policy.

The paper's prompt and decoding are not published in what could be read. Variant "paper" is the nearest known: the
form, decoding and parser of Alpaca's variant (see `alpaca`), with its defects. Variant "default" has a prompt of its
own, names domain and language, and needs no stop string; it asks for blocks, read by `alpaca_blocks`, or with `answers`
= "json" for JSON, read by `json_tasks`. Cost: about 400 prompt and 2,000 answer tokens a call of 16 tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from insgen import Generated, Generator, GeneratorContext, hookimpl

from ._asking_tasks import PAPER_PER_CALL, TaskForm, task_requests
from ._prompting import at_least


@dataclass(frozen=True)
class SediGenerator:
    """Asks for whole tasks; each call has its own draw from the seed set."""

    name: ClassVar[str] = "sedi"

    #: "paper" asks in the form of Alpaca's variant, as far as the paper is known; "default" mends its defects.
    variant: Literal["default", "paper"] = "default"
    #: Form of examples and answer: "blocks" of numbered fields, or "json"; the variant "paper" has blocks.
    answers: Literal["blocks", "json"] = "blocks"
    #: Ask the service to keep to a JSON schema; needs `answers` = "json", and a model that can.
    structured: bool = False
    #: Seed tasks shown in a prompt, >= 1; at most 15 in the variant "paper".
    q: int = 3
    #: Tasks asked for in one call, >= 1; the variant "paper" always gets at most 19 - `q`.
    per_call: int = PAPER_PER_CALL
    #: Most calls a round, >= 0; 0 = as many as the round's limit needs.
    calls: int = 0
    #: Longest answer, in tokens, >= 0; 0 = [llm] max_tokens. The variant "paper" has 3072.
    max_tokens: int = 4096

    def __post_init__(self) -> None:
        at_least(self.name, 1, q=self.q, per_call=self.per_call)
        at_least(self.name, 0, calls=self.calls, max_tokens=self.max_tokens)
        self._how()

    def generate(self, context: GeneratorContext) -> Generated:
        """Give the round's requests.

        :raises StageError: no seed task has an output; or the variant "paper" in another language than English.
        """
        return Generated(requests=task_requests(context, self._how()))

    def _how(self) -> TaskForm:
        form = (self.variant, self.answers, self.structured)
        return TaskForm(self.name, *form, self.q, self.per_call, self.calls, self.max_tokens)


@hookimpl
def insgen_generators() -> Sequence[type[Generator]]:
    """Offer `sedi`."""
    return [SediGenerator]
