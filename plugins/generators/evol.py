"""Generator `evol`: harder or rarer tasks out of tasks that are there.

Method: Evol-Instruct (WizardLM, Xu et al. 2023, arXiv:2304.12244, section 3), its six operations in our own words:
five that deepen a task (constraints, depth, concreteness, reasoning steps, a harder input) and one that broadens (a
new, rarer task of the same field). Each call gets one operation, drawn evenly, and several parents; the paper
evolves one task a call, which `per_call = 1` does. What came out no better is dropped by the filters: one that did
not change is a near-duplicate of its parent, a refusal is found by the filter `refusal`.

Parents are seed tasks (by the seed policy) and all that ever passed the filters, drawn together; no parent stands twice
in one call. Only instructions come back. Cost: about 300 prompt tokens and 100
answer tokens a call of 5 parents.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Literal

from insgen import Candidate, ConfigError, Generated, Generator, GeneratorContext, Request, Seed, hookimpl

from ._prompting import (
    at_least,
    distinct_ids,
    kept_at,
    n_calls,
    no_examples,
    numbered,
    one_line,
    subject,
    user_message,
)

_WAYS: Mapping[str, str] = MappingProxyType({
    "constraints": "Add one more condition or requirement that the answer has to meet.",
    "deepen": "Where the task touches on a question, let it ask further and more widely.",
    "concrete": "Replace something general in it by something specific: a case, a name, a number, a situation.",
    "reasoning": "If a little thinking would do, let it take several steps of reasoning that have to be made plain.",
    "input": "Let it work on something it brings along: a short table, a piece of code, a formula, a log, a dialogue.",
    "broaden": "",
})  # fmt: skip


@dataclass(frozen=True)
class EvolGenerator:
    """Asks for evolved instructions."""

    name: ClassVar[str] = "evol"

    #: Operations to draw from: "constraints", "deepen", "concrete", "reasoning", "input" and "broaden".
    operations: tuple[str, ...] = tuple(_WAYS)
    #: Where parents come from: seed tasks, all that ever passed the filters, or both.
    parents: Literal["both", "kept", "seeds"] = "both"
    #: Parents in one call, each giving one task, >= 1.
    per_call: int = 5
    #: Most calls a round, >= 0; 0 = as many as the round's limit needs.
    calls: int = 0
    #: Longest answer, in tokens, >= 0; 0 = [llm] max_tokens.
    max_tokens: int = 2048

    def __post_init__(self) -> None:
        at_least(self.name, 1, per_call=self.per_call)
        at_least(self.name, 0, calls=self.calls, max_tokens=self.max_tokens)
        unknown = [name for name in self.operations if name not in _WAYS]
        if unknown or not self.operations:
            raise ConfigError(
                f"The generator evol has operations = {list(self.operations)}.\n"
                f"  Expected at least one of {', '.join(_WAYS)}.\n  Mend the list, or leave the key out for all."
            )

    def generate(self, context: GeneratorContext) -> Generated:
        """Give the round's requests; none in the first round while there is nothing to evolve.

        :raises StageError: there is still no parent in a later round.
        """
        n_seeds = len(context.bank.seeds()) if self.parents != "kept" else 0
        n_kept = context.bank.n_kept if self.parents != "seeds" else 0
        if not n_seeds + n_kept:
            if context.round == 1:
                return Generated(position="waits for parents")
            raise no_examples(self.name, "no task to evolve: no seed task, or nothing kept, as `parents` asks")
        per_call = min(self.per_call, n_seeds + n_kept)
        n = n_calls(context.limit, per_call, self.calls)
        drawn = [context.rng.sample(range(n_seeds + n_kept), per_call) for _ in range(n)]
        kept = kept_at(context.bank, [place - n_seeds for places in drawn for place in places if place >= n_seeds])
        return Generated(
            requests=tuple(
                self._request(
                    context,
                    context.draw(sum(place < n_seeds for place in places)),
                    [kept[place - n_seeds] for place in places if place >= n_seeds],
                )
                for places in drawn
            ),
            position="evolves",
        )

    def _request(self, context: GeneratorContext, seeds: Sequence[Seed], kept: Sequence[Candidate]) -> Request:
        shown = [_text(parent.instruction, parent.input) for parent in seeds]
        shown += [_text(parent.instruction, parent.input) for parent in kept]
        context.rng.shuffle(shown)
        operation = context.rng.choice(self.operations)
        words = subject(context) | {"tasks": numbered(shown), "count": str(len(shown))}
        if operation == "broaden":
            prompt = "generate/evol/broaden"
        else:
            prompt = "generate/evol/deepen"
            words["way"] = _WAYS[operation]
        return Request(
            messages=user_message(context.prompts.render(prompt, **words)),
            format="numbered",
            params={"max_tokens": self.max_tokens} if self.max_tokens else {},
            seed_ids=distinct_ids(seeds),
            prompt_hash=context.prompts.hash(prompt),
        )


def _text(instruction: str, input_: str) -> str:
    """A parent on one line, with what it works on."""
    return f"{one_line(instruction)}: {' '.join(input_.split())}" if input_ else one_line(instruction)


@hookimpl
def insgen_generators() -> Sequence[type[Generator]]:
    """Offer `evol`."""
    return [EvolGenerator]
