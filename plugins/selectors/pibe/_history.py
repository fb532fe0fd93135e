"""What a round remembers of the one before (paper file, step 4 and E8.3).

Flows in: last round's candidates, and their responsibilities towards today's members, stored or assumed. Flows out: the
history H for the dense engine, or only its median for the nn engine. With preference 0 everything else in H cancels
from the scores (E2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from ._space import Affinity, distances, unit_rows

if TYPE_CHECKING:
    from random import Random

    from numpy.typing import NDArray

Inherit = Literal["distance", "similarity"]

_MAX_ENTRIES = 2_000_000  # numbers in a block that the median is taken over (16 MB); a larger block is sampled
_SORTED = 200_000  # numbers that are simply sorted
_PROBES = 10_000  # numbers looked at to guess where the median lies


@dataclass(frozen=True)
class Past:
    """Last round, seen from this one. B members, of which b are looked at; n' candidates, or a sample of them.

    :ivar r: R'(i, i) of the members, shape ``(B,)``.
    :ivar vectors: last round's candidates, shape ``(n', d)``.
    :ivar columns: R' of those towards the members, shape ``(n', b)``.
    :ivar rows: R' of the members towards those, shape ``(b, n')``; ``None`` when R' is symmetric.
    :ivar bank: R' among the members, shape ``(b', b)``.
    :ivar scale: as in `Outcome.scale`, of last round.
    :ivar complete: columns (and rows) are what was computed, for all candidates and members; nothing is assumed.
    """

    r: NDArray[np.float64]
    vectors: NDArray[np.floating]
    columns: NDArray[np.float64]
    rows: NDArray[np.float64] | None
    bank: NDArray[np.float64]
    scale: float
    complete: bool


def lower_median(blocks: Sequence[tuple[NDArray[np.float64], float]]) -> float:
    """The lower median of numbers that count several times: of 1, 2, 3, 10 it is 2.

    It narrows the range down by counting before it sorts: a sort of millions takes longer than the whole propagation.

    :param blocks: numbers and how often each of them counts (> 0; a fraction where a block is a sample).
    """
    parts = [(block.ravel(), weight) for block, weight in blocks]
    wanted = sum(part.size * weight for part, weight in parts) / 2.0
    n = sum(part.size for part, _ in parts)
    while n > _SORTED:
        step = n // _PROBES
        probes, upto = _weighed([(part[::step], weight) for part, weight in parts])
        share = wanted / sum(part.size * weight for part, weight in parts)
        low, high = (
            probes[min(np.searchsorted(upto, upto[-1] * place), len(probes) - 1)]
            for place in (share - 0.05, share + 0.05)
        )
        before = sum(float(np.count_nonzero(part < low)) * weight for part, weight in parts)
        within = sum(float(np.count_nonzero((part >= low) & (part <= high))) * weight for part, weight in parts)
        if not before < wanted <= before + within:
            break
        parts = [(part[(part >= low) & (part <= high)], weight) for part, weight in parts]
        wanted -= before
        left = sum(part.size for part, _ in parts)
        if left > n // 2:
            break
        n = left
    values, upto = _weighed(parts)
    return float(values[np.searchsorted(upto, wanted)])


def _weighed(parts: Sequence[tuple[NDArray[np.float64], float]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values in ascending order, and the count of all up to and with each."""
    values = np.concatenate([part for part, _ in parts])
    counts = np.concatenate([np.full(part.size, weight) for part, weight in parts])
    order = np.argsort(values, kind="stable")
    return values[order], np.cumsum(counts[order])


def weights(new: NDArray[np.floating], previous: NDArray[np.floating], by: Inherit = "distance") -> NDArray[np.float64]:
    """How much a newcomer inherits from each earlier candidate: the share of its cosine distance, or similarity.

    Distance is what was released (E2). A newcomer for which all shares are 0 (parallel to all, by distance) inherits
    from all alike.

    :param by: ``distance`` is ``1 - cos``, ``similarity`` is ``1 + cos``.
    :returns: shape ``(len(new), len(previous))``, >= 0, rows sum to 1.
    """
    cosine = unit_rows(new) @ unit_rows(previous).T
    share = np.clip(1.0 - cosine if by == "distance" else 1.0 + cosine, 0.0, 2.0)
    total = share.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(share, total, out=np.full_like(share, 1.0 / share.shape[1]), where=total > 0))


