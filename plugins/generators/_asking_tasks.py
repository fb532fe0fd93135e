"""Requests for whole tasks, in numbered blocks or in JSON: what `alpaca` and `sedi` have in common.

Flows in: how a generator wants to ask. Flows out: the round's requests, each with its own draw of seed tasks.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from insgen import ConfigError, GeneratorContext, Request, Seed

from ._prompting import check_english, distinct_ids, n_calls, no_examples, one_line, subject, user_message

PAPER_PER_CALL = 16
"""Tasks that a call of Alpaca's gives: the brief asks for 20, the stop strings end it before number 20, 3 are shown."""

_PAPER_LAST = 19
_PAPER_PARAMS: dict[str, Any] = {"temperature": 1.0, "top_p": 1.0, "max_tokens": 3072, "stop": ["\n20", "20."]}


@dataclass(frozen=True)
class TaskForm:
    """How to ask.

    :ivar variant: "default", or "paper" for the published form and decoding.
    :ivar answers: the form of examples and answer.
    :ivar structured: have the service hold the answer to the JSON schema.
    :ivar n_examples: seed tasks shown, >= 1.
    :ivar per_call: tasks asked for in one call, >= 1; not in the published form.
    :ivar calls: most calls a round; 0 = as many as the limit needs.
    :ivar max_tokens: longest answer; 0 = what [llm] says.
    :raises ConfigError: these do not go together.
    """

    generator: str
    variant: Literal["default", "paper"]
    answers: Literal["blocks", "json"]
    structured: bool
    n_examples: int
    per_call: int
    calls: int
    max_tokens: int

    def __post_init__(self) -> None:
        if self.structured and self.answers != "json":
            raise ConfigError(
                f'The generator {self.generator} has structured = true and answers = "{self.answers}".\n'
                "  Expected JSON: only that has a schema to keep to.\n"
                '  Write answers = "json", or take structured out.'
            )
        if self.paper and self.answers != "blocks":
            raise ConfigError(
                f'The generator {self.generator} has variant = "paper" and answers = "{self.answers}".\n'
                "  Expected blocks: the published form has no other.\n"
                '  Take answers out, or write variant = "default".'
            )

    @property
    def paper(self) -> bool:
        """Whether to ask in the published form."""
        return self.variant == "paper"


def task_requests(context: GeneratorContext, how: TaskForm) -> tuple[Request, ...]:
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


def _request(context: GeneratorContext, how: TaskForm, seeds: Sequence[Seed]) -> Request:
    first = len(seeds) + 1
    if how.paper:
        prompt, format_, params = "generate/alpaca_paper", "alpaca_blocks-paper", dict(_PAPER_PARAMS)
        text = context.prompts.render(prompt, examples=_blocks(seeds), next=str(first))
    else:
        params = {"max_tokens": how.max_tokens} if how.max_tokens else {}
        words = {"count": str(how.per_call)} | subject(context)
        if how.answers == "json":
            prompt, format_ = f"generate/{how.generator}_json", "json_tasks"
            text = context.prompts.render(prompt, examples=_objects(seeds), **words)
            params |= {"response_format": _schema()} if how.structured else {}
        else:
            prompt, format_ = f"generate/{how.generator}", "alpaca_blocks"
            words |= {"first": str(first), "last": str(first + how.per_call - 1)}
            text = context.prompts.render(prompt, examples=_blocks(seeds), **words)
    return Request(
        messages=user_message(text),
        format=format_,
        params=params,
        seed_ids=distinct_ids(seeds),
        prompt_hash=context.prompts.hash(prompt),
    )


def _blocks(seeds: Sequence[Seed]) -> str:
    return "\n###\n".join(
        f"{number}. Instruction: {one_line(seed.instruction)}\n"
        f"{number}. Input:\n{seed.input.strip() or '<noinput>'}\n"
        f"{number}. Output:\n{seed.output.strip()}"
        for number, seed in enumerate(seeds, start=1)
    )


def _objects(seeds: Sequence[Seed]) -> str:
    """The examples as one JSON document, in the shape that is asked for."""
    tasks = [
        {"instruction": one_line(seed.instruction), "input": seed.input.strip(), "output": seed.output.strip()}
        for seed in seeds
    ]
    return json.dumps({"tasks": tasks}, ensure_ascii=False, indent=1)


def _schema() -> dict[str, Any]:
    """What the service is held to: ``{"tasks": [{"instruction": ..., "input": ..., "output": ...}]}``."""
    fields = ("instruction", "input", "output")
    task = {
        "type": "object",
        "properties": {name: {"type": "string"} for name in fields},
        "required": list(fields),
        "additionalProperties": False,
    }
    whole = {
        "type": "object",
        "properties": {"tasks": {"type": "array", "items": task}},
        "required": ["tasks"],
        "additionalProperties": False,
    }
    return {"type": "json_schema", "json_schema": {"name": "tasks", "strict": True, "schema": whole}}
