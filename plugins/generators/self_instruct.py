"""Generator `self_instruct`: new instructions from eight examples, two of them written by the machine.

Method: Self-Instruct (Wang et al. 2023, arXiv:2212.10560), first stage (section 2.2). The examples of each prompt are
two instructions drawn from all that ever passed the filters (fewer while there are fewer) and otherwise seed tasks,
shuffled together. Only instructions come back; inputs and outputs are bought later, for what the filters keep.

Variant "paper" is the published prompt form and decoding: the list stays open at its next number, temperature 0.7,
top_p 0.5, presence penalty 2, 1024 tokens, the four stop strings, and the parser `numbered-paper`. Its known
defects: at most 7 tasks a call, because generation stops at number 16; the stop string "16." fires inside texts too;
a blank line ends the answer; those of the parser. It asks for English and does not name the domain. The paper asks a
completion model; a chat model gets the same text as a user message, and what it says before its list ends at the
first blank line.

Variant "default" names domain and language, asks for a round number of tasks and needs no stop string; it decodes with
[llm] temperature and is read by `numbered`. Cost: about 400 prompt tokens and 200
answer tokens a call of 8 tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from insgen import ConfigError, Generated, Generator, GeneratorContext, Request, hookimpl

from ._prompting import (
    at_least,
    check_english,
    distinct_ids,
    kept_at,
    n_calls,
    no_examples,
    numbered,
    one_line,
    subject,
    user_message,
)

_PAPER_LAST = 15  # generation stops at number 16
_PAPER_PARAMS = {
    "temperature": 0.7,
    "top_p": 0.5,
    "frequency_penalty": 0,
    "presence_penalty": 2,
    "max_tokens": 1024,
    "stop": ["\n\n", "\n16", "16.", "16 ."],
}


@dataclass(frozen=True)
class SelfInstructGenerator:
    """Asks for instructions; each call has its own draw of examples."""

    name: ClassVar[str] = "self_instruct"

    #: "paper" follows the published prompt form, decoding and parsing; "default" mends their defects.
    variant: Literal["default", "paper"] = "default"
    #: Examples in a prompt, >= 1; at most 14 in the variant "paper".
    examples: int = 8
    #: How many of the examples are instructions that passed the filters before, 0 to `examples`.
    machine: int = 2
    #: Tasks asked for in one call, >= 1; the variant "paper" has room for 15 - `examples`.
    per_call: int = 8
    #: Most calls a round, >= 0; 0 = as many as the round's limit needs.
    calls: int = 0
    #: Longest answer, in tokens, >= 0; 0 = [llm] max_tokens. The variant "paper" has 1024.
    max_tokens: int = 1024

    def __post_init__(self) -> None:
        at_least(self.name, 1, examples=self.examples, per_call=self.per_call)
        at_least(self.name, 0, machine=self.machine, calls=self.calls, max_tokens=self.max_tokens)
        if self.machine > self.examples:
            raise ConfigError(
                f"The generator self_instruct has machine = {self.machine} and examples = {self.examples}.\n"
                "  Expected no more machine-written examples than examples.\n  Lower machine, or raise examples."
            )
        if self.variant == "paper" and self.examples >= _PAPER_LAST:
            raise ConfigError(
                f'The generator self_instruct has variant = "paper" and examples = {self.examples}.\n'
                "  Expected at most 14: generation stops at number 16.\n  Lower examples; the paper has 8."
            )

    def generate(self, context: GeneratorContext) -> Generated:
        """Give the round's requests.

        :raises StageError: there is neither a seed task nor a kept instruction; or "paper" in another language.
        """
        if self.variant == "paper":
            check_english(self.name, context)
        per_call = _PAPER_LAST - self.examples if self.variant == "paper" else self.per_call
        n = n_calls(context.limit, per_call, self.calls)
        n_kept = context.bank.n_kept
        places = [context.rng.sample(range(n_kept), min(self.machine, n_kept)) for _ in range(n)]
        kept = kept_at(context.bank, [place for drawn in places for place in drawn])
        return Generated(
            requests=tuple(self._request(context, [kept[place].instruction for place in drawn]) for drawn in places)
        )

    def _request(self, context: GeneratorContext, machine: Sequence[str]) -> Request:
        seeds = context.draw(self.examples - len(machine))
        shown = [one_line(text) for text in (*machine, *(seed.instruction for seed in seeds))]
        if not shown:
            raise no_examples(self.name, "no example to show: there is no seed task, and nothing was kept yet")
        context.rng.shuffle(shown)
        first = len(shown) + 1
        examples = numbered(shown)
        if self.variant == "paper":
            prompt = "generate/self_instruct_paper"
            text = context.prompts.render(prompt, examples=examples, next=str(first))
            params = dict(_PAPER_PARAMS)
        else:
            prompt = "generate/self_instruct"
            numbers = {"count": self.per_call, "first": first, "last": first + self.per_call - 1}
            words = {name: str(number) for name, number in numbers.items()} | subject(context)
            text = context.prompts.render(prompt, examples=examples, **words)
            params = {"max_tokens": self.max_tokens} if self.max_tokens else {}
        return Request(
            messages=user_message(text),
            format="numbered-paper" if self.variant == "paper" else "numbered",
            params=params,
            seed_ids=distinct_ids(seeds),
            prompt_hash=context.prompts.hash(prompt),
        )


@hookimpl
def insgen_generators() -> Sequence[type[Generator]]:
    """Offer `self_instruct`."""
    return [SelfInstructGenerator]
