"""Self-Instruct's validity rules: length, unsuitable words, and how the text begins.

Method: Self-Instruct, arXiv:2212.10560, section 2.2 with appendix A, in the form and order of its published code;
Alpaca's code adds five words. Costs one regular expression per candidate.

The rules, in order; the first that fires drops the candidate and is the reason:

1. three words or fewer, or more than 150 (words between white space);
2. one of the unsuitable words, as a whole word in any case: what a language model can neither see nor do;
3. the text starts with "Write a program", which the model of the paper proposed far too often;
4. the first character is ASCII punctuation;
5. the first character is not ASCII. (So these rules are for English. For other languages use `length`.)

The two variants differ also in what they look at, as in their code: `self-instruct` at the text with white space
collapsed, first character in upper case and all others in lower case; `alpaca` at the text as it stands, so that
"write a program" in lower case passes.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from insgen import BankView, Candidate, ConfigError, Filter, Verdict, hookimpl

_MIN_WORDS = 4
_MAX_WORDS = 150
_SELF_INSTRUCT = (
    *("image", "images", "graph", "graphs", "picture", "pictures", "file", "files", "map", "maps"),
    *("draw", "plot", "go to"),
)
_ALPACA = (*_SELF_INSTRUCT, "video", "audio", "music", "flowchart", "diagram")
_KEYWORDS: Mapping[str, tuple[str, ...]] = MappingProxyType({"self-instruct": _SELF_INSTRUCT, "alpaca": _ALPACA})


@dataclass(frozen=True)
class KeywordFilter:
    """Keeps a candidate whose instruction breaks none of the five rules."""

    name: ClassVar[str] = "keywords"
    needs_vectors: ClassVar[bool] = False

    #: Whose rules: "self-instruct" (13 unsuitable words) or "alpaca" (18; the text is judged as it stands).
    variant: str = "self-instruct"

    def __post_init__(self) -> None:
        if self.variant not in _KEYWORDS:
            raise ConfigError(
                f'The filter keywords has variant = "{self.variant}". Expected "self-instruct" or "alpaca".\n'
                '  Choose one of the two, or leave the key out for "self-instruct".'
            )

    def filter(self, candidates: Sequence[Candidate], bank: BankView) -> Sequence[Verdict]:  # noqa: ARG002  # the contract
        """Judge each candidate on its own."""
        return [self._judge(candidate) for candidate in candidates]

    def _judge(self, candidate: Candidate) -> Verdict:
        text = candidate.instruction.strip()
        if self.variant == "self-instruct":
            text = " ".join(text.split()).capitalize()
        n_words = len(text.split())
        if n_words < _MIN_WORDS:
            return Verdict(candidate.id, False, "words", float(n_words), "words", float(_MIN_WORDS), reason="too short")
        if n_words > _MAX_WORDS:
            return Verdict(candidate.id, False, "words", float(n_words), "words", float(_MAX_WORDS), reason="too long")
        measure, reason = self._unsuitable(text)
        return Verdict(candidate.id, not reason, measure, reason=reason)

    def _unsuitable(self, text: str) -> tuple[str, str]:
        """Apply rules 2 to 5: what was looked at and the reason, the latter empty for a text that passes."""
        found = re.search(rf"\b(?:{'|'.join(_KEYWORDS[self.variant])})\b", text, re.IGNORECASE)
        if found:
            return f'word "{found.group().lower()}"', "unsuitable word"
        if text.startswith("Write a program"):
            return "first words", "asks for a program"
        if text[0] in string.punctuation:
            return "first character", "starts with punctuation"
        if not text[0].isascii():
            return "first character", "starts with a character that is not ASCII"
        return "validity rules", ""


@hookimpl
def insgen_filters() -> Sequence[type[Filter]]:
    """Offer the filter `keywords`."""
    return [KeywordFilter]
