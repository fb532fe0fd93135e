"""Generator `documents`: instruction triples from the structure of documents, without any language model.

Numbered lists, bold terms, code with its lead-in, tables, question headings, sections and lists say by themselves
what they answer. The output (and input) is text of the document, never rewritten and never invented; only the
instruction is worded here, from headings, lead-ins and column names. Every candidate names its file and lines.

Cost: no call, no network; about a second per 100,000 words. All documents are read once per process and their triples
kept in memory, because they are given in the order of a hash: so each round mixes kinds and files.

Where it goes on: the position holds a hash of all names, contents and options, and how many triples were given. When
a document or an option has changed, the walk begins again; triples that were seen before are recognised by their
content id further on.

The wording is English. In a project of another language only the kind ``question`` is made, whose words are the
document's own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from insgen import (
    Candidate,
    ConfigError,
    Generated,
    Generator,
    GeneratorContext,
    Origin,
    StageError,
    Unreadable,
    content_hash,
    hookimpl,
)

from .._reading import Document, Source, fingerprint, load_sources, read_source
from ._make import Wanted, make_triples
from ._triple import KINDS, Triple


@dataclass(frozen=True)
class _Walk:
    """All that the documents give, in the order it is given."""

    candidates: tuple[Candidate, ...]
    unreadable: tuple[Unreadable, ...]


@dataclass(frozen=True)
class DocumentsGenerator:
    """Makes instruction / input / output triples from Markdown, text, HTML and PDF files."""

    name: ClassVar[str] = "documents"

    #: Files or folders (with all they hold), relative to the project: .md .markdown .txt .rst .html .htm .pdf.
    paths: tuple[str, ...] = ("docs",)
    #: Which kinds of triples to make: procedure, definition, code, table, question, section, list.
    kinds: tuple[str, ...] = KINDS
    #: What the documents are about, in words that can stand after "in" ("SQLite"); named in instructions that would
    #: be ambiguous without it. Empty: the project's domain is used, or else the documents' titles.
    subject: str = ""
    #: Fewest words of an output, >= 1; a name that is asked for may be shorter.
    min_words: int = 4
    #: Most words of an output, >= min_words.
    max_words: int = 400
    #: The licence of all these documents, stored with every candidate; empty when unknown.
    licence: str = ""

    _walks: dict[str, _Walk] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.paths or not all(path.strip() for path in self.paths):
            raise ConfigError(
                f'`paths` of the generator "documents" is {list(self.paths)!r}. '
                "At least one file or folder was expected, and no empty name. "
                'Write for example `paths = ["docs"]`.'
            )
        unknown = sorted(set(self.kinds) - set(KINDS))
        if unknown or not self.kinds:
            raise ConfigError(
                f'`kinds` of the generator "documents" names {", ".join(unknown) or "nothing"}. '
                f"Some of these were expected: {', '.join(KINDS)}. Correct the names, or leave `kinds` out for all."
            )
        if not 1 <= self.min_words <= self.max_words:
            raise ConfigError(
                f'The generator "documents" has `min_words` = {self.min_words} and `max_words` = {self.max_words}. '
                "1 <= min_words <= max_words was expected. Lower one, or raise the other."
            )

    def generate(self, context: GeneratorContext) -> Generated:
        """Give the next triples, at most ``context.limit``.

        :raises StageError: a path is missing, a folder holds no document, or nothing in all paths can be read.
        """
        kinds = self._kinds_for(context.language)
        sources = load_sources(self.paths, context.project, self.name)
        wanted = Wanted(self.subject.strip(), context.domain.strip(), kinds, self.min_words, self.max_words)
        mark = content_hash(fingerprint(sources), *wanted.texts(), self.licence)
        walk = self._walk(mark, sources, wanted)
        offset = _offset(context.position, mark)
        end = min(offset + context.limit, len(walk.candidates))
        return Generated(
            candidates=walk.candidates[offset:end],
            position=json.dumps({"documents": mark, "offset": end}),
            exhausted=end == len(walk.candidates),
            unreadable=walk.unreadable if offset == 0 else (),
        )

    def _kinds_for(self, language: str) -> frozenset[str]:
        kinds = frozenset(self.kinds)
        if language.lower().split("-")[0] in {"en", ""}:
            return kinds
        if "question" not in kinds:
            raise StageError(
                f'The generator "documents" words its instructions in English; the project has "{language}". '
                "For another language it makes only triples of the kind `question`, whose words are the document's. "
                'Add "question" to its `kinds`, or use a generator that asks a language model.'
            )
        return frozenset({"question"})

    def _walk(self, mark: str, sources: Sequence[Source], wanted: Wanted) -> _Walk:
        if mark not in self._walks:
            walk = _read_all(sources, wanted, self.licence.strip() or None)
            self._walks.clear()
            self._walks[mark] = walk
        return self._walks[mark]


def _read_all(sources: Sequence[Source], wanted: Wanted, licence: str | None) -> _Walk:
    candidates: list[Candidate] = []
    unreadable: list[Unreadable] = []
    asked: set[str] = set()
    n_read = 0
    for source in sources:
        pages, reason = read_source(source)
        n_read += reason is None
        if reason is not None:
            unreadable.append(reason)
        for page, triple in make_triples(pages, wanted):
            candidate = _candidate(page, triple, licence)
            if candidate.text_key not in asked and candidate.output:
                asked.add(candidate.text_key)
                candidates.append(candidate)
    if not n_read:
        raise StageError(
            f'The generator "documents" could read none of {len(sources)} files; the first, '
            f'"{unreadable[0].source}": {unreadable[0].reason}. '
            "At least one file with text was expected. Correct the files, or `paths`."
        )
    # Ids are hashes of the texts: their order mixes kinds and files, and is the same on every machine.
    return _Walk(tuple(sorted(candidates, key=lambda candidate: candidate.id)), tuple(unreadable))


def _candidate(page: Document, triple: Triple, licence: str | None) -> Candidate:
    first, last = triple.span()
    origin = Origin("documents", page.source, first, last, licence, kind=triple.kind)
    return Candidate(triple.instruction, triple.input, triple.output, origin=origin)


def _offset(position: str, mark: str) -> int:
    """Where to go on: 0 at first, and again when the documents are not what they were."""
    if not position:
        return 0
    try:
        held = json.loads(position)
        known, offset = held["documents"], held["offset"]
    except (ValueError, KeyError, TypeError) as error:
        raise StageError(
            f'The generator "documents" cannot read its stored position {position!r}. '
            "A JSON object with `documents` and `offset` was expected. "
            "Another generator of this name may have written it: start a fresh project, or use the same version again."
        ) from error
    return int(offset) if known == mark else 0


@hookimpl
def insgen_generators() -> Sequence[type[Generator]]:
    """Offer `DocumentsGenerator`."""
    return [DocumentsGenerator]
