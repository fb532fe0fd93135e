"""Who is in the bank, and what a selector chooses from and answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from insgen.records.candidates import Candidate, CandidateId

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Neighbour:
    """A bank member near to some vector.

    :ivar similarity: cosine similarity, -1 to 1, higher is nearer.
    """

    candidate_id: CandidateId
    similarity: float


@dataclass(frozen=True)
class Member:
    """A candidate that is in the bank.

    :ivar rank: 1 is the best.
    :ivar diversity: the selector's measure of how much it adds; higher is better; unit by selector.
    :ivar quality: weighted mean of its scores, 0 to 1.
    :ivar utility: the ranking key; higher is better; unit by selector.
    """

    candidate: Candidate
    rank: int
    diversity: float
    quality: float
    utility: float


@dataclass(frozen=True)
class Pool:
    """What a selector chooses from: the bank in rank order, then the newcomers in order of arrival.

    :ivar candidates: n of them; each has a vector and a quality.
    :ivar vectors: float32, shape ``(n, d)``, L2 norm 1 by row.
    :ivar quality: float64, shape ``(n,)``, 0 (worst) to 1 (best).
    :ivar n_members: the first so many rows are the bank, best first.
    """

    candidates: tuple[Candidate, ...]
    vectors: NDArray[np.float32]
    quality: NDArray[np.float64]
    n_members: int


@dataclass(frozen=True)
class Ranked:
    """One place in a selection; diversity, quality and utility as in `Member`."""

    candidate_id: CandidateId
    diversity: float
    quality: float
    utility: float


@dataclass(frozen=True)
class Selection:
    """A selector's answer.

    :ivar ranking: best first, at most ``size`` of the pool's candidates, none twice; every prefix is the best
        subset of that length.
    :ivar state: what the selector wants to be handed in the next round: JSON text, stored with the bank's version.
    """

    ranking: tuple[Ranked, ...]
    state: str = ""
