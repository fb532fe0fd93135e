"""Entries of ``paths`` -> sources, each with the reader that fits what it is."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from json import JSONDecoder
from pathlib import Path

from insgen import StageError

from ._array import array_rows
from ._rows import Row, first_block, quoted, trouble
from ._tables import hub_rows, parquet_rows, saved_rows
from ._text import csv_rows, jsonl_rows

_PACKED = (".gz", ".bz2", ".xz")
_SUFFIXES = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet")
# What `datasets` writes beside the data.
_NOT_DATA = frozenset(("dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json"))
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?(:[\w.-]+)?")


@dataclass(frozen=True)
class Source:
    """One data set: a file, a saved folder or a Hub id.

    :ivar label: what `insgen.Origin.source` says: the path relative to the project where it can be, or the id.
    :ivar rows: (offset, line) -> rows behind them; see the readers.
    """

    label: str
    rows: Callable[[int, int], Iterator[Row]]


@dataclass(frozen=True)
class Reading:
    """How sources are to be read.

    :ivar split: of a saved or Hub data set.
    :ivar wanted: the columns to take out of tables.
    :ivar max_bytes: longest line of a text file.
    """

    split: str
    wanted: frozenset[str]
    max_bytes: int


def find_sources(entries: tuple[str, ...], project: Path, reading: Reading) -> tuple[Source, ...]:
    """Resolve the entries in order; a folder stands for its data files, sorted by their paths, hidden ones left out.

    Nothing is read yet.

    :raises StageError: a path is missing, or a folder holds no data.
    """
    found: list[Source] = []
    for entry in entries:
        path = project / Path(entry).expanduser()
        if path.is_dir() and ((path / "state.json").is_file() or (path / "dataset_dict.json").is_file()):
            label = _label(path, project)
            found.append(Source(label, partial(_saved, path, label, reading)))
        elif path.is_dir():
            found += [_file(file, project, reading) for file in _data_files(path, entry)]
        elif path.is_file():
            found.append(_file(path, project, reading))
        elif path.exists() or _looks_like_path(entry):
            raise StageError(
                trouble(
                    f'"{entry}" {"is neither a file nor a folder" if path.exists() else "is missing"} ({path}).',
                    "A file, a folder or the id of a Hub data set was expected.",
                    "Give one that is there; a relative path in a config starts at the project's folder, and"
                    " `insgen add` looks in the current folder first.",
                )
            )
        else:
            found.append(Source(entry, partial(_hub, entry, reading)))
    return tuple(found)


def _label(path: Path, project: Path) -> str:
    absolute, root = path.absolute(), project.absolute()
    shown = absolute.relative_to(root) if absolute.is_relative_to(root) else path
    return os.fsencode(shown.as_posix()).decode("utf-8", "replace")  # a name need not be UTF-8, a stored text must


def _looks_like_path(entry: str) -> bool:
    return not _HUB_ID.fullmatch(entry) or _kind(Path(entry)) != ""


def _kind(path: Path) -> str:
    """Give the suffix that says what the file is; empty when none does."""
    name = path.name.lower()
    for packed in _PACKED:
        name = name.removesuffix(packed)
    return next((suffix for suffix in _SUFFIXES if name.endswith(suffix)), "")


def _data_files(folder: Path, entry: str) -> list[Path]:
    files = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and _kind(path)
        and path.name not in _NOT_DATA
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    if not files:
        held = sorted(path.name for path in folder.iterdir())
        raise StageError(
            trouble(
                f'The folder "{entry}" holds no data (it has {quoted(held, 5) or "nothing in it"}).',
                f"Files ending with {', '.join(_SUFFIXES)} (also .gz, .bz2, .xz), or a folder made by save_to_disk, "
                "were expected.",
                "Give the right folder, or name the files themselves in paths.",
            )
        )
    return files


def _file(path: Path, project: Path, reading: Reading) -> Source:
    label = _label(path, project)
    return Source(label, partial(_file_rows, path, label, reading))


def _saved(path: Path, label: str, reading: Reading, offset: int, line: int) -> Iterator[Row]:
    del line  # rows are counted by the offset
    return saved_rows(path, label, reading.split, reading.wanted, offset)


def _hub(name: str, reading: Reading, offset: int, line: int) -> Iterator[Row]:
    del line  # rows are counted by the offset
    return hub_rows(name, reading.split, reading.wanted, offset)


def _file_rows(path: Path, label: str, reading: Reading, offset: int, line: int) -> Iterator[Row]:
    kind = _kind(path)
    if kind == ".parquet":
        return parquet_rows(path, label, reading.wanted, offset)
    if kind in (".csv", ".tsv"):
        return csv_rows(path, label, offset, line, reading.max_bytes)
    if kind in (".jsonl", ".ndjson") or _is_jsonl(path, label, kind):
        return jsonl_rows(path, label, offset, line, reading.max_bytes)
    return array_rows(path, label, offset, line, reading.max_bytes)


def _is_jsonl(path: Path, label: str, kind: str) -> bool:
    """Tell JSON Lines from one array; many files called ``.json`` are the former.

    :raises StageError: it is neither.
    """
    block = first_block(path, label).lstrip()
    if block.startswith(b"["):
        return False
    line, newline, _ = block.partition(b"\n")
    if line.startswith(b"{") and (not newline or _is_object(line)):
        return True
    found = "one JSON object over several lines" if line.startswith(b"{") else "no JSON"
    if not kind:
        found = f"of no known type ({ascii(path.suffix)[1:-1] or 'no suffix'})"
    raise StageError(
        trouble(
            f'"{label}" is {found}.',
            "A JSON array of objects, or one object per line, was expected"
            + ("." if kind else f", or a file ending with {', '.join(_SUFFIXES)}."),
            "Convert it, or take it out of paths.",
        )
    )


def _is_object(line: bytes) -> bool:
    try:
        JSONDecoder().decode(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return False
    return True
