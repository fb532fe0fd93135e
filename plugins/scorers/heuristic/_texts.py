"""One candidate's texts, cut into words once for all parts.

Works on any script: runs of letters, digits and combining marks are words; Chinese characters and Japanese kana
are words of one sign, since no space parts them. Every pattern here is a plain character class, so cutting is linear.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

_ASCII_WORD = str.maketrans({chr(i): " " for i in range(128) if not chr(i).isalnum()})
_WORD = re.compile(r"[\w\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0963\u0966-\u0dff]+")
_IDEOGRAPH = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_UNSPACED = re.compile(r"[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff]")  # Thai, Lao, Tibetan, Burmese, Khmer
# Common English words that its neighbours (Danish, Dutch, German, French ...) do not have.
_ENGLISH = frozenset({"the", "and", "what", "how", "this", "that", "with", "your", "are", "from", "you", "which"})


def words_of(text: str) -> list[str]:
    """Cut a text into lower-cased words, in order."""
    if text.isascii():  # eight times as fast as the pattern
        return text.lower().translate(_ASCII_WORD).split()
    text = text.casefold().replace("_", " ")
    if _IDEOGRAPH.search(text):
        text = _IDEOGRAPH.sub(r" \g<0> ", text)
    return _WORD.findall(text)


def is_unspaced(text: str) -> bool:
    """Whether a text is mostly in a script without spaces that takes a dictionary to cut (Thai, Khmer ...)."""
    if text.isascii():
        return False
    return len(_UNSPACED.findall(text)) * 4 > len(text)


@dataclass(frozen=True)
class Texts:
    """What the parts look at: the three texts of a candidate and their words.

    :ivar instruction: the task.
    :ivar input: what the task works on; may be empty.
    :ivar output: the answer; may be empty.
    """

    instruction: str
    input: str = ""
    output: str = ""

    @cached_property
    def instruction_words(self) -> list[str]:
        """Words of the instruction."""
        return words_of(self.instruction)

    @cached_property
    def prompt_words(self) -> list[str]:
        """Words of instruction and input."""
        return self.instruction_words + words_of(self.input) if self.input else self.instruction_words

    @cached_property
    def words(self) -> list[str]:
        """Words of the output."""
        return words_of(self.output)

    @cached_property
    def distinct(self) -> frozenset[str]:
        """Different words of the output."""
        return frozenset(self.words)

    @cached_property
    def task(self) -> str:
        """The instruction in lower case, for looking up wordings."""
        return self.instruction.lower()

    @cached_property
    def english(self) -> bool:
        """Whether the instruction is recognisably English; False also means "cannot tell"."""
        return not _ENGLISH.isdisjoint(self.instruction_words)

    @cached_property
    def unspaced(self) -> bool:
        """Whether words of the output cannot be told apart."""
        return is_unspaced(self.output)
