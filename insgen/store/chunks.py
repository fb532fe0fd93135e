"""Long lists of ids in pieces that one SQL statement can take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from insgen.records import CandidateId

_CHUNK = 500  # variables in one statement; SQLite's smallest limit is 999


def chunks(ids: Sequence[CandidateId]) -> Iterator[Sequence[CandidateId]]:
    """Cut ids into pieces, in order."""
    return (ids[start : start + _CHUNK] for start in range(0, len(ids), _CHUNK))


def marks(chunk: Sequence[object]) -> str:
    """Write the question marks that stand for a piece: ``?,?,?``."""
    return ",".join("?" * len(chunk))
