"""Documents -> passages: pieces of some hundred words that end where the text itself ends a thought.

Flows in: documents as blocks. Flows out: passages with their headings and lines. No word is changed or left out,
save blocks that are too short to ask about and stand alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ._reading import Block, Document


@dataclass(frozen=True)
class Passage:
    """A piece of a document.

    :ivar source: the file, with its lines where it has any: ``docs/a.md#L10-L20``.
    :ivar place: title and headings above it, widest first.
    :ivar text: as it stands in the source.
    """

    source: str
    place: str
    text: str


def cut_passages(document: Document, min_words: int, max_words: int) -> Iterator[Passage]:
    """Cut a document at headings, and where a passage would grow too long.

    :param min_words: passages with fewer words are left out; a heading does not end a passage that has fewer.
    :param max_words: a passage ends before the block that would bring it above; a longer block is cut at its lines.
    """
    path: list[Block] = []
    above: list[Block] = []
    held: list[Block] = []
    for block in _short_blocks(document, max_words):
        is_heading = block.kind == "heading"
        n_held = _n_words(held)
        full = n_held + _n_words([block]) > max_words
        if held and (full or (is_heading and n_held >= min_words)):
            yield from _passage(document, above, held, min_words)
            held = []
        if not held:
            above = [each for each in path if not is_heading or each.level < block.level]
        if is_heading:
            path = [*(each for each in path if each.level < block.level), block]
        held.append(block)
    yield from _passage(document, above, held, min_words)


def _passage(document: Document, above: Sequence[Block], held: Sequence[Block], min_words: int) -> Iterator[Passage]:
    if not held or _n_words([block for block in held if block.kind != "heading"]) < min_words:
        return
    first, last = held[0].line_start, held[-1].line_end
    lines = f"#L{first}-L{last}" if first is not None and last is not None else ""
    names = [document.title, *(block.text.lstrip("# ").strip() for block in above)]
    place = " > ".join(dict.fromkeys(name for name in names if name))
    text = document.span(held) if document.lines is not None and lines else "\n\n".join(block.text for block in held)
    yield Passage(f"{document.source}{lines}", place or document.source, text.strip())


def _short_blocks(document: Document, max_words: int) -> Iterator[Block]:
    """Give all blocks; cut those that are longer than a passage at their lines."""
    for block in document.blocks:
        if (
            _n_words([block]) <= max_words
            or document.lines is None
            or block.line_start is None
            or block.line_end is None
        ):
            yield block
            continue
        start, n_words = block.line_start, 0
        for number in range(block.line_start, block.line_end + 1):
            n_line = len(document.lines[number - 1].split())
            if n_words and n_words + n_line > max_words:
                yield _piece(document, block, start, number - 1)
                start, n_words = number, 0
            n_words += n_line
        yield _piece(document, block, start, block.line_end)


def _piece(document: Document, block: Block, first: int, last: int) -> Block:
    lines = document.lines or ()
    return replace(block, text="\n".join(lines[first - 1 : last]), line_start=first, line_end=last)


def _n_words(blocks: Sequence[Block]) -> int:
    return sum(len(block.text.split()) for block in blocks)
