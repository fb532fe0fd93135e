"""One round of one data set: rows in, candidates and unreadable rows out, and where to go on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from insgen import Candidate, Origin, StageError, Unreadable, clean_text

from ._formats import Columns, UnreadableRowError, reader, recognise
from ._rows import Row, quoted, trouble

MAX_UNREADABLE = 10_000  #: reported in one round, so that a broken file cannot fill the memory


@dataclass(frozen=True)
class Mark:
    """Where to go on; `insgen.Generated.position` is this as JSON.

    :ivar source: index of the data set, from 0.
    :ivar path: its label, to notice when ``paths`` was changed; empty before its first row.
    :ivar format: what it was recognised as; empty while it was not.
    :ivar offset: bytes or rows, as its reader counts, or `_rows.ENDED`.
    :ivar line: the last line or row that was read.
    :ivar rows: how many rows of all data sets were read, unreadable ones included.
    """

    source: int = 0
    path: str = ""
    format: str = ""
    offset: int = 0
    line: int = 0
    rows: int = 0

    def position(self) -> str:
        """Write it as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, position: str) -> Mark:
        """Read what `position` wrote; an empty text is the beginning.

        :raises StageError: it is something else.
        """
        try:
            mark = cls(**json.loads(position or "{}"))
            if not all(type(value) is type(getattr(cls, name)) for name, value in vars(mark).items()):
                raise TypeError("a field of another type")
            return mark
        except (ValueError, TypeError) as error:
            raise StageError(
                trouble(
                    f"The stored position {position[:80]!a} cannot be read.",
                    "A position that the dataset generator wrote was expected.",
                    "Was this stage another one in the last run? Give the stages their old order.",
                )
            ) from error


@dataclass
class Cursor:
    """A reader that may stand open between two rounds.

    :ivar pending: a row that was looked at, but belongs to the next round.
    """

    rows: Iterator[Row]
    pending: Row | None = None

    def next(self) -> Row | None:
        """Give the next row; ``None`` at the end."""
        if self.pending is None:
            return next(self.rows, None)
        row, self.pending = self.pending, None
        return row


class Batch:
    """Collects what one round reads of one data set.

    :ivar candidates: in the order of their rows.
    :ivar unreadable: in the order of their rows.
    :ivar mark: behind the last row that was read.
    """

    def __init__(self, mark: Mark, columns_of: Callable[[str], Columns], licence: str) -> None:
        self.candidates: list[Candidate] = []
        self.unreadable: list[Unreadable] = []
        self.mark = mark
        self._columns_of, self._licence = columns_of, licence
        self._labels: dict[str, str] = {}  # cleaned ones: most rows repeat those of others
        self._format = mark.format
        if self._format:
            self._use(self._format)

    def _use(self, kind: str) -> None:
        self._format = kind
        self._columns = self._columns_of(kind)
        self._texts = reader(self._columns)

    def fill(self, cursor: Cursor, limit: int, max_rows: int) -> bool:
        """Read rows until there are enough candidates, and then on as long as rows are unreadable.

        So a round that says there is more really leaves a candidate, and the last batch knows that it is.

        :param limit: how many candidates; >= 1.
        :param max_rows: how many rows in all, those of ``mark.rows`` included; 0: no limit.
        :returns: whether the data set has ended.
        """
        row, offset, line, n_rows = None, self.mark.offset, self.mark.line, self.mark.rows
        ended = False
        while len(self.unreadable) < MAX_UNREADABLE and (not max_rows or n_rows < max_rows):
            row = cursor.next()
            if row is None:
                ended = True
                break
            try:
                candidate = self._candidate(row)
            except UnreadableRowError as error:
                self.unreadable.append(Unreadable(self.mark.path, row.line, str(error)))
            else:
                if len(self.candidates) == limit:
                    cursor.pending = row
                    break
                self.candidates.append(candidate)
            offset, line, n_rows = row.offset, row.line_end, n_rows + 1
        self.mark = Mark(self.mark.source, self.mark.path, self._format, offset, line, n_rows)
        return ended

    def _candidate(self, row: Row) -> Candidate:
        columns = row.columns
        if columns is None:
            raise UnreadableRowError(row.problem)
        if not self._format:
            self._recognise(columns)
        texts = self._texts(columns)
        origin = Origin(
            "dataset",
            self.mark.path,
            row.line,
            row.line_end,
            self._label(columns, self._columns.licence) or self._licence or None,
            kind=self._label(columns, self._columns.source),
        )
        candidate = Candidate(*texts, origin)
        if not candidate.instruction:
            raise UnreadableRowError("the instruction is empty")
        return candidate

    def _label(self, row: Mapping[str, Any], names: Sequence[str]) -> str | None:
        """Read a remark about a row (its source, its licence); ``None`` when it is no text and no whole number."""
        for name in names:
            value = row.get(name)
            if isinstance(value, str):
                label = self._labels.get(value)
                if label is None:
                    label = self._labels[value] = clean_text(value)
                if label:
                    return label
            elif isinstance(value, int):
                return str(value)
        return None

    def _recognise(self, columns: Mapping[str, Any]) -> None:
        """Recognise the format late, when none of the first rows could be read at all."""
        kind = recognise(columns)
        if not kind:
            raise UnreadableRowError(f"has no columns that are known: {quoted(columns, 5)}")
        self._use(kind)
