"""Length limits: drops instructions and outputs of unlikely length.

The cheapest filter, a word count per text; let it stand first. Self-Instruct's own limits (more than 3 and at most
150 words, arXiv:2212.10560 section 2.2) belong to the `keywords` filter; these are wider and ours.

A word is a run of characters between white space. Han characters and kana are counted one by one, for Chinese and
Japanese put no space between words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from insgen import BankView, Candidate, ConfigError, Filter, Verdict, hookimpl

_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # kana and Han
_WORD = rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+"  # compiled at first use: so wide a class takes milliseconds


@dataclass(frozen=True)
class LengthFilter:
    """Keeps a candidate whose instruction, output and whole text are within limits, bounds included."""

    name: ClassVar[str] = "length"
    needs_vectors: ClassVar[bool] = False

    #: Fewest words of an instruction, in words, >= 1.
    min_words: int = 3
    #: Most words of an instruction, in words, >= min_words.
    max_words: int = 500
    #: Whether a candidate without an output is rejected; false leaves it to a later answer (``[respond]``).
    require_output: bool = False
    #: Fewest words of an output, in words, >= 0; a candidate that has no output yet is not measured.
    min_output_words: int = 1
    #: Most words of an output, in words, >= min_output_words.
    max_output_words: int = 4000
    #: Most characters of system message, instruction, input, output and later turns together, in characters, >= 1.
    max_chars: int = 50_000

    def __post_init__(self) -> None:
        _at_least("min_words", self.min_words, 1)
        _at_least("max_words", self.max_words, self.min_words)
        _at_least("min_output_words", self.min_output_words, 0)
        _at_least("max_output_words", self.max_output_words, self.min_output_words)
        _at_least("max_chars", self.max_chars, 1)

    def filter(self, candidates: Sequence[Candidate], bank: BankView) -> Sequence[Verdict]:  # noqa: ARG002  # the contract
        """Judge each candidate on its own; the first limit it breaks is the reason."""
        return [self._judge(candidate) for candidate in candidates]

    def _judge(self, candidate: Candidate) -> Verdict:
        # Characters first: counting the words of a text of many megabytes is what the guard is there to spare.
        n_chars = sum(map(len, _texts(candidate)))
        if n_chars > self.max_chars:
            return _reject(candidate, n_chars, "characters", self.max_chars, "too many characters")
        n_words = _count_words(candidate.instruction)
        if n_words < self.min_words:
            return _reject(candidate, n_words, "words", self.min_words, "too short")
        if n_words > self.max_words:
            return _reject(candidate, n_words, "words", self.max_words, "too long")
        if candidate.output:
            n_output = _count_words(candidate.output)
            if n_output < self.min_output_words:
                return _reject(candidate, n_output, "words", self.min_output_words, "output too short")
            if n_output > self.max_output_words:
                return _reject(candidate, n_output, "words", self.max_output_words, "output too long")
        elif self.require_output:
            return _reject(candidate, 0, "words", max(1, self.min_output_words), "output missing")
        return Verdict(candidate.id, kept=True, measure="words", value=float(n_words), unit="words")


def _at_least(option: str, value: int, low: int) -> None:
    if value < low:
        raise ConfigError(
            f"The filter length has {option} = {value}. Expected a whole number of at least {low}.\n"
            f"  Raise {option}, or lower what it must not be below."
        )


def _texts(candidate: Candidate) -> Iterator[str]:
    yield from (candidate.system, candidate.instruction, candidate.input, candidate.output)
    for turn in candidate.turns:
        yield turn.content


def _count_words(text: str) -> int:
    return sum(1 for _ in re.finditer(_WORD, text))


def _reject(candidate: Candidate, value: int, unit: str, limit: int, reason: str) -> Verdict:
    measure = f"output {unit}" if reason.startswith("output") else unit
    return Verdict(candidate.id, False, measure, float(value), unit, float(limit), reason=reason)


@hookimpl
def insgen_filters() -> Sequence[type[Filter]]:
    """Offer the filter `length`."""
    return [LengthFilter]