def history_matrix(
    past: Past, new: NDArray[np.floating], by: Inherit = "distance"
) -> tuple[NDArray[np.float64], float]:
    """Build H for members and newcomers, and give its median.

    :param past: complete.
    :param new: the newcomers' vectors, shape ``(m, d)``.
    :param by: as in `weights`.
    :returns: H, shape ``(B + m, B + m)``, and the median that fills its block among newcomers.
    """
    w = weights(new, past.vectors, by)
    towards_bank = w @ past.columns
    from_bank = towards_bank.T if past.rows is None else past.rows @ w.T
    median = lower_median([(block, 1.0) for block in (past.bank, towards_bank, from_bank)])
    n_bank, n = len(past.bank), len(past.bank) + len(new)
    history = np.full((n, n), median)
    history[:n_bank, :n_bank] = past.bank
    history[n_bank:, :n_bank] = towards_bank
    history[:n_bank, n_bank:] = from_bank
    return history, median


def history_median(past: Past, new: NDArray[np.floating], by: Inherit, rng: Random) -> float:
    """The median alone, without the matrix: exact when ``past`` is and the blocks are small, else from samples.

    :param past: symmetric (preference 0).
    :param by: as in `weights`.
    :param rng: draws newcomers where there are too many.
    """
    n_bank, n_new = len(past.r), len(new)
    new = new[_some(n_new, _MAX_ENTRIES // past.columns.shape[1], rng)]
    towards_bank = np.empty((len(new), past.columns.shape[1]))
    step = max(_MAX_ENTRIES // len(past.vectors), 1)
    for start in range(0, len(new), step):
        towards_bank[start : start + step] = weights(new[start : start + step], past.vectors, by) @ past.columns
    blocks = [(past.bank, n_bank**2 / past.bank.size)]
    if towards_bank.size:
        blocks.append((towards_bank, 2.0 * n_bank * n_new / towards_bank.size))
    return lower_median(blocks)


@dataclass(frozen=True)
class Remembered:
    """Last round's candidates by id, with the members' self-responsibilities, when R' itself was not kept.

    :ivar ids: last round's candidates, or a sample.
    :ivar vectors: theirs, shape ``(n', d)``.
    :ivar member_ids: the bank's, best first.
    :ivar members: theirs, shape ``(B, d)``.
    :ivar r: R'(i, i) of the members, shape ``(B,)``.
    """

    ids: Sequence[str]
    vectors: NDArray[np.floating]
    member_ids: Sequence[str]
    members: NDArray[np.floating]
    r: NDArray[np.float64]
    scale: float


def assume(known: Remembered, affinity: Affinity, preference: float, rng: Random) -> Past:
    """Rebuild R' from distances: ``-scale * (D + preference)`` off the diagonal, r on it (E8.3).

    Exact when last round had no history itself and ``known.ids`` are all its candidates; else within a few percent,
    which moves less than one in a hundred members.

    :param rng: draws members where there are too many.
    """
    n_bank = len(known.member_ids)
    looked_at = _some(n_bank, _MAX_ENTRIES // max(len(known.ids), 1), rng)
    partners = _some(n_bank, _MAX_ENTRIES // len(looked_at), rng)
    place = {known.member_ids[row]: column for column, row in enumerate(looked_at)}
    some = known.members[looked_at]

    def responsibilities(ids: Sequence[str], vectors: NDArray[np.floating]) -> NDArray[np.float64]:
        block = -known.scale * (distances(vectors, some, affinity) + preference)
        here = [(row, place[each]) for row, each in enumerate(ids) if each in place]
        for row, column in here:
            block[row, column] = known.r[looked_at[column]]
        return np.asarray(block)

    bank = responsibilities([known.member_ids[row] for row in partners], known.members[partners])
    columns = responsibilities(known.ids, known.vectors)
    return Past(known.r, known.vectors, columns, None, bank, known.scale, complete=False)


def _some(n: int, limit: int, rng: Random) -> list[int]:
    limit = max(limit, 1)
    return list(range(n)) if n <= limit else sorted(rng.sample(range(n), limit))
