"""Text files -> rows: JSON Lines, CSV and TSV, with true line numbers.

Bad lines are rows with a problem; a reader never stops at one. Nothing is guessed about types: a CSV cell is the
text that stands there ("007" stays "007", "NA" stays "NA"), which is why neither pandas nor `datasets` reads them.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from json import JSONDecoder
from pathlib import Path
from typing import BinaryIO

from insgen import StageError

from ._rows import BOM, ENDED, Row, first_block, open_unpacked, quoted, read_lines, too_long, trouble


def jsonl_rows(path: Path, label: str, offset: int, line: int, max_bytes: int) -> Iterator[Row]:
    """Read one JSON object per line; blank lines are passed over.

    :param offset: bytes to leave out; packed files are unpacked up to there.
    :param line: number of the last line left out.
    :raises StageError: the file is empty or no text.
    """
    if not offset:
        first_block(path, label)
    decode = JSONDecoder().raw_decode
    with open_unpacked(path, label) as file:
        file.seek(offset)
        for number, end, raw, problem in read_lines(file, offset, line, max_bytes):
            text = (raw.removeprefix(BOM) if number == 1 else raw).strip()
            if not text and not problem:
                continue
            value = None
            if not problem:
                try:
                    decoded = text.decode()
                    value, stop = decode(decoded)
                    if stop != len(decoded):
                        problem = f"is not JSON: more text after the value, at column {stop + 1}"
                except (ValueError, RecursionError) as error:
                    problem = json_problem(error)
            if not problem and type(value) is not dict:
                problem = f"is a JSON {type(value).__name__}, not an object"
            yield Row(number, number, end, None if problem else value, problem)


def json_problem(error: Exception) -> str:
    """Say in one sentence why a text is no JSON."""
    if isinstance(error, UnicodeDecodeError):
        return f"is not UTF-8 (byte 0x{error.object[error.start]:02x} at column {error.start + 1})"
    if isinstance(error, RecursionError):
        return "is not JSON: nested too deep"
    return f"is not JSON: {error}"


class _Feeder:
    """Hands lines to `csv.reader` and knows where it is, which `csv.reader` does not.

    :ivar line: number of the last line handed out.
    :ivar offset: bytes up to the end of that line.
    :ivar damaged: whether a line since ``begin_record`` was not UTF-8, and which byte showed it.
    """

    def __init__(self, file: BinaryIO, offset: int, line: int, max_bytes: int) -> None:
        self._lines = read_lines(file, offset, line, max_bytes)
        self._max_bytes = max_bytes
        self.line, self.offset = line, offset
        self.begin_record()

    def begin_record(self) -> None:
        self._size, self.damaged = 0, ""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        number, self.offset, raw, problem = next(self._lines)
        self.line = number
        self._size += len(raw) + 1
        if not problem and self._size > self._max_bytes:
            problem = too_long(self._size, self._max_bytes).replace("the line", "the record (an unclosed quote?)")
        if problem:
            raise csv.Error(problem)
        if number == 1:
            raw = raw.removeprefix(BOM)
        try:
            return raw.decode() + "\n"
        except UnicodeDecodeError as error:
            self.damaged = json_problem(error)
            return raw.decode("utf-8", "replace") + "\n"


def _next_record(reader: Iterator[list[str]], feeder: _Feeder, max_bytes: int) -> list[str] | None:
    """Read one record; ``None`` at the end.

    The size limit of a field belongs to the process in `csv`, so it is raised for this one call only.
    """
    feeder.begin_record()
    before = csv.field_size_limit(max_bytes)
    try:
        return next(reader, None)
    finally:
        csv.field_size_limit(before)


def csv_rows(path: Path, label: str, offset: int, line: int, max_bytes: int) -> Iterator[Row]:
    """Read a table with a header line; the delimiter is a tab for ``.tsv`` and a comma for everything else.

    A record may run over several lines. One with another number of fields than the header is a problem.

    :param offset: bytes to leave out, 0 or the beginning of a record.
    :param line: number of the last line left out.
    :raises StageError: the file is empty or no text, or its header is unusable.
    """
    delimiter = "\t" if ".tsv" in path.suffixes else ","
    first_block(path, label)
    with open_unpacked(path, label) as file:
        feeder = _Feeder(file, 0, 0, max_bytes)
        header = _read_header(feeder, delimiter, max_bytes, label)
        if offset:
            file.seek(offset)
            feeder = _Feeder(file, offset, line, max_bytes)
        reader = csv.reader(feeder, delimiter=delimiter, strict=True)
        while feeder.offset != ENDED:
            first = feeder.line + 1
            problem, record = "", None
            try:
                record = _next_record(reader, feeder, max_bytes)
                if record is None:
                    return
            except csv.Error as error:
                problem = f"is not CSV: {error}"
            problem = problem or feeder.damaged
            if record == [] and not problem:
                continue
            if record and not problem and len(record) != len(header):
                problem = f"has {len(record)} fields, the header has {len(header)}"
            columns = dict(zip(header, record or (), strict=False)) if not problem else None
            yield Row(first, max(first, feeder.line), feeder.offset, columns, problem)


def _read_header(feeder: _Feeder, delimiter: str, max_bytes: int, label: str) -> list[str]:
    try:
        header = _next_record(csv.reader(feeder, delimiter=delimiter, strict=True), feeder, max_bytes)
    except csv.Error as error:
        header, feeder.damaged = [], str(error)
    names = [name.strip() for name in header or ()]
    if feeder.damaged or not names or len(set(names)) < len(names):
        raise StageError(
            trouble(
                f'The first line of "{label}" is no header: {feeder.damaged or quoted(names) or "it is blank"}.',
                "Column names, each once, were expected.",
                "Mend the line, or take the file out of paths.",
            )
        )
    return names
