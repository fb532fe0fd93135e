"""Plain text -> blocks: underlined, numbered, capital and question headings, lists, paragraphs.

reStructuredText is read as plain text; its directives and their indented content are left aside. Code is not
looked for: in plain text nothing says where it ends. Also used for the pages of a PDF, whose headings are known
from its outline.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set

from ._blocks import Block, BlockKind, Document, Item

_UNDERLINE = re.compile(r"^([=\-~^\"*+#`:'])\1{2,}\s*$")
_MARKER = re.compile(r"^ {0,3}(?:(?P<bullet>[-*•‣–])|(?P<number>\d{1,3})(?P<sign>[.)]))\s+(?=\S)")  # real bullets
_NUMBERED = re.compile(r"^\d{1,2}(?:\.\d{1,2}){0,3}\.?\s+(?=[^\W\d_])")
_DIRECTIVE = re.compile(r"^\.\. ")
_MAX_HEADING_WORDS = 10
_SHORT_OF_MARGIN = 0.8  # of the longest line


def read_text(text: str, source: str) -> Document:
    """Read plain text.

    :param text: cleaned, lines ended by a line feed.
    :param source: as candidates name it.
    """
    lines = text.split("\n")
    blocks = read_lines(lines)
    top = blocks[0] if blocks and blocks[0].kind == "heading" else None
    return Document(source, top.text if top is not None else "", tuple(blocks), tuple(lines))


def read_lines(lines: Sequence[str], known_headings: Set[str] = frozenset(), *, tight: bool = False) -> list[Block]:
    """Tell blocks apart by blank lines, markers and underlines.

    :param known_headings: lines (white space folded, numbering left out) that are headings wherever they stand.
    :param tight: the lines come without blank lines between blocks, as from a PDF: a block then also ends with a
        sentence that ends well before the right margin.
    """
    return _Reader(lines, known_headings, tight=tight).read()


class _Reader:
    """One pass over the lines; ``at`` is the next line to read, counted from 0."""

    def __init__(self, lines: Sequence[str], known_headings: Set[str], *, tight: bool) -> None:
        self.lines = lines
        self.margin = max(map(len, lines), default=0) if tight else 0
        self.known = known_headings
        self.at = 0
        self.underlines: list[str] = []  # the order of their first use is the order of levels

    def read(self) -> list[Block]:
        blocks: list[Block] = []
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if not line.strip() or _UNDERLINE.match(line):
                self.at += 1
            elif _DIRECTIVE.match(line):
                blocks.append(self._directive())
            else:
                blocks.append(self._heading() or self._list() or self._paragraph())
        return blocks

    def _heading(self) -> Block | None:
        line = self.lines[self.at].strip()
        below = self._peek(1)
        rule = _UNDERLINE.match(below)
        if rule and len(below.strip()) >= len(line) - 1 and not self._is_blank(self.at):
            if rule[1] not in self.underlines:
                self.underlines.append(rule[1])
            level = min(self.underlines.index(rule[1]) + 1, 6)
            self.at += 2
            return Block("heading", line, self.at - 1, self.at, level=level)
        if self._is_heading_line(self.at):
            level = 2
        elif below.strip() or not self._looks_like_heading(line):
            return None
        else:
            numbered = _NUMBERED.match(line)
            level = 2 + (numbered[0].strip().rstrip(".").count(".") if numbered else 0)
        self.at += 1
        return Block("heading", _NUMBERED.sub("", line), self.at, self.at, level=level)

    def _looks_like_heading(self, line: str) -> bool:
        """A short line of its own that no sentence ends, and that more text follows."""
        if not _is_short(line) or line[-1] in ".,;:!" or not self._followed_by_text():
            return False
        letters = [sign for sign in line if sign.isalpha()]
        capitals = len(letters) > 3 and all(sign.isupper() for sign in letters)
        return capitals or line.endswith("?") or bool(_NUMBERED.match(line))

    def _followed_by_text(self) -> bool:
        """Whether prose follows, not the next number of a spaced-out list."""
        after = next((line for line in self.lines[self.at + 1 :] if line.strip()), "")
        return bool(after) and not _NUMBERED.match(after.strip())

    def _list(self) -> Block | None:
        marker = _MARKER.match(self.lines[self.at])
        if marker is None:
            return None
        kind: BlockKind = "steps" if marker["number"] else "bullets"
        starts, start, last = [self.at], self.at, self.at
        self.at += 1
        while self.at < len(self.lines):
            line = self.lines[self.at]
            other = _MARKER.match(line)
            if other and (other["bullet"], other["sign"]) == (marker["bullet"], marker["sign"]):
                starts.append(self.at)
            elif line.strip() and not line[0].isspace() and (self._is_blank(self.at - 1) or self._ends_here(self.at)):
                break
            if line.strip():
                last = self.at
            self.at += 1
        self.at = last + 1
        ends = [*(number - 1 for number in starts[1:]), last]
        items = tuple(self._item(first, end) for first, end in zip(starts, ends, strict=True))
        return Block(kind, self._text(start, last), start + 1, last + 1, items=items)

    def _item(self, first: int, last: int) -> Item:
        while last > first and self._is_blank(last):
            last -= 1
        whole = self._text(first, last)
        return Item(_MARKER.sub("", whole, count=1), first + 1, last + 1, simple="\n\n" not in whole)

    def _paragraph(self) -> Block:
        start = self.at
        indented = self.lines[start][0].isspace()
        self.at += 1
        while self.at < len(self.lines) and not self._is_blank(self.at):
            line = self.lines[self.at]
            if _MARKER.match(line) and self.lines[self.at - 1].rstrip().endswith(":"):
                break
            if self._ends_here(self.at) or _UNDERLINE.match(self._peek(1)):
                break
            self.at += 1
        kind: BlockKind = "other" if indented else "paragraph"
        return Block(kind, self._text(start, self.at - 1), start + 1, self.at)

    def _directive(self) -> Block:
        start = last = self.at
        self.at += 1
        while self.at < len(self.lines) and (self._is_blank(self.at) or self.lines[self.at][0].isspace()):
            if not self._is_blank(self.at):
                last = self.at
            self.at += 1
        return Block("other", self._text(start, last), start + 1, last + 1)

    def _ends_here(self, number: int) -> bool:
        """Whether a block ends before this line although no blank line stands between."""
        before = self.lines[number - 1].rstrip()
        over = bool(self.margin) and before.endswith((".", "!", "?")) and len(before) < _SHORT_OF_MARGIN * self.margin
        return over or self._is_heading_line(number)

    def _is_heading_line(self, number: int) -> bool:
        """Whether a line is a known heading, or a question that stands alone among lines without blanks."""
        if self._is_known(number):
            return True
        line = " ".join(self.lines[number].split())
        before = self.lines[number - 1].rstrip() if number else ""
        alone = not before or before[-1] in ".!?:" or self._is_known(number - 1)
        return bool(self.margin) and alone and line.endswith("?") and line[0].isupper() and _is_short(line)

    def _is_known(self, number: int) -> bool:
        line = " ".join(self.lines[number].split())
        return line in self.known or _NUMBERED.sub("", line) in self.known

    def _is_blank(self, number: int) -> bool:
        return not self.lines[number].strip()

    def _peek(self, ahead: int) -> str:
        return self.lines[self.at + ahead] if self.at + ahead < len(self.lines) else ""

    def _text(self, first: int, last: int) -> str:
        return "\n".join(self.lines[first : last + 1])


def _is_short(line: str) -> bool:
    return len(line.split()) <= _MAX_HEADING_WORDS
