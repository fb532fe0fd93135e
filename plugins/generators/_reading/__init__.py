"""The user's documents, read: what the generators `documents` and `grounded` have in common.

Flows in: paths. Flows out: files in a fixed order, and each file's documents as blocks with their lines.
"""

from __future__ import annotations

from ._blocks import Block, BlockKind, Document, Item, Row, Section, sections
from ._files import SUFFIXES, Source, fingerprint, load_sources, read_source

__all__ = [
    "SUFFIXES",
    "Block",
    "BlockKind",
    "Document",
    "Item",
    "Row",
    "Section",
    "Source",
    "fingerprint",
    "load_sources",
    "read_source",
    "sections",
]
