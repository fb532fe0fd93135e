"""Reads a plan of training batches, as `insgen batches` writes it (schema `insgen.batches/1`).

Flows in: a file. Flows out: ids by batch, in training order. Strict: the first line that is not as it should be is an
error with its number.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from insgen.errors import DataError
from insgen.report.batches import SCHEMA

Row = TypeVar("Row")
Id = TypeVar("Id", bound=str)
_SHOWN = 5
"""Unknown ids that a message names."""


def read_plan(path: Path) -> list[tuple[str, ...]]:
    """Read the batches.

    :raises DataError: no such file, or a line that is no batch; it is named by its number.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path} cannot be read: {error}.\n  Expected a plan of training batches.\n"
            f"  `insgen batches {path} -p PROJECT` writes one."
        ) from error
    batches = [_batch(path, number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    if not batches:
        raise DataError(
            f"{path} holds no batch.\n  Expected one on every line.\n  `insgen batches {path} -p PROJECT --force`"
            " writes them."
        )
    return batches


def _batch(path: Path, number: int, line: str) -> tuple[str, ...]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise _wrong(path, number, f"is no JSON ({error})") from error
    if not isinstance(row, dict) or row.get("schema") != SCHEMA:
        raise _wrong(path, number, f'does not say "schema": "{SCHEMA}"')
    ids = row.get("ids")
    if not isinstance(ids, list) or not ids or not all(isinstance(id_, str) and id_ for id_ in ids):
        raise _wrong(path, number, 'has no list of ids under "ids"')
    if len(set(ids)) < len(ids):
        raise _wrong(path, number, "names a row twice")
    return tuple(ids)


def _wrong(path: Path, number: int, problem: str) -> DataError:
    return DataError(
        f"Line {number} of {path} {problem}.\n"
        f'  Expected a batch: {{"schema": "{SCHEMA}", "batch": 1, "ids": ["b2:...", ...]}}.\n'
        "  Mend that line, or write the plan anew with `insgen batches`."
    )


def known_rows(batches: Iterable[Sequence[Id]], rows: Mapping[Id, Row], where: str) -> list[list[Row]]:
    """Put rows in the place of their ids.

    :param where: where the rows are from, for the message.
    :raises DataError: ids without a row.
    """
    batches = list(batches)
    unknown = [id_ for id_ in dict.fromkeys(id_ for batch in batches for id_ in batch) if id_ not in rows]
    if unknown:
        shown = ", ".join(unknown[:_SHOWN]) + (", ..." if len(unknown) > _SHOWN else "")
        raise DataError(
            f"{len(unknown)} rows of the plan are not in {where}: {shown}.\n"
            "  Expected a plan that was made from these rows.\n"
            "  Name the project or the export that the plan was made of, or plan anew with `insgen batches`."
        )
    return [[rows[id_] for id_ in batch] for batch in batches]
