"""Requests for whole tasks in numbered blocks: what `alpaca` and `sedi` have in common.

Flows in: how a generator wants to ask. Flows out: the round's requests, each with its own draw of seed tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from insgen import GeneratorContext, Request, Seed

from ._prompting import check_english, distinct_ids, n_calls, no_examples, one_line, subject, user_message

PAPER_PER_CALL = 16
"""Tasks that a call of Alpaca's gives: the brief asks for 20, the stop strings end it before number 20, 3 are shown."""

_PAPER_LAST = 19
_PAPER_PARAMS = {"temperature": 1.0, "top_p": 1.0, "max_tokens": 3072, "stop": ["\n20", "20."]}


@dataclass(frozen=True)
class Blocks:
    """How to ask.

    :ivar prompt: of the default variant.
    :ivar paper: the published form and decoding instead.
    :ivar n_examples: seed tasks shown, >= 1.
    :ivar per_call: tasks asked for in one call, >= 1; not in the published form.
    :ivar calls: most calls a round; 0 = as many as the limit needs.
    :ivar max_tokens: longest answer; 0 = what [llm] says.
    """

    generator: str
    prompt: str
    paper: bool
    n_examples: int
    per_call: int
    calls: int
    max_tokens: int


def block_requests(context: GeneratorContext, how: Blocks) -> tuple[Request, ...]:
    """Make the requests of one round.

    :raises StageError: no seed task has an output; or the published form in another language than English.
    """
    if how.paper:
        check_english(how.generator, context)
    answered = [seed for seed in context.bank.seeds() if seed.output]
    if not answered:
        raise no_examples(how.generator, "no seed task with an output to show")
    per_call = max(1, _PAPER_LAST - how.n_examples) if how.paper else how.per_call
    n = n_calls(context.limit, per_call, how.calls)
    return tuple(_request(context, how, _examples(context, how.n_examples, answered)) for _ in range(n))


def _examples(context: GeneratorContext, n: int, answered: Sequence[Seed]) -> list[Seed]:
    """Draw by the seed policy; a task without output cannot be shown, and others make up for it."""
    drawn = [seed for seed in context.draw(n) if seed.output]
    held = {seed.id for seed in drawn}
    others = [seed for seed in answered if seed.id not in held]
    missing = min(n - len(drawn), len(others))
    return drawn + context.rng.sample(others, missing) if missing > 0 else drawn


def _request(context: GeneratorContext, how: Blocks, seeds: Sequence[Seed]) -> Request:
    first = len(seeds) + 1
    examples = "\n###\n".join(_block(number, seed) for number, seed in enumerate(seeds, start=1))
    if how.paper:
        prompt = "generate/alpaca_paper"
        text = context.prompts.render(prompt, examples=examples, next=str(first))
        params: dict[str, object] = dict(_PAPER_PARAMS)
    else:
        prompt = how.prompt
        numbers = {"count": how.per_call, "first": first, "last": first + how.per_call - 1}
        words = {name: str(number) for name, number in numbers.items()} | subject(context)
        text = context.prompts.render(prompt, examples=examples, **words)
        params = {"max_tokens": how.max_tokens} if how.max_tokens else {}
    return Request(
        messages=user_message(text),
        format="alpaca_blocks-paper" if how.paper else "alpaca_blocks",
        params=params,
        seed_ids=distinct_ids(seeds),
        prompt_hash=context.prompts.hash(prompt),
    )


def _block(number: int, seed: Seed) -> str:
    return (
        f"{number}. Instruction: {one_line(seed.instruction)}\n"
        f"{number}. Input:\n{seed.input.strip() or '<noinput>'}\n"
        f"{number}. Output:\n{seed.output.strip()}"
    )
