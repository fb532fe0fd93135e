"""Deita: score first, diversity aware (Liu et al. 2024, arXiv:2312.15685, section 2.4 and released code).

Candidates are looked at from the best score down; one is kept unless its cosine similarity to one kept before is above
a limit, until the budget is reached. The score is the candidate's quality; give it the scorer ``deita`` for the paper's
(complexity times quality). The paper writes "keep if d < tau" with a *distance* d; only a similarity makes sense, and
it is what the code computes.

The limit does not carry over from one embedder to another: the paper's 0.9 belongs to LLaMA's hidden states, and a
sentence encoder reacts far more strongly between 0.8 and 0.9. Where too few candidates pass it, the bank stays smaller
than its size, as in the paper. Costs O(n * kept * d) at worst, in blocks of matrix products that skip most pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, ClassVar

from insgen import BankView, ConfigError, Pool, Selection, Selector, hookimpl

from ._pool import check_pool
from ._ranking import FARTHEST, best_first, selection

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ROWS = 1024  # kept candidates whose diversity is measured together


@dataclass(frozen=True)
class DeitaSelector:
    """Ranks by quality, leaving out what is too similar to something better.

    Diversity is 1 - cosine similarity to the nearest candidate kept before it, from 1 - ``max_similarity`` to 2 (the
    first one's); utility is the quality. Every prefix is exactly what the method keeps with that budget.
    """

    name: ClassVar[str] = "deita"

    #: tau: cosine similarity to a better candidate above which one is left out, -1 to 1; 1 leaves nothing out
    max_similarity: float = 0.9

    def __post_init__(self) -> None:
        if not -1 <= self.max_similarity <= 1:
            raise ConfigError(
                f"deita: max_similarity = {self.max_similarity!r}.\n"
                "  Expected a cosine similarity from -1 to 1.\n"
                "  Change max_similarity; the paper has 0.9, and a distance d is the similarity 1 - d."
            )

    def select(self, pool: Pool, size: int, bank: BankView, rng: Random, state: str) -> Selection:  # noqa: ARG002  # the contract's arguments
        """Take at most ``size`` of bank and newcomers; of equal quality the older goes first."""
        check_pool(pool, self.name)
        if size < 1 or not pool.candidates:
            return Selection(())
        from ._redundancy import Scan

        order = best_first(pool.quality)
        if self.max_similarity < 1.0:  # at 1 only rounding could decide
            order = Scan(pool.vectors, order, self.max_similarity).kept(size)
        order = order[:size]
        return selection(pool, order, _distance_to_earlier(pool.vectors, order), pool.quality[order])


def _distance_to_earlier(vectors: NDArray[np.float32], order: NDArray[np.int64]) -> NDArray[np.float64]:
    """1 - cosine similarity of each row to the nearest of the rows before it; 2 for the first."""
    import numpy as np

    kept = vectors[order]
    nearest = np.full(len(kept), 1.0 - FARTHEST)
    for start in range(0, len(kept), _ROWS):
        block = kept[start : start + _ROWS]
        for before in range(0, start + 1, _ROWS):
            similarity = block @ kept[before : before + _ROWS].T
            if before == start:
                similarity[np.triu_indices(len(block))] = -np.inf
            here = nearest[start : start + _ROWS]
            np.maximum(here, similarity.max(axis=1), out=here)
    return np.asarray(1.0 - np.minimum(nearest, 1.0))


@hookimpl
def insgen_selectors() -> Sequence[type[Selector]]:
    """Offer Deita's selection."""
    return [DeitaSelector]
