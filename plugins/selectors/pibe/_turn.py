"""One turn of the selector: the engine's choice of search and past, and what the turn hands on.

Flows in: one batch of newcomers with the bank, and last turn's state. Flows out: an `Outcome`; later, the state's text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Literal

import numpy as np

from insgen import BankView, Pool

from ._nn import BlockSearch, IndexSearch, Search
from ._round import Outcome, Plan, by_edges, by_matrix, by_neighbours, lonely
from ._space import Space
from ._state import Kept, Recalled, Similarity, dump

if TYPE_CHECKING:
    from numpy.typing import NDArray

Engine = Literal["nn", "dense", "sparse"]

# Searching all for all by blocks beats building and asking an index up to here (384 dimensions): hnswlib took 4
# times the CPU time at 33,000, and each neighbour it misses makes a candidate look lonelier than it is.
_BLOCK_SEARCH_ROWS = 200_000


def part(pool: Pool, rows: Sequence[int], n_members: int) -> Pool:
    """The pool of some rows; the same one where these are all."""
    chosen = list(rows)
    if chosen == list(range(len(pool.candidates))):
        return pool
    candidates = tuple(pool.candidates[row] for row in chosen)
    return Pool(candidates, pool.vectors[chosen], pool.quality[chosen], n_members)


@dataclass(frozen=True)
class Turn:
    """What a turn works with besides the pool.

    :ivar reservoir: most ids of candidates that it hands on.
    """

    engine: Engine
    plan: Plan
    similarity: Similarity
    reservoir: int
    bank: BankView
    rng: Random

    def propagate(self, pool: Pool, past: Recalled | None) -> Outcome:
        """Score the pool by the engine, with the past that this engine can use."""
        space = Space(pool.vectors, self.similarity.affinity)
        if len(space) == 1:
            return lonely()
        if self.engine == "dense":
            return by_matrix(space, None if past is None else past.whole(), self.plan, self.rng)
        if self.engine == "sparse":
            return by_edges(space, self._search, None if past is None else past.along_edges(), self.plan, self.rng)
        return by_neighbours(
            space, self._search, None if past is None else past.collapsed(self.rng), self.plan, self.rng
        )

    def _search(self, space: Space) -> Search:
        if len(space) <= _BLOCK_SEARCH_ROWS:
            return BlockSearch.over(space)
        vectors = np.asarray(space.vectors, dtype=np.float32)
        return IndexSearch.over(vectors, self.bank.index(vectors))

    def carry(self, outcome: Outcome, pool: Pool, order: NDArray[np.int64], audit: Mapping[str, object]) -> str:
        """The state of the finished turn.

        :param order: rows of the new members, best first.
        """
        n = len(pool.candidates)
        whole = outcome.responsibilities is not None or n <= self.reservoir
        looked_at = range(n) if whole else sorted(self.rng.sample(range(n), self.reservoir))
        kept = Kept([each.id for each in pool.candidates], order, looked_at)
        return dump(outcome, kept, self.similarity, {"engine": self.engine, **audit})
