"""JSON Lines for the exporters beside this file: one object a line, UTF-8, every row with the same keys.

Rows carry the candidate's ``id``, so that what a training run says about a row finds its way back; where a row came
from stands in the Parquet export and in the dataset card, not in the training file.

JSON has no types for texts: the `datasets` library takes a column in which *every* text is an ISO date for dates.
Parquet leaves no such doubt.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from insgen import Candidate, Member

# Line ends to many readers (str.splitlines, JavaScript), though not to JSON: escaped, so that one row stays one line.
_LINE_ENDS = {ord(char): f"\\u{ord(char):04x}" for char in "\x85\u2028\u2029"}


def write_rows(members: Iterable[Member], path: Path, row: Callable[[Candidate], Mapping[str, object]]) -> int:
    """Write one line for each member.

    :returns: how many.
    """
    n_rows = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for member in members:
            fields = {"id": member.candidate.id, **row(member.candidate)}
            file.write(json.dumps(fields, ensure_ascii=False).translate(_LINE_ENDS) + "\n")
            n_rows += 1
    return n_rows


def question(candidate: Candidate) -> str:
    """Join instruction and input as one user would write them."""
    return f"{candidate.instruction}\n\n{candidate.input}" if candidate.input else candidate.instruction


def conversation(candidate: Candidate) -> list[tuple[str, str]]:
    """All messages as (role, content) without the system message.

    A candidate that was never answered is its question alone: an empty answer would teach a model silence.
    """
    answered = [("assistant", candidate.output)] if candidate.output or candidate.turns else []
    return [("user", question(candidate)), *answered, *((turn.role, turn.content) for turn in candidate.turns)]
