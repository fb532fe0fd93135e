"""All files -> all candidates, in the order in which the rounds give them.

Flows in: the files' contents and what is wanted. Flows out: candidates without repeats, and what could not be read.
Knows nothing of rounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from insgen import Candidate, Origin, StageError, Unreadable

from .._reading import Document, Source, read_source
from ._make import Wanted, make_triples
from ._triple import Triple


@dataclass(frozen=True)
class Walk:
    """All that the documents give, in the order it is given."""

    candidates: tuple[Candidate, ...]
    unreadable: tuple[Unreadable, ...]


def read_all(sources: Sequence[Source], wanted: Wanted, licence: str | None) -> Walk:
    """Read every file.

    Of two triples that ask the same, the first in the order of the files is kept: one question, one answer.

    :raises StageError: no file could be read.
    """
    candidates: list[Candidate] = []
    unreadable: list[Unreadable] = []
    asked: set[str] = set()
    for source in sources:
        pages, reason = read_source(source)
        if reason is not None:
            unreadable.append(reason)
        for page, triple in make_triples(pages, wanted):
            candidate = _candidate(page, triple, licence)
            if candidate.output and candidate.text_key not in asked:
                asked.add(candidate.text_key)
                candidates.append(candidate)
    if len(unreadable) == len(sources):
        raise StageError(
            f'The generator "documents" could read none of {len(sources)} files; the first, '
            f'"{unreadable[0].source}": {unreadable[0].reason}. '
            "At least one file with text was expected. Correct the files, or `paths`."
        )
    # Ids are hashes of the texts: their order mixes kinds and files, and is the same on every machine.
    return Walk(tuple(sorted(candidates, key=lambda candidate: candidate.id)), tuple(unreadable))


def _candidate(page: Document, triple: Triple, licence: str | None) -> Candidate:
    first, last = triple.span()
    origin = Origin("documents", page.source, first, last, licence, kind=triple.kind)
    return Candidate(triple.instruction, triple.input, triple.output, origin=origin)
