"""What all readers of this folder have in common: the row they yield, and files opened whatever packs them.

A reader is a generator of `Row` that starts at an offset and a line; it holds one block of its file at a time.
"""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from insgen import StageError

ENDED = -1  #: an offset behind which nothing can be read any more (a cut file)
BLOCK_BYTES = 1 << 18
BOM = b"\xef\xbb\xbf"

_PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ\x00": "lzma"}
_FOREIGN = {
    b"PK\x03\x04": "a ZIP archive",
    b"\x28\xb5\x2f\xfd": "packed with Zstandard",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
}


class Row(NamedTuple):
    """One row of a source, or the place where one could not be read.

    :ivar line: its first line, or its row number where the source has no lines; counted from 1.
    :ivar line_end: its last line, inclusive.
    :ivar offset: where the next row is looked for: bytes (unpacked) for text files, rows for tables, or `ENDED`.
    :ivar columns: name to value; ``None`` when it could not be read.
    :ivar problem: why it could not be read, one sentence; empty when it could.
    """

    line: int
    line_end: int
    offset: int
    columns: Mapping[str, Any] | None
    problem: str = ""


def trouble(what: str, expected: str, cure: str) -> str:
    """Put the three parts of an error message together."""
    return f"{what} {expected}\n  {cure}"


def quoted(names: Iterable[str], limit: int = 20) -> str:
    """List names for a message: each in quotes, at most 40 characters of each and ``limit`` of them."""
    shown = [f'"{ascii(name[:40])[1:-1]}"' for name in names]
    return ", ".join(shown[:limit]) + (f" and {len(shown) - limit} more" if len(shown) > limit else "")


def open_unpacked(path: Path, label: str) -> BinaryIO:
    """Open a file for reading bytes, unpacking gzip, bzip2 and xz by their first bytes, whatever the file is called.

    :raises StageError: the file cannot be opened, is empty, or is no text.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(8)
    except OSError as error:
        raise StageError(
            trouble(
                f'"{label}" cannot be opened ({error.strerror}).',
                "A readable file was expected.",
                "Look at its rights.",
            )
        ) from error
    if not magic:
        raise StageError(
            trouble(f'"{label}" is empty (0 bytes).', "A data set with rows was expected.", "Take it out of paths.")
        )
    packer = next((name for start, name in _PACKED.items() if magic.startswith(start)), "")
    if packer == "gzip":
        import gzip

        return gzip.open(path, "rb")  # type: ignore[return-value]  # typeshed's GzipFile is no BinaryIO, but has all of it
    if packer == "bz2":
        import bz2

        return bz2.open(path, "rb")  # type: ignore[return-value]  # as above
    return lzma.open(path, "rb") if packer else path.open("rb")  # type: ignore[return-value]  # as above


def read_block(file: BinaryIO, size: int = BLOCK_BYTES) -> tuple[bytes, str]:
    """Read what one read of the file gives, and the problem when its packing breaks off there.

    :returns: the block, empty at the end, and a sentence; the sentence is empty while all is well.
    """
    try:
        return file.read1(size), ""  # type: ignore[attr-defined]  # every reader opened here is buffered
    except (EOFError, zlib.error, lzma.LZMAError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's trouble, not the file's
        return b"", f"the packed file breaks off here ({error}); the rows before it were used"


def first_block(path: Path, label: str) -> bytes:
    """Look at the beginning of a file's text.

    :returns: up to one block, without byte-order mark.
    :raises StageError: it is no text in UTF-8.
    """
    with open_unpacked(path, label) as file:
        block, _ = read_block(file)
    kind = next((name for magic, name in _FOREIGN.items() if block.startswith(magic)), "")
    # Four kilobytes of anything but text hold a NUL, but for one file in ten million.
    if not kind and b"\0" in block[:4096]:
        kind = "a binary file"
    if kind:
        raise StageError(
            trouble(
                f'"{label}" is {kind}.',
                "Text in UTF-8 (JSON, JSONL, CSV, TSV), also packed with gzip, bzip2 or xz, or Parquet was expected.",
                "Unpack or convert it, or take it out of paths.",
            )
        )
    return block.removeprefix(BOM)


def read_lines(file: BinaryIO, offset: int, number: int, max_bytes: int) -> Iterator[tuple[int, int, bytes, str]]:
    """Cut a file into lines, never holding more than one block and one line.

    :param file: open at ``offset``.
    :param number: of the last line before ``offset``.
    :param max_bytes: a longer line is passed over, and told as a problem.
    :returns: number, offset of the line after it (or `ENDED`), text without newline, problem (empty when it was read).
    """
    # The pieces of a line that ran over a block's end, how long they are, and how much of it was thrown away.
    carry: list[bytes] = []
    held, skipped = 0, 0
    while True:
        block, problem = read_block(file)
        if not block:
            break
        pieces = block.split(b"\n")
        rest = pieces.pop()
        if pieces and held:
            pieces[0] = b"".join((*carry, pieces[0]))
            carry, held = [], 0
        for piece in pieces:
            number += 1
            size = skipped + len(piece)
            offset += size + 1
            skipped = 0
            if size > max_bytes:
                yield (number, offset, b"", too_long(size, max_bytes))
            else:
                yield (number, offset, piece, "")
        carry.append(rest)
        held += len(rest)
        if held > max_bytes:
            skipped += held
            carry, held = [], 0
    size = skipped + held
    if problem:
        yield (number + 1, ENDED, b"", problem)
    elif size > max_bytes:
        yield (number + 1, offset + size, b"", too_long(size, max_bytes))
    elif size:
        yield (number + 1, offset + size, b"".join(carry), "")


def too_long(size: int, max_bytes: int) -> str:
    """Say that a line is longer than the option allows."""
    return f"the line has {size / 2**20:.1f} MiB, more than max_line_mb = {max_bytes / 2**20:g}"
