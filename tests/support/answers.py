"""Answers of a language model as a parser gets them, and parsed candidates as plain triples."""

from __future__ import annotations

from insgen import Parsed, Request, Response, Turn

OPEN_LIST = "Some tasks:\n8. Name a river.\n9."
OPEN_BLOCK = "Some tasks:\n###\n4. Instruction:"


def answer(
    text: str, finish_reason: str = "stop", *, prompt: str = "Write tasks.", stop: object = None, source: str = ""
) -> Response:
    """One answer with its request."""
    params = {} if stop is None else {"stop": stop}
    return Response("call-1", Request((Turn("user", prompt),), "any", params, source=source), text, finish_reason)


def triples(parsed: Parsed) -> list[tuple[str, str, str]]:
    return [(each.instruction, each.input, each.output) for each in parsed.candidates]


def instructions(parsed: Parsed) -> list[str]:
    return [each.instruction for each in parsed.candidates]


def reasons(parsed: Parsed) -> list[tuple[int | None, str]]:
    """Place and reason of all that could not be read."""
    return [(each.line, each.reason) for each in parsed.unreadable]
