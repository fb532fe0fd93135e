"""PDF -> one document per page, by pypdf (extra ``pdf``).

A PDF has no paragraphs, only text on pages: lines are those of the extracted text, counted from 1 on each page.
Headings are the lines that the outline (bookmarks) names, and what `_text` takes for one. Lines that stand at the
head or foot of most pages are left out. A section that a page break cuts is marked, since neither half is whole.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from insgen import StageError, clean_text

from ._blocks import Block, Document
from ._text import read_lines

if TYPE_CHECKING:
    from pypdf import PdfReader

_DIGITS = re.compile(r"\d+")
_RUNNING_PAGES = 3  # a line at the edge of fewer pages may be chance


class PdfError(Exception):
    """A PDF that cannot be read; the text is the reason."""


def read_pdf(content: bytes, source: str) -> list[Document]:
    """Read every page that has text.

    :raises PdfError: encrypted, broken, or without any text.
    :raises StageError: pypdf is not installed.
    """
    try:
        from pypdf import PdfReader
        from pypdf.errors import PyPdfError
    except ImportError as error:
        raise StageError(
            f"{source} is a PDF and the package that reads PDFs is not installed ({error}). "
            "PDFs need pypdf, which comes with the extra `pdf`. "
            'Run `pip install "insgen[pdf]"`, or name only other files in `paths`.'
        ) from error
    try:
        reader = PdfReader(io.BytesIO(content), strict=False)
        if reader.is_encrypted:
            raise PdfError("the PDF is encrypted")
        pages = [_page_lines(page.extract_text()) for page in reader.pages]
        headings = frozenset(_outline(reader))
        title = str((reader.metadata.title if reader.metadata else None) or "")
    # A broken file trips pypdf at any depth, so what it raises is not only its own error.
    except (PyPdfError, ValueError, LookupError, TypeError, AttributeError, RecursionError, OSError) as error:
        raise PdfError(f"not a readable PDF ({type(error).__name__}: {error})") from error
    if not any(any(line.strip() for line in lines) for lines in pages):
        raise PdfError("the PDF holds no text (scanned pages need text recognition first)")
    return _documents(_without_running_lines(pages), headings, clean_text(title), source)


def _page_lines(text: str) -> list[str]:
    return [clean_text(line) for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]


def _outline(reader: PdfReader) -> list[str]:
    """Titles of all bookmarks, white space folded."""
    titles: list[str] = []
    left: list[object] = list(reader.outline)
    while left:
        entry = left.pop()
        if isinstance(entry, list):
            left.extend(entry)
        elif title := getattr(entry, "title", None):
            titles.append(" ".join(clean_text(str(title)).split()))
    return titles


def _without_running_lines(pages: Sequence[Sequence[str]]) -> list[list[str]]:
    """Blank out (so that line numbers stay) what the first or last line of most pages repeats, page numbers aside."""
    edges: Counter[str] = Counter()
    for lines in pages:
        edges.update({_DIGITS.sub("#", lines[number]) for number in _edges(lines)})
    running = {text for text, n in edges.items() if n >= _RUNNING_PAGES and n * 2 > len(pages)}
    cleared = []
    for lines in pages:
        copy = list(lines)
        for number in _edges(lines):
            if _DIGITS.sub("#", copy[number]) in running:
                copy[number] = ""
        cleared.append(copy)
    return cleared


def _edges(lines: Sequence[str]) -> set[int]:
    full = [number for number, line in enumerate(lines) if line]
    return {full[0], full[-1]} if full else set()


def _documents(pages: Sequence[Sequence[str]], headings: frozenset[str], title: str, source: str) -> list[Document]:
    documents: list[Document] = []
    for number, lines in enumerate(pages, start=1):
        blocks = read_lines(lines, headings, tight=True)
        if not blocks:
            continue
        open_heading = _last_heading(documents[-1]) if documents else None
        if open_heading is not None and documents and blocks[0].kind != "heading":
            carried = replace(open_heading, line_start=None, line_end=None, partial=True)
            documents[-1] = _mark_partial(documents[-1])
            blocks = [carried, *blocks]
        documents.append(Document(f"{source}#page={number}", title, tuple(blocks), tuple(lines)))
    return documents


def _last_heading(document: Document) -> Block | None:
    return next((block for block in reversed(document.blocks) if block.kind == "heading"), None)


def _mark_partial(document: Document) -> Document:
    """Say that the last section of a page goes on on the next."""
    blocks = list(document.blocks)
    for number in range(len(blocks) - 1, -1, -1):
        if blocks[number].kind == "heading":
            blocks[number] = replace(blocks[number], partial=True)
            break
    return replace(document, blocks=tuple(blocks))
