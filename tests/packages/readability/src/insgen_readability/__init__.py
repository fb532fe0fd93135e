"""How easily an answer reads, after Flesch (1948, "A new readability yardstick"), equation for reading ease.

206.835 - 1.015 * words per sentence - 84.6 * syllables per word; English only. Costs some microseconds an answer. Comes
with the recipe ``readable`` and the command ``insgen readability``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import ClassVar

import click

from insgen import LLM, BankView, Candidate, Prompts, Recipe, Score, Scorer, hookimpl

_WORD = re.compile(r"[A-Za-z']+")
_SENTENCE = re.compile(r"[.!?]+(?=\s|$)")
_SYLLABLE = re.compile(r"[aeiouy]+")


def reading_ease(text: str) -> float | None:
    """Flesch's reading ease, about 0 (hard) to 100 (easy), cut to that range; ``None`` for a text without words."""
    words = _WORD.findall(text)
    if not words:
        return None
    n_sentences = max(1, len(_SENTENCE.findall(text)))
    n_syllables = sum(max(1, len(_SYLLABLE.findall(word.lower()))) for word in words)
    ease = 206.835 - 1.015 * len(words) / n_sentences - 84.6 * n_syllables / len(words)
    return min(100.0, max(0.0, ease))


@dataclass(frozen=True)
class ReadabilityScorer:
    """Scores an answer by its reading ease, 0 to 100."""

    name: ClassVar[str] = "readability"

    min_words: int = 3  #: answers with fewer words get no score, in words

    def score(
        self, candidates: Sequence[Candidate], bank: BankView, llm: LLM | None, prompts: Prompts
    ) -> Sequence[Score]:
        """Score every answer by itself."""
        return [self._judge(candidate) for candidate in candidates]

    def _judge(self, candidate: Candidate) -> Score:
        ease = reading_ease(candidate.output)
        if ease is None or len(_WORD.findall(candidate.output)) < self.min_words:
            return Score(candidate.id, None, 0.0, 100.0, reason="too few English words")
        return Score(candidate.id, ease, 0.0, 100.0)


@click.command("readability")
@click.argument("text")
def readability(text: str) -> None:
    """Tell how easily a text reads, 0 (hard) to 100 (easy)."""
    ease = reading_ease(text)
    click.echo("no words" if ease is None else f"{ease:.1f}")


@hookimpl
def insgen_scorers() -> Sequence[type[Scorer]]:
    """Offer the scorer."""
    return [ReadabilityScorer]


@hookimpl
def insgen_recipes() -> Sequence[Recipe]:
    """Offer the recipe."""
    toml = resources.files(__name__).joinpath("readable.toml").read_text(encoding="utf-8")
    return [Recipe("readable", "a set that reads easily, out of your own documents", toml, "Flesch 1948")]


@hookimpl
def insgen_commands() -> Sequence[click.Command]:
    """Offer the command."""
    return [readability]
