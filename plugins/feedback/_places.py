"""How far a file was read: a byte, a line, and what tells that it is still the same file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from insgen import content_hash

_HEAD_BYTES = 4096


def place(path: Path, offset: int, line: int) -> dict[str, str | int]:
    """Remember that a file was read up to a byte, the beginning of a line, with so many lines before it."""
    return {"offset": offset, "line": line, "head": _head(path, offset)}


def begin(path: Path, before: Mapping[str, Any] | None) -> tuple[int, int]:
    """Where to go on, as byte and line; at the beginning when this is not the file that was read before."""
    if before is None:
        return 0, 0
    offset, line = int(before["offset"]), int(before["line"])
    same = path.stat().st_size >= offset and _head(path, offset) == before["head"]
    return (offset, line) if same else (0, 0)


def _head(path: Path, offset: int) -> str:
    """Content id of the beginning of what was read."""
    with path.open("rb") as file:
        return content_hash(file.read(min(offset, _HEAD_BYTES)).decode("latin-1"))
