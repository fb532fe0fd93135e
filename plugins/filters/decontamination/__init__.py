"""Decontamination: drops candidates that repeat items of the evaluation sets the user names.

Method, two tests, either of which drops a candidate before its answer is bought:

- n words in a row in common with an item (GPT-3, arXiv:2005.14165, appendix C, with n = 13; PaLM and Llama 3 use 8).
  Words are compared without case and punctuation; Chinese, Japanese and Korean signs are words of their own. An item of
  fewer than n words is matched only by a candidate with exactly the same words.
- cosine similarity to an item above a limit, with the project's own embedder: catches rewordings. It calls for vectors,
  so put the filter behind the cheap ones; survivors need their vectors anyway.

The verdict names the item (``neighbour`` is ``file:line``), and the data set's card lists the items that were met.
Costs reading and embedding the evaluation sets once (their vectors are remembered), some 100 bytes of memory for each
of their words, and one matrix product per round.

It knows the sets it is given, and of a set only the texts in `columns`. A candidate's own output is looked at by words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from insgen import BankView, Candidate, ConfigError, Filter, StageError, Verdict, hookimpl

from ._sets import EvaluationSets, load_sets, words_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_REASON = "in evaluation set"


@dataclass(frozen=True)
class DecontaminationFilter:
    """Keeps a candidate that repeats no evaluation item, neither in words nor in meaning."""

    name: ClassVar[str] = "decontamination"
    needs_vectors: ClassVar[bool] = True

    #: Evaluation sets: JSON Lines (.jsonl) or text with an item on every line (.txt); relative to the config.
    paths: tuple[Path, ...] = ()
    #: Keys of a JSON row that make up the item's text, those it has, in this order.
    columns: tuple[str, ...] = ("instruction", "question", "prompt", "problem", "text", "input")
    #: How many words in a row in common are too many, >= 3.
    n: int = 8
    #: Largest cosine similarity to an item that still passes, -1 to 1; 1 leaves this test out.
    limit: float = 0.9
    _cache: list[EvaluationSets] = field(default_factory=list, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.n < 3 or not -1.0 <= self.limit <= 1.0 or not self.columns:
            raise ConfigError(
                f"The filter decontamination has n = {self.n}, limit = {self.limit}, columns = {list(self.columns)}.\n"
                "  Expected n of at least 3, a limit from -1 to 1 and at least one column.\n  Change it."
            )

    def filter(self, candidates: Sequence[Candidate], bank: BankView) -> Sequence[Verdict]:
        """Compare every candidate with every item.

        :raises StageError: no set is named, or one cannot be read; with file and line.
        """
        if not candidates:
            return []
        if not self._cache:
            self._cache.append(load_sets(self.paths, self.columns, self.n))
        sets = self._cache[0]
        if self.limit >= 1.0:
            return [self._by_words(candidate, sets) or Verdict(candidate.id, True) for candidate in candidates]
        places, similarities = _nearest(candidates, sets, bank)
        return [
            self._by_words(candidate, sets) or self._by_meaning(candidate, sets.items[place].place, similarity)
            for candidate, place, similarity in zip(candidates, places.tolist(), similarities.tolist(), strict=True)
        ]

    def _by_words(self, candidate: Candidate, sets: EvaluationSets) -> Verdict | None:
        """The rejection for words in common; ``None`` when there are too few."""
        own = words_of(f"{candidate.instruction}\n{candidate.input}")
        for words in (own, words_of(candidate.output)):
            hit = sets.hit(words)
            if hit is not None:
                place, n_words = hit
                told = ("words in a row in common", float(n_words), "words", float(n_words))
                return Verdict(candidate.id, False, *told, neighbour=sets.items[place].place, reason=_REASON)
        return None

    def _by_meaning(self, candidate: Candidate, place: str, similarity: float) -> Verdict:
        near = similarity > self.limit
        return Verdict(
            candidate.id,
            kept=not near,
            measure="cosine similarity",
            value=similarity,
            unit="similarity -1..1",
            limit=self.limit,
            neighbour=place if near else None,
            reason=_REASON if near else "",
        )


def _nearest(
    candidates: Sequence[Candidate], sets: EvaluationSets, bank: BankView
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Number of the nearest item and its cosine similarity, of every candidate; both of shape ``(n,)``."""
    import numpy as np

    vectors = [candidate.vector for candidate in candidates if candidate.vector is not None]
    if len(vectors) < len(candidates):
        raise StageError(
            "The filter decontamination was given a candidate without a vector.\n  Expected vectors for all.\n"
            "  Run it through the loop, which embeds candidates first."
        )
    index = bank.index(bank.embed([item.text for item in sets.items]))
    rows, similarities = index.nearest(np.stack(vectors), 1, exact=True)
    return rows[:, 0], similarities[:, 0]


@hookimpl
def insgen_filters() -> Sequence[type[Filter]]:
    """Offer the filter `decontamination`."""
    return [DecontaminationFilter]
