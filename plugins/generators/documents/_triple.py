"""The record that makers give, and the checks that every output must pass."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .._reading import Block

_POINTER = re.compile(
    r"""(?ix)
    \b(?:see|seen|shown|described|mentioned|listed|discussed|given|explained|covered|introduced|defined|
       said|noted|outlined|documented|repeated)\s+(?:\w+\s+)?
       (?:above|below|earlier|later|previously|elsewhere)\b(?!\s+(?:\d|than))
    | \b(?:as|from|in|used|like)\s+(?:above|below|before)\b(?=\s*[.,;:)]|$)
    | \b(?:the|this|these|those)\s+(?:[\w`-]+\s+){0,3}(?:above|below)\b
       (?!\s+(?:\d|the|a|an|it|that|which|this|one|zero))
    | \b(?:above|below)\s+(?:query|table|figure|example|code|command|list|section|steps?|statement|script|diagram)\b
    | \b(?:previous|next|preceding|earlier|later|last|following)\s+(?:chapter|section|figure|paragraph)s?\b
    | \b(?:this|these)\s+(?:chapter|section|handbook|guide|manual|book|appendix|article|tutorial|collection)s?\b
    | \b(?:chapter|section|appendix|figure|fig\.|table|listing)\s+\d | \bappendix\s+[A-Z]\b
    | \bsee\s+(?:also\b|the\s+(?:chapter|section|appendix)|\[|["“][A-Z]|`[^`]+\.md)
    | \b(?:answers|stories|examples|rules|values|figures|numbers|listings?)\s+here\b
    | \b(?:chapter|section)s?\s+(?:on|about)\b
    """
)
_DANGLING = re.compile(r"\]\((?!https?:|mailto:)[^)]*\)|\]\[[^\]]*\]|\[\^[^\]]+\]|<!--|!\[")
_LEANING = re.compile(
    r"(?i)^(?:also|but|however|then|otherwise|instead|again|similarly|likewise|therefore|thus|hence|"
    r"so|yet|they|these|those|"
    r"both|neither|the same|the latter|the former|that is why|next|finally|as before|and|or|for the same reason)\b"
)
_SENTENCE_END = re.compile(r"[.!?…][\"'”’)*_`\]]*$")


@dataclass(frozen=True)
class Triple:
    """An instruction triple and where it stands in its source.

    :ivar kind: ``procedure``, ``definition``, ``code``, ``table``, ``question``, ``section`` or ``list``.
    :ivar blocks: what the output was taken from, for its lines.
    :ivar lines: first and last line where they are not those of the blocks.
    :ivar names: the output is a name that was asked for, so it may be shorter than ``min_words``.
    """

    kind: str
    instruction: str
    output: str
    blocks: tuple[Block, ...]
    input: str = ""
    lines: tuple[int | None, int | None] | None = None
    names: bool = False

    def span(self) -> tuple[int | None, int | None]:
        """First and last line, counted from 1, inclusive; ``None`` where the source has no lines."""
        if self.lines is not None:
            return self.lines
        return self.blocks[0].line_start, self.blocks[-1].line_end


def points_outside(text: str) -> bool:
    """Whether a text sends its reader to something that is not in it."""
    return bool(_POINTER.search(text) or _DANGLING.search(text))


def leans_back(text: str) -> bool:
    """Whether a text begins as the continuation of another."""
    return bool(_LEANING.match(text.lstrip("*_ ")))


def is_whole(blocks: Sequence[Block]) -> bool:
    """Whether a run of blocks ends where a thought does."""
    last = blocks[-1]
    return last.kind != "paragraph" or bool(_SENTENCE_END.search(last.text.rstrip()))
