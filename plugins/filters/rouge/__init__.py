"""ROUGE-L novelty: drops an instruction that is too similar, word by word, to one of the pool.

Method: Self-Instruct (arXiv:2212.10560, section 2.2; limit 0.7), with SeDi-Instruct's looser limit of 0.85
(arXiv:2502.04774). Only instructions are compared, not inputs and outputs.

The rule: a candidate is dropped when F > limit (strictly) for a text of the pool, where F is the ROUGE-L F-measure, in
doubles and in the reference's order of operations, so that exact ties fall as they fall there. The pool is what
``pool`` says, and every candidate of this round that this filter kept before. A text without words is like
nothing. Of the texts above the limit the verdict names the most similar, of equals the one that comes first: seeds,
then earlier rounds (or members by rank), then this round.

Costs .1 to .3 ms per candidate at 50,000 texts, against 3 s or more for the reference scorer: see `_index.py`, which
loses nothing. A kept candidate has no value in its verdict, for its similarity is only known to be within the limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar

from insgen import BankView, Candidate, ConfigError, Filter, Seed, Verdict, hookimpl

from ._index import Match, RougeIndex
from ._tokens import Vocabulary, ascii_tokens, unicode_tokens

_TOKENIZERS: Mapping[str, Callable[[str], list[str]]] = MappingProxyType(
    {"unicode": unicode_tokens, "ascii": ascii_tokens}
)
_POOLS = ("kept", "kept-only", "bank")


class _Pool:
    """The indexed pool, brought up to date at the start of a round.

    Everything ever kept only grows, so a round costs its newcomers. It is built anew for another bank, and for another
    version where the pool is the members; the few seeds are indexed again when they change.
    """

    def __init__(self) -> None:
        self._bank: BankView | None = None
        self._version = 0
        self._vocabulary = Vocabulary()
        self._seeds = self._texts = RougeIndex(1.0, self._vocabulary)

    def update(self, bank: BankView, options: RougeFilter) -> None:
        """Make the indexes hold the bank's texts of now."""
        if not self._is_beginning_of(bank, options.pool):
            self._bank = None  # until all is indexed, so that an interrupted start is never taken for a whole one
            self._vocabulary = Vocabulary()
            self._seeds, self._texts = self.new_index(options.limit), self.new_index(options.limit)
            if options.pool == "bank":
                _add(self._texts, (member.candidate for member in bank.members()), options)
            self._bank, self._version = bank, bank.version
        if options.pool != "bank":
            _add(self._texts, bank.kept(len(self._texts.ids)), options)
        seeds = () if options.pool == "kept-only" else bank.seeds()
        if [seed.id for seed in seeds] != self._seeds.ids:
            self._seeds = self.new_index(options.limit)
            _add(self._seeds, seeds, options)

    def _is_beginning_of(self, bank: BankView, pool: str) -> bool:
        if self._bank is not bank:
            return False
        return bank.version == self._version if pool == "bank" else bank.n_kept >= len(self._texts.ids)

    def new_index(self, limit: float) -> RougeIndex:
        """Make an empty index that understands this pool's queries."""
        return RougeIndex(limit, self._vocabulary)

    def nearest(self, words: Sequence[str], this_round: RougeIndex) -> Match | None:
        """Find the most similar text above the limit among seeds, pool and this round."""
        query = self._vocabulary.query(words)
        match = None
        for index in (self._seeds, self._texts, this_round):
            match = index.nearest(query, match)
        return match


def _add(index: RougeIndex, texts: Iterable[Candidate | Seed], options: RougeFilter) -> None:
    for text in texts:
        index.add(text.id, options.split(text.instruction))


@dataclass(frozen=True)
class RougeFilter:
    """Keeps an instruction when nothing in the pool has a ROUGE-L above the limit with it."""

    name: ClassVar[str] = "rouge"
    needs_vectors: ClassVar[bool] = False

    #: Largest ROUGE-L F-measure to a text of the pool that still passes, 0 to 1; higher keeps nearer texts.
    limit: float = 0.7
    #: What a word is: "unicode" (letters and digits of any script; Han and kana one by one) or "ascii" (the reference's
    #: runs of a-z and 0-9, by which a text in another script is always new).
    tokens: str = "unicode"
    #: What earlier texts count: "kept" (the seeds in force and all that ever passed every filter), "kept-only" (the
    #: same without seeds) or "bank" (the seeds in force and the present members: what was evicted may come again).
    pool: str = "kept"

    _pool: _Pool = field(default_factory=_Pool, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 0.0 <= self.limit <= 1.0:
            raise ConfigError(
                f"The filter rouge has limit = {self.limit}. Expected a ROUGE-L F-measure from 0 to 1.\n"
                "  Write limit = 0.7 as Self-Instruct does, or 0.85 as SeDi-Instruct does."
            )
        _one_of("tokens", self.tokens, tuple(_TOKENIZERS))
        _one_of("pool", self.pool, _POOLS)

    def split(self, text: str) -> list[str]:
        """Split a text into the words that are compared."""
        return _TOKENIZERS[self.tokens](text)

    def filter(self, candidates: Sequence[Candidate], bank: BankView) -> Sequence[Verdict]:
        """Judge one after the other; what this filter keeps counts against those that follow."""
        self._pool.update(bank, self)
        this_round = self._pool.new_index(self.limit)
        verdicts = []
        for candidate in candidates:
            words = self.split(candidate.instruction)
            match = self._pool.nearest(words, this_round)
            if match is None:
                this_round.add(candidate.id, words)
            verdicts.append(self._verdict(candidate, match))
        return verdicts

    def _verdict(self, candidate: Candidate, match: Match | None) -> Verdict:
        return Verdict(
            candidate.id,
            kept=match is None,
            measure="ROUGE-L",
            value=match.f if match else None,
            unit="similarity 0..1",
            limit=self.limit,
            neighbour=match.id if match else None,
            reason="ROUGE-L too high" if match else "",
        )


def _one_of(option: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        listed = ", ".join(f'"{name}"' for name in known)
        raise ConfigError(
            f'The filter rouge has {option} = "{value}". Expected one of {listed}.\n'
            f'  Choose one of them, or leave the key out for "{known[0]}".'
        )


@hookimpl
def insgen_filters() -> Sequence[type[Filter]]:
    """Offer the filter `rouge`."""
    return [RougeFilter]
