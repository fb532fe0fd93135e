"""What a generator that asks a language model is handed: a real bank, the real prompt files, a seeded draw."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

from insgen import BankView, Candidate, Generated, Generator, GeneratorContext, Request, Seed
from insgen.models.templates import PromptFiles


def context(bank: BankView, project: Path, *, limit: int = 100, **changes: object) -> GeneratorContext:
    """The first round's context; seeds are drawn uniformly."""
    rng = Random(3)

    def draw(n: int) -> Sequence[Seed]:
        return rng.sample(bank.seeds(), min(n, len(bank.seeds())))

    fields: dict[str, object] = {
        "round": 1,
        "limit": limit,
        "position": "",
        "seeds": (),
        "domain": "",
        "language": "en",
        "project": project,
        "bank": bank,
        "prompts": PromptFiles(project),
        "rng": Random(1),
        "draw": draw,
    }
    return GeneratorContext(**(fields | changes))  # type: ignore[arg-type]  # fields by name


def requests(generator: Generator, given: GeneratorContext) -> tuple[Request, ...]:
    made: Generated = generator.generate(given)
    return made.requests


def prompt(request: Request) -> str:
    """The one message of a request."""
    assert [turn.role for turn in request.messages] == ["user"]
    return request.messages[0].content


def seed_tasks(n: int) -> list[Candidate]:
    """Seed tasks with outputs, some with inputs; their texts are told apart by their numbers."""
    return [Candidate(f"Seed task number {i}:", f"input {i}" if i % 2 else "", f"output {i}") for i in range(1, n + 1)]


def kept_tasks(n: int) -> list[Candidate]:
    return [Candidate(f"Machine task number {i}.", output=f"answer {i}") for i in range(1, n + 1)]
