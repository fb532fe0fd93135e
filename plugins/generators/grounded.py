"""Generator `grounded`: questions with answers out of passages of the user's documents, written by a language model.

Each call shows one passage (some hundred words of Markdown, text, HTML or PDF, with the headings above it) and asks
for a few questions that it answers by itself. Answers come with their questions, so nothing is bought later; file
and lines go with every candidate. The answer is JSON, read by the parser `json`; with `structured` the service is
asked to hold itself to the schema, which not every model can.

Every passage is shown once, in the order of a hash that mixes files; a document that changes begins the walk again.
Passages that the budget could not pay for are shown first in the next round.
Cost: about 550 prompt and 300 answer tokens a passage. Nothing here checks that an answer is true to its passage.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from insgen import (
    ConfigError,
    Generated,
    Generator,
    GeneratorContext,
    Request,
    StageError,
    Unreadable,
    content_hash,
    hookimpl,
)

from ._prompting import at_least, n_calls, subject, user_message

if TYPE_CHECKING:
    from ._passages import Passage
    from ._reading import Source

_PROMPT = "generate/grounded"


@dataclass(frozen=True)
class _Walk:
    """All passages, in the order they are shown."""

    passages: tuple[Passage, ...]
    unreadable: tuple[Unreadable, ...]


@dataclass(frozen=True)
class GroundedGenerator:
    """Asks for questions and answers out of documents."""

    name: ClassVar[str] = "grounded"

    #: Files or folders (with all they hold), relative to the project: .md .markdown .txt .rst .html .htm .pdf.
    paths: tuple[str, ...] = ("docs",)
    #: Questions asked for per passage, >= 1; the model may give fewer.
    questions: int = 3
    #: Fewest words of a passage, headings not counted, >= 1.
    min_words: int = 40
    #: Most words of a passage, >= min_words; only a single longer line is shown whole.
    max_words: int = 300
    #: Most calls a round, >= 0; 0 = as many as the round's limit needs.
    calls: int = 0
    #: Ask the service to keep to a JSON schema; true only for models that can.
    structured: bool = False
    #: Longest answer, in tokens, >= 0; 0 = [llm] max_tokens.
    max_tokens: int = 2048
    #: The licence of all these documents, stored with every candidate; empty when unknown.
    licence: str = ""

    _walks: dict[str, _Walk] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        at_least(self.name, 1, questions=self.questions, min_words=self.min_words)
        at_least(self.name, self.min_words, max_words=self.max_words)
        at_least(self.name, 0, calls=self.calls, max_tokens=self.max_tokens)
        if not self.paths or not all(path.strip() for path in self.paths):
            raise ConfigError(
                f"The generator grounded has paths = {list(self.paths)}.\n"
                '  Expected at least one file or folder, and no empty name.\n  Write for example paths = ["docs"].'
            )

    def generate(self, context: GeneratorContext) -> Generated:
        """Ask about the next passages.

        :raises StageError: a path is missing, a folder holds no document, or no file can be read.
        """
        from ._reading import fingerprint, load_sources  # the readers take a third of the start of `insgen --help`

        sources = load_sources(self.paths, context.project, self.name)
        mark = content_hash(fingerprint(sources), str(self.min_words), str(self.max_words))
        if mark not in self._walks:
            walk = self._read_all(sources)
            self._walks.clear()
            self._walks[mark] = walk
        walk = self._walks[mark]
        offset, left = _standing(context.position, mark)
        n = n_calls(context.limit, self.questions, self.calls)
        end = min(offset + max(0, n - len(left)), len(walk.passages))
        places, waiting = [*left[:n], *range(offset, end)], left[n:]

        def position(unasked: Sequence[int] = ()) -> str:
            back = [places[number] for number in unasked]
            return json.dumps({"grounded": mark, "offset": end, "left": [*back, *waiting]})

        return Generated(
            requests=tuple(self._request(context, walk.passages[place]) for place in places),
            position=position(),
            exhausted=end == len(walk.passages) and not waiting,
            unreadable=walk.unreadable if offset == 0 else (),
            position_without=position,
        )

    def _read_all(self, sources: Sequence[Source]) -> _Walk:
        from ._passages import cut_passages
        from ._reading import read_source

        found: dict[str, Passage] = {}
        unreadable: list[Unreadable] = []
        for source in sources:
            documents, reason = read_source(source)
            if reason is not None:
                unreadable.append(reason)
            for document in documents:
                for passage in cut_passages(document, self.min_words, self.max_words):
                    found.setdefault(content_hash("passage", passage.text), passage)
        if len(unreadable) == len(sources):
            raise StageError(
                f'The generator "grounded" could read none of {len(sources)} files; the first, '
                f'"{unreadable[0].source}": {unreadable[0].reason}.\n'
                "  Expected at least one file with text.\n  Mend the files, or `paths`."
            )
        return _Walk(tuple(found[key] for key in sorted(found)), tuple(unreadable))

    def _request(self, context: GeneratorContext, passage: Passage) -> Request:
        words = subject(context) | {"place": passage.place, "passage": passage.text, "count": str(self.questions)}
        params: dict[str, Any] = {"max_tokens": self.max_tokens} if self.max_tokens else {}
        if self.structured:
            params["response_format"] = _schema()
        return Request(
            messages=user_message(context.prompts.render(_PROMPT, **words)),
            format="json",
            params=params,
            prompt_hash=context.prompts.hash(_PROMPT),
            source=passage.source,
            licence=self.licence.strip(),
        )


def _schema() -> dict[str, Any]:
    """What the service is held to: ``{"pairs": [{"question": ..., "answer": ...}]}``."""
    text = {"type": "string"}
    pair = {
        "type": "object",
        "properties": {"question": text, "answer": text},
        "required": ["question", "answer"],
        "additionalProperties": False,
    }
    whole = {
        "type": "object",
        "properties": {"pairs": {"type": "array", "items": pair}},
        "required": ["pairs"],
        "additionalProperties": False,
    }
    return {"type": "json_schema", "json_schema": {"name": "pairs", "strict": True, "schema": whole}}


def _standing(position: str, mark: str) -> tuple[int, list[int]]:
    """Where to go on, and which passages before it were left out when the budget was spent.

    Passage 0 and none at first, and again when the documents are not what they were.
    """
    if not position:
        return 0, []
    try:
        held = json.loads(position)
        known, offset, left = held["grounded"], int(held["offset"]), [int(place) for place in held.get("left", ())]
    except (ValueError, KeyError, TypeError) as error:
        raise StageError(
            f'The generator "grounded" cannot read its stored position {position!r}.\n'
            "  Expected a JSON object with `grounded` and `offset`.\n"
            "  Another generator of this name may have written it: start a fresh project, or install that one again."
        ) from error
    return (offset, left) if known == mark else (0, [])


@hookimpl
def insgen_generators() -> Sequence[type[Generator]]:
    """Offer `grounded`."""
    return [GroundedGenerator]
