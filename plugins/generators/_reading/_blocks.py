"""What every reader gives: a document as a flat list of blocks, and its sections.

Flows in: nothing; readers build these records. Flows out: `Document` and `Section`, from which triples are made.
No block holds a word that its source does not hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

BlockKind = Literal["heading", "paragraph", "steps", "bullets", "code", "table", "terms", "other"]


@dataclass(frozen=True)
class Row:
    """One row of a table.

    :ivar cells: texts, in order; as many as the source gives, which may differ from the header.
    :ivar line: its line in the source, counted from 1; ``None`` when unknown.
    """

    cells: tuple[str, ...]
    line: int | None = None


@dataclass(frozen=True)
class Item:
    """One item of a list.

    :ivar text: its first paragraph, verbatim, without the marker.
    :ivar simple: whether that paragraph is all there is.
    """

    text: str
    line_start: int | None = None
    line_end: int | None = None
    simple: bool = True


@dataclass(frozen=True)
class Block:
    """One top-level piece of a document.

    :ivar text: as it stands in the source (Markdown and text), or rendered as Markdown (HTML).
    :ivar line_start: first line, counted from 1; ``None`` when the source has no lines.
    :ivar line_end: last line, inclusive.
    :ivar level: of a heading, 1 (widest) to 6.
    :ivar language: of a code block, as its fence names it.
    :ivar code: a code block's lines without the fence.
    :ivar rows: of a table, the header first.
    :ivar items: of a list.
    :ivar terms: of a definition list: term and definition.
    :ivar partial: of a heading: its section began on an earlier page or goes on on the next.
    """

    kind: BlockKind
    text: str
    line_start: int | None = None
    line_end: int | None = None
    level: int = 0
    language: str = ""
    code: str = ""
    rows: tuple[Row, ...] = ()
    items: tuple[Item, ...] = ()
    terms: tuple[tuple[str, str], ...] = ()
    partial: bool = False


@dataclass(frozen=True)
class Document:
    """One file, or one page of a PDF, read.

    :ivar source: where it is, as candidates name it.
    :ivar title: what it calls itself; empty when it does not say.
    :ivar lines: the cleaned source by lines; ``None`` for HTML, whose parser keeps no lines.
    """

    source: str
    title: str
    blocks: tuple[Block, ...]
    lines: tuple[str, ...] | None = None

    def span(self, blocks: Sequence[Block]) -> str:
        """Give neighbouring blocks as one text: the very lines of the source where there are lines."""
        first, last = blocks[0].line_start, blocks[-1].line_end
        if self.lines is None or first is None or last is None:
            return "\n\n".join(block.text for block in blocks)
        return "\n".join(self.lines[first - 1 : last])

    def text(self) -> str:
        """Give the whole document, for looking words up."""
        return "\n".join(self.lines) if self.lines is not None else "\n\n".join(block.text for block in self.blocks)


@dataclass(frozen=True)
class Section:
    """A heading with what stands under it up to the next heading of any level.

    :ivar heading: ``None`` for what stands before the first heading.
    :ivar parents: the headings it is under, widest first.
    :ivar body: blocks that are no headings.
    """

    document: Document
    heading: Block | None
    parents: tuple[Block, ...]
    body: tuple[Block, ...]


def sections(document: Document) -> list[Section]:
    """Cut a document at its headings."""
    found: list[Section] = []
    path: list[Block] = []
    heads = [number for number, block in enumerate(document.blocks) if block.kind == "heading"]
    start = document.blocks[: heads[0] if heads else None]
    if start:
        found.append(Section(document, None, (), start))
    for place, number in enumerate(heads):
        heading = document.blocks[number]
        end = heads[place + 1] if place + 1 < len(heads) else len(document.blocks)
        path = [block for block in path if block.level < heading.level]
        found.append(Section(document, heading, tuple(path), document.blocks[number + 1 : end]))
        path.append(heading)
    return found
