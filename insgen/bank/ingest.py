"""Seed tasks from ``seeds.jsonl``: one JSON object a line, ``instruction`` and optionally ``input`` and ``output``.

Whole data sets are the business of the ``dataset`` generator; this file is written by hand and read strictly.
"""

from __future__ import annotations

import json
from pathlib import Path

from insgen.errors import DataError
from insgen.records import Candidate, Origin

_FIELDS = ("instruction", "input", "output")


def read_seed_tasks(path: Path) -> list[Candidate]:
    """Read seed tasks; blank lines are skipped.

    :returns: tasks in file order; empty when there is no such file.
    :raises DataError: a line is no JSON object, lacks an instruction, or has a field that is no text; names the line.
    """
    if not path.exists():
        return []
    tasks = []
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 text ({error.reason} at byte {error.start}).\n"
            "  Expected one JSON object a line.\n  Save it as UTF-8."
        ) from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            tasks.append(_task(line, path, number))
    return tasks


def _task(line: str, path: Path, number: int) -> Candidate:
    def refuse(what: str) -> DataError:
        return DataError(
            f"{path}, line {number}: {what}.\n"
            '  Expected an object such as {"instruction": "...", "input": "", "output": "..."}.\n'
            "  Mend or delete the line."
        )

    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise refuse(f"no JSON ({error})") from error
    if not isinstance(row, dict):
        raise refuse("a JSON value that is no object")
    texts = {name: row.get(name, "") for name in _FIELDS}
    for name, text in texts.items():
        if not isinstance(text, str):
            raise refuse(f'"{name}" is no text but {type(text).__name__}')
    task = Candidate(**texts, origin=Origin("seed", path.name, number, number))
    if not task.instruction:
        raise refuse('"instruction" is missing or empty')
    return task
