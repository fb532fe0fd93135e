r"""Parsers `numbered` and `numbered-paper`: a numbered list of instructions, one candidate each, without output.

`numbered-paper` follows the first stage of Self-Instruct (arXiv:2212.10560; split and cleaning as in its published
code) to the letter, with its known defects:

- an answer that ended for length is discarded whole;
- an item whose number is followed by ``)``, or whose dot is not followed by a space, is not split off: it stays a part
  of the one before;
- the first letter is made upper case and *all others lower case*: "Call the NASA API" becomes "Call the nasa api";
- an item may be cut by the stop string ``16.`` in the middle of a text, and is kept.

`numbered` mends them. An item begins at a line with a number (``9.``, ``9)``, ``9:``, ``**9.**``, ``Task 9:``), in
whatever order the numbers come; case is kept; of a cut answer only the last item is lost; greetings before the list
and courtesies after it are left out; a line with a bullet, or with "Task:", is an item too, unless the item before
it ends with a colon (then it lists what that item works on). One line was asked for: a further line is taken where
it goes on with a sentence, or where the item announces something ("the following", a colon); else it is left out and
counted. Costs some regular expressions per line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from insgen import Candidate, Parsed, Parser, Response, declined, hookimpl

from ._answers import (
    CUT,
    MAYBE_CUT,
    in_order,
    maybe_cut,
    nothing,
    origin_of,
    prompt_of,
    unreadable,
    was_cut,
)

_NO_ITEM = "no numbered item"
_EMPTY_ITEM = "empty item"
_STRAY = "line without a number"
_PLACEHOLDER = "placeholder instead of a task"

# Patterns are texts, compiled at first use: at import they would slow down every command.
_PAPER_SPLIT = r"\n\d+\s?\. "
_OPEN_END = r"(?:^|\n)[ \t]*(\d{1,4})[.)][ \t]*$"
_MARK = (
    r"(?i)(?P<indent>[ \t]*)(?:[#>]{1,4}[ \t]*)?(?P<bold>\*\*|__)?[ \t]*"
    r"(?:(?:(?:task|instruction)[ \t]*#?[ \t]*)?(?P<number>\d{1,3})[ \t]*(?:\*\*|__)?[ \t]*[.):](?!\d)"
    r"|(?P<word>(?:task|instruction)[ \t]*:))[ \t]*(?:\*\*|__)?[ \t]*"
)
_BULLET = r"(?P<indent>[ \t]*)[-*•+][ \t]+"
_FAREWELL = (
    r"(?i)\W{0,3}(?:let me know|i hope|hope (?:this|these|that)|feel free|would you like"
    r"|if you(?:['’]d| would| need| want)|please let|these (?:tasks|instructions)\b|is there anything)"
)
_FOLLOWS = r"(?i)\b(?:below|following|follows|given|this|these|here)\b|```"
_SENTENCE_ENDS = (".", "?", "!", "。", "？", "！", "…")
_NAMED_ONLY = r"(?i)(?:task|instruction)[ \t]*#?[ \t]*\d{0,4}\.?"
_WRAPS = (("**", "**"), ("__", "__"), ('"', '"'), ("“", "”"))


@dataclass(frozen=True)
class NumberedPaperParser:
    """Reads the answer as Self-Instruct's code does; has no options."""

    name: ClassVar[str] = "numbered-paper"

    def parse(self, response: Response) -> Parsed:
        """Split, clean, drop empties; an answer that ended for length gives nothing."""
        if response.finish_reason == "length":
            return Parsed(unreadable=(unreadable(response, CUT),))
        pieces = [" ".join(piece.split()).capitalize() for piece in re.split(_PAPER_SPLIT, response.text)]
        origin = origin_of(response)
        candidates = [Candidate(piece, origin=origin) for piece in pieces if piece]
        read = tuple(candidate for candidate in candidates if candidate.instruction)
        return Parsed(read) if read else nothing(response, _NO_ITEM)


