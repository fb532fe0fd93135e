"""Candidates from existing data: JSON, JSONL, CSV, TSV, Parquet, saved `datasets` folders and the Hub.

Data sets come in order of arrival, rows in their order, and a batch never spans two data sets (PIBE: each data set is
cut into consecutive batches, the last one may be short). The format of each is recognised by its columns; the table
of formats stands in `_formats.py`.

It costs no LLM call. Memory holds one round's rows and one block of a file, however long the file. When a run is
resumed, a packed file is unpacked again up to its position, and a Hub data set is streamed again up to there.

A file is one data set, so a folder is as many as it has files. ``Origin.source`` is the file or id, ``Origin.kind``
what the row's own source column says. A row that cannot be read is told with its line (its row number in Parquet, a
saved data set or the Hub) and never stops a run; a data set whose first rows have no known columns does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import ClassVar

from insgen import ConfigError, Generated, Generator, GeneratorContext, StageError, hookimpl

from ._batch import Batch, Cursor, Mark
from ._formats import COLUMNS, EXPECTED, Columns, recognise
from ._rows import ENDED, quoted, trouble
from ._sources import Reading, Source, find_sources

_SAMPLE_ROWS = 100  # looked at to recognise a format
_FORMATS = ("auto", *COLUMNS, "columns")


@dataclass(frozen=True)
class DatasetGenerator:
    """Reads rows of data sets as candidates."""

    name: ClassVar[str] = "dataset"

    #: Files, folders (their data files, sorted) or Hub ids (``id`` or ``id:config``), in order of arrival.
    paths: tuple[str, ...] = ("data/",)
    #: The split of a Hub data set or of a folder made by ``save_to_disk``; other folders and files are read whole.
    split: str = "train"
    #: ``auto`` (by the columns), ``messages``, ``sharegpt``, ``alpaca``, ``prompt-completion`` or ``columns``.
    format: str = "auto"
    #: Column with the instruction; giving it means the format ``columns``.
    instruction_column: str = ""
    #: Column with the input, for the format ``columns``; empty: there is none.
    input_column: str = ""
    #: Column with the output, for the format ``columns``; empty: there is none.
    output_column: str = ""
    #: Column with the system message, for the format ``columns``; empty: there is none.
    system_column: str = ""
    #: Column that says what a row was made from; empty: ``source``, where there is one.
    source_column: str = ""
    #: Column with a row's licence; empty: ``licence`` or ``license``, where there is one.
    licence_column: str = ""
    #: Licence of rows that state none, an SPDX id; empty: unknown.
    licence: str = ""
    #: Stop after so many rows of all data sets together, unreadable ones included; 0: read all.
    max_rows: int = 0
    #: Longest line of a text file (longest element of a JSON array) that is read, in MiB; at least 1.
    max_line_mb: int = 16

    # The reader that stands open between two rounds, by project and position: saves passing over what was read.
    _cursors: dict[tuple[str, str], Cursor] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        own = bool(self.input_column or self.output_column or self.system_column)
        checks = (
            (
                bool(self.paths) and all(self.paths),
                f"paths is {self.paths!r}.",
                "Files, folders or Hub ids",
                "Add one.",
            ),
            (self.format in _FORMATS, f'format is "{self.format}".', f"One of {', '.join(_FORMATS)}", "Choose one."),
            (
                self.format in ("auto", "columns") or not (self.instruction_column or own),
                f'Columns are named, but format is "{self.format}".',
                'format = "columns"',
                "Change format, or take the column options out.",
            ),
            (
                bool(self.instruction_column) or not (self.format == "columns" or own),
                'instruction_column is "".',
                "The name of a column (it goes with the other column options)",
                "Name the column that holds the instruction.",
            ),
            (self.max_rows >= 0, f"max_rows is {self.max_rows}.", "A number >= 0", "Use 0 to read all."),
            (self.max_line_mb >= 1, f"max_line_mb is {self.max_line_mb}.", "A number >= 1 (MiB)", "Raise it."),
        )
        for holds, what, expected, cure in checks:
            if not holds:
                raise ConfigError(trouble(f"dataset: {what}", f"{expected} was expected.", cure))

    def generate(self, context: GeneratorContext) -> Generated:
        """Read the next rows of the data set whose turn it is.

        :returns: at most ``context.limit`` candidates, and the unreadable rows between and directly behind them.
        :raises StageError: a data set is missing, empty, no data or without known columns, or ``paths`` was changed.
        """
        mark = Mark.read(context.position)
        sources = find_sources(self.paths, context.project, self._reading())
        if mark.source >= len(sources) or 0 < self.max_rows <= mark.rows:
            return Generated(position=context.position, exhausted=True)
        source = sources[mark.source]
        if not mark.path:
            mark = replace(mark, path=source.label, format=self._recognise(source))
        elif mark.path != source.label:
            raise StageError(
                trouble(
                    f'The next row was to come from "{mark.path}", but data set {mark.source + 1} is "{source.label}".',
                    "Those that were read were expected to stand first in paths, in their order.",
                    "Put them back, and new ones at the end (the files of a folder are sorted by name).",
                )
            )
        cursor = self._cursors.pop((str(context.project), context.position), None)
        if cursor is None:
            cursor = Cursor(iter(()) if mark.offset == ENDED else source.rows(mark.offset, mark.line))
        batch = Batch(mark, self._columns, self.licence)
        ended = batch.fill(cursor, context.limit, self.max_rows)
        behind = Mark(source=mark.source + 1, rows=batch.mark.rows) if ended else batch.mark
        position = behind.position()
        exhausted = behind.source == len(sources) or 0 < self.max_rows <= behind.rows
        self._cursors.clear()
        if not ended and not exhausted:
            self._cursors[str(context.project), position] = cursor
        return Generated(tuple(batch.candidates), (), position, exhausted, tuple(batch.unreadable))

    def _reading(self) -> Reading:
        kinds = ("columns",) if self.instruction_column else COLUMNS
        wanted = frozenset[str]().union(*(self._columns(kind).names() for kind in kinds))
        return Reading(self.split, wanted, self.max_line_mb << 20)

    def _columns(self, kind: str) -> Columns:
        if kind == "columns":
            columns = Columns(
                (self.instruction_column,),
                (self.input_column,) if self.input_column else (),
                (self.output_column,) if self.output_column else (),
                system=(self.system_column,) if self.system_column else (),
            )
        else:
            columns = COLUMNS[kind]
        return replace(
            columns,
            source=(self.source_column,) if self.source_column else columns.source,
            licence=(self.licence_column,) if self.licence_column else columns.licence,
        )

    def _recognise(self, source: Source) -> str:
        """Name the format of a data set by its first rows; empty when none of them could be read.

        :raises StageError: it has no rows, or the columns are not those of the format.
        """
        kind = "columns" if self.instruction_column else self.format
        names: dict[str, None] = {}
        n_rows = 0
        for row in islice(source.rows(0, 0), _SAMPLE_ROWS):
            n_rows += 1
            names |= dict.fromkeys(row.columns or ())
            if kind == "auto" and row.columns is not None:
                kind = recognise(row.columns) or kind
        if not n_rows:
            raise StageError(
                trouble(
                    f'"{source.label}" holds no rows.', "A data set with rows was expected.", "Take it out of paths."
                )
            )
        if not names:
            return "" if kind == "auto" else kind
        missing = self._missing(kind, names)
        if missing:
            raise StageError(
                trouble(
                    f'"{source.label}" has the columns {quoted(names)}.',
                    missing,
                    'Name its columns: instruction_column = "...", output_column = "..." and so on.',
                )
            )
        return kind

    def _missing(self, kind: str, names: dict[str, None]) -> str:
        """Say what was expected of the columns; empty when they are as expected."""
        if kind == "auto":
            return EXPECTED
        columns = self._columns(kind)
        needed = (columns.conversation,) if columns.conversation else columns.instruction
        if not any(name in names for name in needed):
            return f'For the format "{kind}", {quoted(needed)} was expected.'
        own = (self.input_column, self.output_column, self.system_column, self.source_column, self.licence_column)
        absent = [name for name in own if name and name not in names]
        return f"The config also names {quoted(absent)}." if absent else ""


@hookimpl
def insgen_generators() -> Sequence[type[Generator]]:
    """Offer the generator."""
    return [DatasetGenerator]
