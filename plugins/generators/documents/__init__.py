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
from typing import TYPE_CHECKING, ClassVar

from insgen import ConfigError, Generated, Generator, GeneratorContext, StageError, content_hash, hookimpl

if TYPE_CHECKING:
    from ._walk import Walk


KINDS = ("procedure", "definition", "code", "table", "question", "section", "list")


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

    _walks: dict[str, Walk] = field(default_factory=dict, init=False, repr=False, compare=False)

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
        # Patterns by the dozen are compiled when these are imported: only for a run that uses this generator.
        from .._reading import fingerprint, load_sources
        from ._make import Wanted
        from ._walk import read_all

        in_english = context.language.lower().split("-")[0] in {"en", ""}
        kinds = frozenset(self.kinds) if in_english else self._kinds_without_english(context.language)
        around = self.subject.strip(), context.domain.strip()
        wanted = Wanted(*around, kinds, self.min_words, self.max_words, in_english)
        sources = load_sources(self.paths, context.project, self.name)
        mark = content_hash(fingerprint(sources), *wanted.texts(), self.licence)
        if mark not in self._walks:
            walk = read_all(sources, wanted, self.licence.strip() or None)
            self._walks.clear()
            self._walks[mark] = walk
        walk = self._walks[mark]
        offset = _offset(context.position, mark)
        end = min(offset + context.limit, len(walk.candidates))
        return Generated(
            candidates=walk.candidates[offset:end],
            position=json.dumps({"documents": mark, "offset": end}),
            exhausted=end == len(walk.candidates),
            unreadable=walk.unreadable if offset == 0 else (),
        )

    def _kinds_without_english(self, language: str) -> frozenset[str]:
        if "question" not in self.kinds:
            raise StageError(
                f'The generator "documents" words its instructions in English; the project has "{language}". '
                "For another language it makes only triples of the kind `question`, whose words are the document's. "
                'Add "question" to its `kinds`, or use a generator that asks a language model.'
            )
        return frozenset({"question"})


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