@dataclass
class _Item:
    """An item while it is being read.

    ``listing``: what follows is what it works on; ``n_strays``: lines behind it that were no part of it.
    """

    lines: list[str] = field(default_factory=list)
    listing: bool = False
    n_strays: int = 0

    def text(self) -> str:
        return "\n".join(self.lines).strip()

    def expects_more(self) -> bool:
        return self.listing or self.text().endswith(":")

    def add(self, line: str) -> None:
        """Take a line without a number: the rest of a wrapped line, what the item works on, or neither.

        One line was asked for. A line that begins anew behind an item that announces nothing is mostly the next task,
        its number forgotten; glued on, it would spoil two.
        """
        text = self.text()
        bare = line.strip()
        follows = self.expects_more() or re.search(_FOLLOWS, text) is not None or bare.startswith("```")
        begins_anew = bare[:1].isupper() or text.endswith(_SENTENCE_ENDS)
        if bare and text and not follows and begins_anew and not line[:1].isspace():
            self.n_strays += not re.match(_FAREWELL, line)
            return
        self.listing = self.listing or (follows and bool(bare) and bool(text))
        self.lines.append(line)


@dataclass(frozen=True)
class NumberedParser:
    """Reads every numbered item, whatever the numbers are; has no options."""

    name: ClassVar[str] = "numbered"

    def parse(self, response: Response) -> Parsed:
        """Give one candidate per item; of a cut answer the last item is lost, and only it."""
        items = _items(response.text, _is_open_ended(response))
        if not items:
            return nothing(response, _NO_ITEM)
        candidates: list[Candidate] = []
        reasons: list[tuple[int, str]] = []
        last = CUT if was_cut(response) else MAYBE_CUT if maybe_cut(response) else ""
        origin = origin_of(response)
        for place, item in enumerate(items, start=1):
            candidate = Candidate(_unwrapped(item.text()), origin=origin)
            reasons.extend([(place, _STRAY)] * item.n_strays)
            if place == len(items) and last:
                reasons.append((place, last))
            elif not candidate.instruction:
                reasons.append((place, _EMPTY_ITEM))
            elif re.fullmatch(_NAMED_ONLY, candidate.instruction):
                reasons.append((place, _PLACEHOLDER))
            else:
                candidates.append(candidate)
        return Parsed(tuple(candidates), in_order(response, reasons))


def _is_open_ended(response: Response) -> bool:
    """Whether the prompt ended with a number, so that the answer may begin with the text of the first item."""
    return re.search(_OPEN_END, prompt_of(response).rstrip()) is not None


def _items(text: str, open_ended: bool) -> list[_Item]:
    """Cut an answer into its items; empty when no line begins one."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    marks = [match for line in lines if (match := re.match(_MARK, line))]
    if not marks and not (open_ended and text.strip()):
        return []
    limit = len(marks[0]["indent"].expandtabs()) + 1 if marks else 1
    items: list[_Item] = []
    if open_ended and _begins_with_item(text):
        items.append(_Item())
    for line in lines:
        rest = _beginning(line, limit, items)
        if rest is not None:
            items.append(_Item([rest]))
        elif items:
            items[-1].add(line)
    if items:
        items[-1].lines = _without_farewell(items[-1].lines)
    return items


def _begins_with_item(text: str) -> bool:
    """Whether an answer to an open number begins with the item, not with its number, a greeting or a refusal."""
    first = text.strip().split("\n")[0]
    return not (re.match(_MARK, first) or declined(first) or (first.endswith(":") and "\n\n" in text.strip()))


def _beginning(line: str, limit: int, items: Sequence[_Item]) -> str | None:
    """The rest of a line that begins an item; ``None`` for any other line.

    :param limit: most white space before the number; what stands further in belongs to the item above it.
    """
    match = re.match(_MARK, line)
    if match and len(match["indent"].expandtabs()) <= limit:
        rest = line[match.end() :]
        return rest.removesuffix("**").removesuffix("__") if match["bold"] and rest.count(match["bold"]) == 1 else rest
    bullet = re.match(_BULLET, line)
    if bullet and items and items[-1].text() and not items[-1].expects_more() and not bullet["indent"]:
        return line[bullet.end() :]
    return None


def _without_farewell(lines: Sequence[str]) -> list[str]:
    """Leave out a courtesy that stands after a blank line behind the last item."""
    for number, line in enumerate(lines):
        if number and not lines[number - 1].strip() and re.match(_FAREWELL, line):
            return list(lines[:number])
    return list(lines)


def _unwrapped(text: str) -> str:
    """Take off emphasis or quotation marks around a whole text."""
    for left, right in _WRAPS:
        inner = text[len(left) : -len(right)]
        if text.startswith(left) and text.endswith(right) and inner and left not in inner and right not in inner:
            return inner.strip()
    return text


@hookimpl
def insgen_parsers() -> Sequence[type[Parser]]:
    """Offer `numbered` and `numbered-paper`."""
    return [NumberedParser, NumberedPaperParser]
