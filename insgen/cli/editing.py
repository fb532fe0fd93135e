"""Texts as a person corrects them: in an editor, or on a line of stdin."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from insgen.errors import DataError

PARTS = ("instruction", "input", "output")
"""What of a task can be edited."""


def edited(row: dict[str, Any], rest: str) -> dict[str, str] | None:
    """The texts that change: from the line in JSON, or from the user's editor; ``None`` when nothing was edited.

    :raises DataError: the line, or what the editor left, cannot be read.
    """
    if not sys.stdin.isatty():
        return _from_line(rest)
    text = "".join(f"=== {name} ===\n{row[name]}\n" for name in PARTS)
    changed = click.edit(text, extension=".txt", require_save=True)
    return None if changed is None else _from_editor(changed)


def _from_line(rest: str) -> dict[str, str]:
    try:
        texts = json.loads(rest)
    except ValueError as error:
        raise DataError(
            f"The edit {rest!r:.80} is no JSON ({error}).\n"
            '  Expected the texts that change, such as e {"output": "Paris."}\n  Write it that way.'
        ) from error
    if not isinstance(texts, dict) or not texts or not all(k in PARTS and isinstance(v, str) for k, v in texts.items()):
        raise DataError(
            f"The edit {rest!r:.80} names no texts.\n  Expected an object with some of {', '.join(PARTS)}.\n"
            "  Write it that way."
        )
    return dict(texts)


def _from_editor(text: str) -> dict[str, str]:
    texts: dict[str, list[str]] = {}
    current: list[str] = []
    for line in text.splitlines():
        name = line.strip().removeprefix("=== ").removesuffix(" ===")
        if name in PARTS and line.strip() == f"=== {name} ===":
            current = texts.setdefault(name, [])
        else:
            current.append(line)
    if set(texts) != set(PARTS):
        raise DataError(
            f"The edited text has the parts {', '.join(texts) or 'none'}.\n  Expected {', '.join(PARTS)}, each behind"
            " its line === NAME ===.\n  Edit again and leave these lines."
        )
    return {name: "\n".join(lines) for name, lines in texts.items()}
