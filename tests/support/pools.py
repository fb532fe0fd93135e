"""Pools for selectors: clustered unit vectors, candidates that carry them, and rounds in a row."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING

import numpy as np

from insgen import BankView, Candidate, Pool, Selection, Selector

if TYPE_CHECKING:
    from numpy.typing import NDArray


def clustered(n: int, seed: int, dimension: int = 16) -> NDArray[np.float32]:
    """Unit vectors around one center per ten."""
    rng = np.random.default_rng(seed)
    centers = rng.standard_normal((max(n // 10, 1), dimension))
    vectors = centers[rng.integers(len(centers), size=n)] + 0.4 * rng.standard_normal((n, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def tasks(
    vectors: NDArray[np.float32], quality: Sequence[float] | NDArray[np.float64], start: int = 0
) -> list[Candidate]:
    """Candidates with these vectors and qualities; their texts are numbered from ``start``."""
    return [
        Candidate(f"Task {start + row}.", output=f"Answer {start + row}.", vector=vector, quality=float(quality[row]))
        for row, vector in enumerate(vectors)
    ]


def random_tasks(n: int, seed: int, start: int = 0) -> list[Candidate]:
    """Clustered candidates of random quality."""
    return tasks(clustered(n, seed), np.random.default_rng(seed + 1000).uniform(size=n), start)


def pool_of(candidates: Sequence[Candidate], n_members: int = 0) -> Pool:
    """A pool whose first rows are the bank."""
    vectors = np.stack([each.vector for each in candidates if each.vector is not None])
    quality = np.array([each.quality for each in candidates], dtype=np.float64)
    return Pool(tuple(candidates), vectors, quality, n_members)


def evolve(
    selector: Selector, batches: Sequence[Sequence[Candidate]], size: int, bank: BankView, seed: int = 5
) -> list[Selection]:
    """Let a selector rank batch after batch, handing its state on."""
    known = {each.id: each for batch in batches for each in batch}
    selections: list[Selection] = []
    members: list[Candidate] = []
    for number, batch in enumerate(batches):
        state = selections[-1].state if selections else ""
        pool = pool_of([*members, *batch], len(members))
        selections.append(selector.select(pool, size, bank, Random(seed + number), state))
        members = [known[place.candidate_id] for place in selections[-1].ranking]
    return selections
