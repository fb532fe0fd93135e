"""A file that is one JSON array -> rows, an element at a time.

`datasets` would load the whole file; here a window slides over it. JSON has no line to start again at, so the first
broken element ends the file, and is told as such.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from json import JSONDecoder
from pathlib import Path
from typing import Any, BinaryIO

from ._rows import BLOCK_BYTES, ENDED, Row, open_unpacked, read_block, too_long
from ._text import json_problem

_SPACE = " \t\r\n"
_decode = JSONDecoder().raw_decode


class _Window:
    """The part of the file that is being read, as text.

    Bytes that are no UTF-8 become lone surrogates (`surrogateescape`), so that they harm only their element.

    :ivar offset: bytes of the (unpacked) file before the next character.
    :ivar line: number of the line it stands on, from 1.
    :ivar problem: why the file ends here, when its packing broke off.
    """

    def __init__(self, file: BinaryIO, offset: int, line: int, max_chars: int) -> None:
        file.seek(offset)
        self._file, self._max_chars = file, max_chars
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._text, self._at, self._ended = "", 0, False
        self.offset, self.line, self.problem = offset, max(line, 1), ""

    def _fill(self) -> None:
        """Read at least as much again as is left, so that a long element is tried only log(length) times."""
        rest = [self._text[self._at :]]
        wanted = max(BLOCK_BYTES, len(rest[0]))
        while wanted > 0 and not self._ended:
            block, self.problem = read_block(self._file)
            self._ended = not block
            rest.append(self._decoder.decode(block, final=self._ended))
            wanted -= len(block)
        self._text, self._at = "".join(rest), 0

    def take(self, end: int) -> str:
        """Go on to an index of the window; returns what was passed."""
        raw = self._text[self._at : end]
        self._at = end
        self.offset += len(raw) if raw.isascii() else len(raw.encode("utf-8", "surrogateescape"))
        self.line += raw.count("\n")
        return raw

    def peek(self) -> str:
        """Pass white space; the next character, or nothing at the end of the file."""
        while True:
            end = self._at
            while end < len(self._text) and self._text[end] in _SPACE:
                end += 1
            self.take(end)
            if end < len(self._text) or self._ended:
                return self._text[end : end + 1]
            self._fill()

    def accept(self, *characters: str) -> str:
        """Pass the next character if it is one of these; returns it, or nothing."""
        found = self.peek()
        if not found or found not in characters:
            return ""
        return self.take(self._at + 1)

    def element(self) -> tuple[Any, str]:
        """Read one value; returns it and its text.

        :raises ValueError: it is no JSON, is longer than allowed, or the file ends in it.
        :raises RecursionError: it is nested too deep.
        """
        while True:
            try:
                value, end = _decode(self._text, self._at)
                if end < len(self._text) or self._ended:  # a number could go on in the next block
                    return value, self.take(end)
            except ValueError:
                if self._ended:
                    raise
            length = len(self._text) - self._at
            if length > self._max_chars:
                raise ValueError(too_long(length, self._max_chars).replace("the line", "the element"))
            self._fill()


def array_rows(path: Path, label: str, offset: int, line: int, max_bytes: int) -> Iterator[Row]:
    """Read the elements of a JSON array.

    :param offset: bytes to leave out: 0, or the end of an element.
    :param line: number of the line on which ``offset`` lies.
    :raises StageError: the file cannot be opened.
    """
    with open_unpacked(path, label) as file:
        window = _Window(file, offset, line, max_bytes)
        if not offset:
            window.accept("\ufeff")
            window.accept("[")
        more = not offset
        while True:
            if window.accept("]"):
                return
            if not more and not window.accept(","):
                yield _end(window, "is cut: a comma or the end of the array is missing")
                return
            more = False
            window.peek()
            start = window.line
            try:
                value, raw = window.element()
            except (ValueError, RecursionError) as error:
                yield _end(window, json_problem(error))
                return
            problem = _problem(value, raw)
            yield Row(start, window.line, window.offset, None if problem else value, problem)


def _problem(value: object, raw: str) -> str:
    if not raw.isascii():
        try:
            raw.encode()
        except UnicodeEncodeError:
            return "is not UTF-8"
    return "" if type(value) is dict else f"is a JSON {type(value).__name__}, not an object"


def _end(window: _Window, problem: str) -> Row:
    told = window.problem or f"{problem}; the rest of the file cannot be read"
    return Row(window.line, window.line, ENDED, None, told)
