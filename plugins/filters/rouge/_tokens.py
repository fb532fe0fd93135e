"""Words of a text, as ROUGE-L compares them, and their numbers.

Two tokenizers. `ascii_tokens` is the reference's (Self-Instruct and rouge_score 0.1.2 without stemmer), for faithful
presets: it throws away everything but a-z and 0-9, so a text in another script has no words and is like nothing.
`unicode_tokens` is for all languages.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

# Patterns are compiled at first use, by `re` itself: such wide classes take milliseconds, which every start would pay.
_ASCII_WORD = r"[a-z0-9]+"
_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # kana and Han
_UNICODE_WORD = rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+"
_UNKNOWN = 0  # stands for every word that no indexed text has


def ascii_tokens(text: str) -> list[str]:
    """Split into lower-case runs of a-z and 0-9."""
    return re.findall(_ASCII_WORD, text.lower())


def unicode_tokens(text: str) -> list[str]:
    """Split into case-folded runs of letters and digits after NFKC normalization.

    Han characters and kana are one token each, for those scripts put no space between words and a sentence would be
    a single token. A combining mark without a composed form splits its word; both texts are split alike.
    """
    return re.findall(_UNICODE_WORD, unicodedata.normalize("NFKC", text).casefold())


class Query(NamedTuple):
    """A text to be looked up.

    :ivar n_words: its length in words.
    :ivar n_unknown: how many of its words no indexed text has; in the order of words they come first.
    :ivar known: numbers of the others with repeats, highest first.
    :ivar spelled: one character per word.
    """

    n_words: int
    n_unknown: int
    known: list[int]
    spelled: str | list[int]


class Vocabulary:
    """Numbers for words, in order of first use: the one fixed order of words of an index.

    Rare words tend to come late and get high numbers. Numbers never change: an order by frequency would have to, and
    lose matches.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def learn(self, words: Sequence[str]) -> list[int]:
        """Number the words of a text, giving new ones the next free numbers (from 1); highest first."""
        numbers = self._numbers
        return sorted((numbers.setdefault(word, len(numbers) + 1) for word in words), reverse=True)

    def query(self, words: Sequence[str]) -> Query:
        """Number a text without learning from it."""
        known = [self._numbers[word] for word in words if word in self._numbers]
        known.sort(reverse=True)
        return Query(len(words), len(words) - len(known), known, self.spell(words))

    def spell(self, words: Sequence[str]) -> str | list[int]:
        """Write a text with one character per word, as rapidfuzz reads it fastest.

        Past the last code point it is the numbers themselves, which rapidfuzz takes for the same characters.
        """
        numbers = [self._numbers.get(word, _UNKNOWN) for word in words]
        try:
            return "".join(map(chr, numbers))
        except ValueError:
            return numbers
