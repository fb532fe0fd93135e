"""What all parsers ask of an answer: is it empty, a refusal, cut; where do its candidates come from.

Reasons are short and constant, because the ledger counts them. Nothing here reads an item.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from insgen import Origin, Parsed, Response, Unreadable, declined

EMPTY = "empty answer"
REFUSED = "refusal"
CUT = "cut off"
MAYBE_CUT = "perhaps cut by a stop string"

_CUT_REASONS = ("length", "max_tokens", "content_filter")
_LINES = r"#L(\d{1,9})-L(\d{1,9})$"


def was_cut(response: Response) -> bool:
    """Whether the service itself says that the answer ends too early."""
    return response.finish_reason in _CUT_REASONS


def maybe_cut(response: Response) -> bool:
    """Whether a stop string may have fired inside a text.

    A string that does not begin with a line break can stand anywhere: Alpaca's ``20.`` in "about $20.50". The service
    says ``stop`` for that as for a natural end, so the last item of such an answer is not to be trusted.
    """
    stop = response.request.params.get("stop") or ()
    strings = (stop,) if isinstance(stop, str) else stop
    return response.finish_reason == "stop" and any(not str(each).startswith("\n") for each in strings)


def prompt_of(response: Response) -> str:
    """The last message that was sent."""
    messages = response.request.messages
    return messages[-1].content if messages else ""


def origin_of(response: Response) -> Origin:
    """Read file and lines out of a request's source (``docs/a.md#L10-L20``)."""
    source = response.request.source
    lines = re.search(_LINES, source)
    if lines is None:
        return Origin(source=source or None)
    return Origin(source=source[: lines.start()], line_start=int(lines[1]), line_end=int(lines[2]))


def unreadable(response: Response, reason: str, place: int | None = None) -> Unreadable:
    """Say that a part of the answer is no candidate.

    :param place: which item of the answer, counted from 1; ``None`` for the whole answer.
    """
    return Unreadable(f"call {response.call_id}", place, reason)


def nothing(response: Response, otherwise: str) -> Parsed:
    """Say why a whole answer holds no candidate: it is empty, a refusal, cut, or what ``otherwise`` says."""
    text = response.text.strip()
    reason = EMPTY if not text else REFUSED if declined(text) else CUT if was_cut(response) else otherwise
    return Parsed(unreadable=(unreadable(response, reason),))


def in_order(response: Response, reasons: Sequence[tuple[int, str]]) -> tuple[Unreadable, ...]:
    """Make the list of unreadable items out of places (from 1) and reasons."""
    return tuple(unreadable(response, reason, place) for place, reason in sorted(reasons))
