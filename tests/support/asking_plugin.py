"""A plugin file, as a project names it: a generator that asks for numbered tasks, and the parser of the answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from insgen import (
    Candidate,
    Generated,
    Generator,
    GeneratorContext,
    Parsed,
    Parser,
    Request,
    Response,
    Turn,
    Unreadable,
    hookimpl,
)


@dataclass(frozen=True)
class TasksGenerator:
    """Asks ``n_requests`` different questions a round."""

    name: ClassVar[str] = "tasks"
    n_requests: int = 40  #: questions per round

    def generate(self, context: GeneratorContext) -> Generated:
        """Ask for tasks; the questions name round and number, so that a server can tell them apart."""
        texts = [f"round {context.round} question {n} of {context.rng.random()}" for n in range(self.n_requests)]
        return Generated(requests=tuple(Request((Turn("user", text),), "lines") for text in texts))


@dataclass(frozen=True)
class LinesParser:
    """Every line that begins with ``Task:`` is a candidate with its output behind ``|``."""

    name: ClassVar[str] = "lines"

    def parse(self, response: Response) -> Parsed:
        """Read the lines."""
        lines = [line for line in response.text.splitlines() if line.startswith("Task:")]
        found = [line.removeprefix("Task:").partition("|") for line in lines]
        candidates = tuple(Candidate(task, output=output) for task, _, output in found)
        return Parsed(candidates, () if found else (Unreadable(f"call {response.call_id}", None, "no task in it"),))


@hookimpl
def insgen_generators() -> Sequence[type[Generator]]:
    """Offer the generator."""
    return [TasksGenerator]


@hookimpl
def insgen_parsers() -> Sequence[type[Parser]]:
    """Offer the parser."""
    return [LinesParser]
