"""Documents -> triples: every maker over every section, the checks, and a place in the order for each.

Flows in: the pages or the one document of a file. Flows out: triples that can stand alone, without repeats. An
instruction that two different outputs would answer is asked for the first of them only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from .._reading import Document, Section, sections
from ._code import make_code
from ._grammar import Vocabulary, n_words
from ._sections import make_sections
from ._steps import make_steps
from ._tables import make_tables
from ._terms import make_terms
from ._triple import Triple, is_whole, points_outside
from ._wording import Voice

_MAKERS: tuple[Callable[[Section, Voice], Iterator[Triple]], ...] = (
    make_steps,
    make_terms,
    make_code,
    make_tables,
)
_MAX_INSTRUCTION_WORDS = 40


@dataclass(frozen=True)
class Wanted:
    """Which triples to make.

    :ivar subject: what the documents are about; may be empty.
    :ivar domain: the project's domain, for when there is no subject; may be empty.
    :ivar kinds: names as in `Triple`.
    :ivar min_words: fewest words of an output (names that are asked for are let through).
    :ivar max_words: most words of an output.
    :ivar in_english: whether words may be put before a question that a document asks.
    """

    subject: str
    domain: str
    kinds: frozenset[str]
    min_words: int
    max_words: int
    in_english: bool = True

    def texts(self) -> tuple[str, ...]:
        """All of it as texts, for a hash."""
        return (
            self.subject,
            self.domain,
            " ".join(sorted(self.kinds)),
            str(self.min_words),
            str(self.max_words),
            str(self.in_english),
        )


def make_triples(pages: Sequence[Document], wanted: Wanted) -> Iterator[tuple[Document, Triple]]:
    """Make all triples of one file, in the order of the file."""
    running = "\n".join(
        block.text
        for page in pages
        for block in page.blocks
        if block.kind in {"paragraph", "bullets", "steps", "terms", "other"}
    )
    around = (wanted.subject, wanted.domain, pages[0].title if pages else "") if wanted.in_english else ("", "", "")
    voice = Voice(*around, Vocabulary(running))
    for page in pages:
        for section in sections(page):
            found = [triple for make in _MAKERS for triple in make(section, voice)]
            # Also of triples that are dropped below: what is asked for by itself is no part of the section's answer.
            taken = {block for triple in found for block in triple.blocks}
            found.extend(make_sections(section, voice, taken))
            for triple in found:
                if triple.kind in wanted.kinds and _stands_alone(triple, wanted):
                    yield page, triple


def _stands_alone(triple: Triple, wanted: Wanted) -> bool:
    words = n_words(triple.output)
    if words > wanted.max_words or words < (1 if triple.names else wanted.min_words):
        return False
    if not 2 <= n_words(triple.instruction) <= _MAX_INSTRUCTION_WORDS or triple.output.rstrip().endswith(":"):
        return False
    if not triple.names and not is_whole(triple.blocks):
        return False
    return not any(points_outside(text) for text in (triple.instruction, triple.input, triple.output))
