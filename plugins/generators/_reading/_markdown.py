"""Markdown -> blocks, by markdown-it-py (CommonMark with tables).

Only top-level blocks are told apart: what is nested in a list or a quotation stays part of it, so that every text is
a run of whole source lines. Front matter between ``---`` lines is left out (its ``title`` is kept). The inline
rules are not run: emphasis is taken out of headings and lead-ins alone, by `_grammar.plain`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ._blocks import Block, BlockKind, Document, Item, Row

if TYPE_CHECKING:
    from markdown_it.token import Token

_KINDS: dict[str, BlockKind] = {
    "heading_open": "heading",
    "paragraph_open": "paragraph",
    "ordered_list_open": "steps",
    "bullet_list_open": "bullets",
    "fence": "code",
    "table_open": "table",
}
_FRONT_TITLE = re.compile(r"^title\s*[:=]\s*[\"']?(.*?)[\"']?\s*$", re.IGNORECASE)
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")


def read_markdown(text: str, source: str) -> Document:
    """Read Markdown.

    :param text: cleaned, lines ended by a line feed.
    :param source: as candidates name it.
    """
    from markdown_it import MarkdownIt

    lines = text.split("\n")
    body_start, title = _front_matter(lines)
    # Blank lines instead of the front matter keep the line numbers.
    body = [""] * body_start + lines[body_start:]
    tokens = MarkdownIt("commonmark").enable("table").disable("inline").parse("\n".join(body))
    blocks = []
    for first, last in _top_level(tokens):
        block = _block(tokens[first : last + 1], body)
        if block is not None:
            blocks.append(block)
    if not title:
        title = next((block.text for block in blocks if block.kind == "heading" and block.level == 1), "")
    return Document(source, title, tuple(blocks), tuple(lines))


def _front_matter(lines: Sequence[str]) -> tuple[int, str]:
    """Find where the front matter ends (0 when there is none) and the title it gives."""
    fence = lines[0].rstrip()
    if fence not in {"---", "+++"}:
        return 0, ""
    for number, line in enumerate(lines[1:], start=1):
        if line.rstrip() == fence:
            inside = lines[1:number]
            found = [match[1] for match in map(_FRONT_TITLE.match, inside) if match]
            return number + 1, found[0] if found else ""
    return 0, ""


def _top_level(tokens: Sequence[Token]) -> list[tuple[int, int]]:
    """First and last token of every block that stands in no other."""
    spans = []
    first = 0
    for number, token in enumerate(tokens):
        if token.level == 0 and token.nesting != -1:
            first = number
        if token.level == 0 and token.nesting != 1:
            spans.append((first, number))
    return spans


def _block(tokens: Sequence[Token], lines: Sequence[str]) -> Block | None:
    opening = tokens[0]
    if opening.map is None or opening.type == "hr":
        return None
    start, end = _trim(opening.map[0], opening.map[1], lines)
    kind = _KINDS.get(opening.type, "other")
    text = "\n".join(lines[start:end])
    if kind == "heading":
        content = tokens[1].content.strip()
        # An underlined paragraph of several lines is more often a rule drawn too near than a heading.
        if "\n" in content or not content:
            return Block("other", text, start + 1, end)
        return Block("heading", content, start + 1, end, level=int(opening.tag[1:]))
    if kind == "code":
        return _code(opening, text, start, end)
    return Block(
        kind,
        text,
        start + 1,
        end,
        rows=_rows(tokens) if kind == "table" else (),
        items=_items(tokens, lines) if kind in {"steps", "bullets"} else (),
    )


def _code(token: Token, text: str, start: int, end: int) -> Block:
    fence = _FENCE.match(text)
    last = text.rsplit("\n", 1)[-1].strip()
    if fence is None or end - start < 2 or not last.startswith(fence[1]) or last.strip(fence[1][0]):
        return Block("other", text, start + 1, end)  # never closed: nobody knows where the code was to end
    words = token.info.split()
    language = words[0].strip("{}.").lower() if words else ""
    return Block("code", text, start + 1, end, language=language, code=token.content.rstrip("\n"))


def _rows(tokens: Sequence[Token]) -> tuple[Row, ...]:
    rows: list[Row] = []
    cells: list[str] = []
    line: int | None = None
    for token in tokens:
        if token.type == "tr_open":
            cells, line = [], token.map[0] + 1 if token.map else None
        elif token.type == "inline":
            cells.append(token.content.strip())
        elif token.type == "tr_close":
            rows.append(Row(tuple(cells), line))
    return tuple(rows)


def _items(tokens: Sequence[Token], lines: Sequence[str]) -> tuple[Item, ...]:
    items: list[Item] = []
    for number, token in enumerate(tokens):
        if token.type != "list_item_open" or token.level != 1 or token.map is None:
            continue
        start, end = _trim(token.map[0], token.map[1], lines)
        following = tokens[number + 1 : number + 5]
        if len(following) < 4 or following[0].type != "paragraph_open":
            items.append(Item("", start + 1, end, simple=False))
            continue
        simple = following[3].type == "list_item_close"
        items.append(Item(following[1].content, start + 1, end, simple))
    return tuple(items)


def _trim(start: int, end: int, lines: Sequence[str]) -> tuple[int, int]:
    """Leave out blank lines at the end of a block."""
    while end > start + 1 and not lines[end - 1].strip():
        end -= 1
    return start, min(end, len(lines))
