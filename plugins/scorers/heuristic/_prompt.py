"""Parts that look at the instruction, or at the answer beside the instruction.

Each function takes `Texts` and gives a value from 0 (worst) to 1 (best), or ``None`` where it cannot judge.
"""

from __future__ import annotations

import re

from ._texts import Texts, is_unspaced

_FULL_WORDS = 4  #: words from which an instruction is no fragment by its length
_CUT = (",", "(", "[", "{", "-", "，", "、")
_NOUN_STARTS = frozenset({"the", "a", "an", "this", "that", "these", "my", "your", "of", "and", "with", "about"})
_TASK_WORDS = frozenset(
    """answer choose classify complete continue convert create define describe determine discuss edit estimate evaluate
    explain extract fill find generate give help identify imagine list make name need please predict propose provide
    rank rate recommend rewrite select should solve sort suggest summarise summarize tell translate try use want write
    what which who whom whose when where why how is are was were do does did can could would will""".split()  # noqa: SIM905  # a page of quotation marks would be harder to read
)
_NEEDS_INPUT = re.compile(
    r"\b(?:(?:the|this|these|each) (?:following|given|provided|above|below)|following) "
    r"(?:text|passage|paragraph|article|sentence|code|input|list|words|data|table|story|document|review|email|"
    r"conversation|dialogue|tweet|statement|snippet)s?\b",
    re.IGNORECASE,
)

_MIN_STEM = 4
_STEM = 5  #: leading letters compared, so that inflected forms meet
_MIN_WORDS = 15
_TRANSLATION = re.compile(
    "translat|übersetz|oversæt|översätt|oversett|vertaal|tradu|перевед|перевод|翻译|翻譯|翻訳|번역"
)
FULL_OVERLAP = 0.25  #: share of the instruction's content words in the answer that counts as fully relevant

_RUN = 5  #: words in a copied run
_MIN_COPY_WORDS = 5


def clarity(texts: Texts) -> float | None:
    """Whether the instruction can be understood as a task: 1 clear, 0 nothing to go by.

    A product of: length (fewer than four words), being made of letters, not being cut, and two signs looked for in
    English wordings only: that it is no bare noun phrase ("The history of Rome": starts like one, and has neither a
    question mark nor any of the commonest words that ask), and that a text it points to ("the following passage")
    is there.
    """
    text = texts.instruction
    n_words = len(texts.instruction_words)
    if not n_words:
        return 0.0
    value = 1.0 if is_unspaced(text) else min(1.0, (1 + n_words) / (1 + _FULL_WORDS))
    n_letters = sum(map(str.isalpha, text)) if len(text) < 500 else len(text)  # a long text has words enough
    if n_letters * 3 < len(text):
        value *= 0.6
    if text.endswith(_CUT) or (text.endswith(":") and not texts.input):
        value *= 0.5
    if texts.instruction_words[0] in _NOUN_STARTS and "?" not in text and texts.english:
        value *= 0.6 if _TASK_WORDS.isdisjoint(texts.instruction_words) else 1.0
    if not texts.input and n_words < 40 and "\n" not in text and ":" not in text and '"' not in text:
        value *= 0.5 if _NEEDS_INPUT.search(text) else 1.0
    return value


def relevance(texts: Texts) -> float | None:
    """Whether the answer takes up the instruction's words: 1 a quarter of them or more, 0 none.

    Words of at least four letters, compared by their first five. Abstains on fewer than three such words, on answers
    of fewer than fifteen words, on translations, and on scripts without spaces.
    """
    if len(texts.words) < _MIN_WORDS or texts.unspaced or _TRANSLATION.search(texts.task):
        return None
    wanted = {word[:_STEM] for word in texts.instruction_words if len(word) >= _MIN_STEM}
    if len(wanted) < 3:
        return None
    found = wanted.intersection([word[:_STEM] for word in texts.distinct])
    return min(1.0, len(found) / len(wanted) / FULL_OVERLAP)


def originality(texts: Texts) -> float | None:
    """Whether the answer is more than a copy of its prompt: 1 in its own words, 0 the instruction or the input again.

    Otherwise one minus half the share of its runs of five words that stand in the prompt: an answer quoted from a given
    text may be right. Answers of fewer than five words may be choices from the prompt and are judged only when they
    are the whole instruction or input.
    """
    words, prompt = texts.words, texts.prompt_words
    if words and (words == texts.instruction_words or words == prompt[len(texts.instruction_words) :]):
        return 0.0
    if len(words) < _MIN_COPY_WORDS:
        return None
    runs = set(zip(*(words[k:] for k in range(_RUN)), strict=False))
    copied = runs.intersection(zip(*(prompt[k:] for k in range(_RUN)), strict=False))
    return 1.0 - 0.5 * len(copied) / len(runs)
