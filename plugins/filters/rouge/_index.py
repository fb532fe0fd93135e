"""Which text of a pool is most similar to a new one by ROUGE-L: exact, without looking at all of them.

F > limit asks two texts of a and b words for at least ``need(a, b)`` common ones. In one fixed order of words, two
texts that share so many have a common one among the first ``a - need + 1`` of one and the first ``b - need + 1`` of
the other (prefix filter; repeats count as further words). So only those first words are indexed, each with the text's
number and the word's place in it. A look-up reads the entries of its own first words, leaves out what cannot reach the
limit by lengths or places, and measures the longest common subsequence of the few that remain. Nothing is lost: the
answer is that of comparing with every text.

The order is by number, highest first: a word has the number of its first use, so the rare ones tend to come first.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from ._tokens import Query, Vocabulary

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LONG_ENTRIES = 100  # from here on NumPy's fixed cost of some 10 us is less than a Python loop's
_NEVER = 1 << 30  # a need that no text can meet
_ROW_BITS = 32
_ROW_MASK = (1 << _ROW_BITS) - 1


class Match(NamedTuple):
    """A text of the pool and its similarity.

    :ivar f: ROUGE-L F-measure, 0 to 1, higher is nearer.
    :ivar id: of the text in the pool.
    """

    f: float
    id: str


def f_measure(n_common: int, n_a: int, n_b: int) -> float:
    """ROUGE-L F-measure of a longest common subsequence, in the reference's order of operations.

    Exactly it is ``2 * n_common / (n_a + n_b)``, but in doubles 272 of the 531 ties at 0.7 (lengths up to 150) come
    out just above, and the reference rejects those. So this computes as the reference does.
    """
    if not n_common:
        return 0.0
    precision = n_common / n_b
    recall = n_common / n_a
    return 2 * precision * recall / (precision + recall)


@dataclass(frozen=True)
class _Needs:
    """How many common words a text of n words needs with one of m words, for F above the limit.

    :ivar array: int64, at index m; `_NEVER` where no number suffices and at the last index, for all longer texts.
    :ivar list: the same, for single look-ups.
    :ivar least: the smallest need of all; `_NEVER` when there is none.
    """

    array: NDArray[np.int64]
    list: list[int]
    least: int


@lru_cache(maxsize=2048)
def _needs(n_words: int, limit: float, longest: int) -> _Needs:
    """Tabulate the needs of a text of n words, n >= 1, with texts of up to ``longest`` words."""
    import numpy as np

    furthest = longest if limit <= 0 else min(longest, int(n_words * (2 - limit) / limit) + 1)
    m = np.arange(furthest + 2)
    m[-1] = 0
    # One or two below the exact bound, then up by the reference's own arithmetic: ties fall as they fall there.
    need = np.maximum(np.floor(limit * (n_words + m) / 2).astype(np.int64) - 1, 1)
    for _ in range(4):
        with np.errstate(divide="ignore", invalid="ignore"):
            precision, recall = need / m, need / n_words
            reached = 2 * precision * recall / (precision + recall) > limit
        need = np.where(reached, need, need + 1)
    need[need > np.minimum(m, n_words)] = _NEVER
    return _Needs(need, need.tolist(), int(need.min()))


class RougeIndex:
    """A pool of texts that only grows.

    :param limit: only similarities above it are found, 0 to 1.
    :param vocabulary: may be shared by several indexes; queries must come from the same one.
    """

    def __init__(self, limit: float, vocabulary: Vocabulary) -> None:
        self._limit = limit
        self._vocabulary = vocabulary
        self.ids: list[str] = []  #: of its texts, in the order they were added
        self._spelled: list[str | list[int]] = []
        self._lengths = array("I")
        self._entries: dict[int, array[int]] = {}
        self._longest = 1

    def add(self, id_: str, words: Sequence[str]) -> None:
        """Append a text. One without words is like nothing and only takes its place in the count."""
        row = len(self.ids)
        numbers = self._vocabulary.learn(words)
        self.ids.append(id_)
        self._spelled.append(self._vocabulary.spell(words))
        self._lengths.append(len(words))
        if not words:
            return
        self._longest = max(self._longest, 1 << len(words).bit_length())
        n_first = len(words) - _needs(len(words), self._limit, self._longest).least + 1
        for place, number in enumerate(numbers[: max(n_first, 0)]):
            entries = self._entries.get(number)
            if entries is None:
                entries = self._entries[number] = array("Q")
            entries.append(place << _ROW_BITS | row)

    def nearest(self, query: Query, beaten: Match | None = None) -> Match | None:
        """Find the most similar text above the limit.

        :param beaten: a match found elsewhere; only a greater similarity counts.
        :returns: of equally similar texts the one added first; ``beaten`` when there is no better one.
        """
        from rapidfuzz.distance import LCSseq

        if not query.known:
            return beaten
        needs = _needs(query.n_words, self._limit, self._longest)
        best = beaten
        for row in sorted(self._reachable(query, needs)):
            n_words = self._lengths[row]
            n_common = LCSseq.similarity(query.spelled, self._spelled[row], score_cutoff=needs.list[n_words])
            if n_common:
                f = f_measure(n_common, query.n_words, n_words)
                if best is None or f > best.f:
                    best = Match(f, self.ids[row])
        return best

    def _reachable(self, query: Query, needs: _Needs) -> set[int]:
        """Rows that share one of the first words and can reach the limit by lengths and places."""
        rows: set[int] = set()
        n_first = query.n_words - needs.least + 1
        for place, number in enumerate(query.known[: max(n_first - query.n_unknown, 0)], query.n_unknown):
            entries = self._entries.get(number)
            if entries is None:
                continue
            n_left = query.n_words - place
            if len(entries) < _LONG_ENTRIES:
                self._scan_short(entries, needs.list, n_left, rows)
            else:
                self._scan_long(entries, needs.array, n_left, rows)
        return rows

    def _scan_short(self, entries: array[int], needs: list[int], n_left: int, rows: set[int]) -> None:
        """Collect the rows whose need the words from here on, on both sides, can still meet."""
        beyond = len(needs) - 1
        for entry in entries:
            row = entry & _ROW_MASK
            n_words = self._lengths[row]
            if needs[min(n_words, beyond)] <= min(n_left, n_words - (entry >> _ROW_BITS)):
                rows.add(row)

    def _scan_long(self, entries: array[int], needs: NDArray[np.int64], n_left: int, rows: set[int]) -> None:
        """Do the same for many entries at once."""
        import numpy as np

        codes = np.frombuffer(entries, np.uint64).astype(np.int64)
        found = codes & _ROW_MASK
        n_words = np.frombuffer(self._lengths, np.uint32)[found].astype(np.int64)
        need = needs[np.minimum(n_words, len(needs) - 1)]
        reachable = (need <= n_left) & (need <= n_words - (codes >> _ROW_BITS))
        rows.update(found[reachable].tolist())
