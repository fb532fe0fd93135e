"""What the sparse engine remembers of the round before (paper file, step 4, on edges only).

Flows in: responsibilities along last round's graph, seen from the members and from a sample of last round's candidates.
Flows out: the history H on the edges of this round's graph, and what stands for H where an edge is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ._history import Inherit, lower_median, weights
from ._space import Affinity, Space, distances
from ._sparse import Edges, Spread

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BLOCK_ENTRIES = 4_000_000  # responsibilities towards members held at a time
_MEDIAN_ENTRIES = 1_000_000  # of each kind, over which the median is taken; of more, evenly spaced ones


@dataclass(frozen=True)
class Links:
    """Responsibilities on last round's edges among today's members, B of them.

    :ivar keys: ``B * sender + receiver``, ascending.
    :ivar values: R' on these edges.
    """

    keys: NDArray[np.int64]
    values: NDArray[np.float64]

    def fill(self, keys: NDArray[np.int64], otherwise: NDArray[np.float64]) -> NDArray[np.float64]:
        """R' where it is known, else what is given."""
        if not len(self.keys):
            return otherwise
        place = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[place] == keys, self.values[place], otherwise)


@dataclass(frozen=True)
class EdgePast:
    """Last round, seen from this one: B members, and s of its candidates.

    :ivar r: R'(i, i) of the members, shape ``(B,)``.
    :ivar vectors: of those s candidates, shape ``(s, d)``.
    :ivar columns: R' of those towards the members, shape ``(s, B)``; ``rows``: of the members towards them, ``(B, s)``.
    :ivar links: R' among the members, without the diagonal, as far as there were edges.
    :ivar ceiling: of the members, as in `Spread`, shape ``(B,)``; ``sample_ceiling``: of the others, shape ``(s,)``.
    :ivar own: as in `Spread`.
    """

    r: NDArray[np.float64]
    vectors: NDArray[np.floating]
    columns: NDArray[np.float64]
    rows: NDArray[np.float64]
    links: Links
    ceiling: NDArray[np.float64]
    sample_ceiling: NDArray[np.float64]
    own: float


@dataclass(frozen=True)
class Traces:
    """What a state keeps of a propagation along edges.

    :ivar ids: the sample of last round's candidates; ``vectors``: theirs.
    :ivar member_ids: the bank's, best first; ``members``: their vectors.
    """

    ids: Sequence[str]
    vectors: NDArray[np.floating]
    member_ids: Sequence[str]
    members: NDArray[np.floating]
    r: NDArray[np.float64]
    links: Links
    ceiling: NDArray[np.float64]
    sample_ceiling: NDArray[np.float64]
    own: float


def retrace(known: Traces, affinity: Affinity) -> EdgePast:
    """Work R' out between the sample and the members: that of a missing edge, but for a member towards itself."""
    similar = -known.own * distances(known.vectors, known.members, affinity)
    columns = similar - known.sample_ceiling[:, None]
    rows = np.ascontiguousarray(similar.T) - known.ceiling[:, None]
    place = {each: number for number, each in enumerate(known.member_ids)}
    for row, each in enumerate(known.ids):
        if each in place:
            columns[row, place[each]] = rows[place[each], row] = known.r[place[each]]
    return EdgePast(known.r, known.vectors, columns, rows, known.links, known.ceiling, known.sample_ceiling, known.own)


def edge_history(past: EdgePast, edges: Edges, space: Space, by: Inherit = "distance") -> tuple[Spread, float]:
    """Build H on the edges, and give its median.

    :param space: all candidates, members first.
    :param by: as in `weights`.
    :returns: H, and the median that stands among newcomers.
    """
    n_bank = len(past.r)
    towards, from_bank = edges.rows >= n_bank, edges.columns >= n_bank
    history = np.empty(len(edges.rows))
    among = np.flatnonzero(~towards & ~from_bank)
    rows, columns = edges.rows[among], edges.columns[among]
    history[among] = past.links.fill(n_bank * rows + columns, past.own * edges.similarity[among] - past.ceiling[rows])
    history[edges.loops[:n_bank]] = past.r
    ceiling = np.concatenate([past.ceiling, np.empty(edges.n - n_bank)])
    crossing = np.flatnonzero(towards & ~from_bank)
    heirs = _Heirs(space.vectors[n_bank:], by, crossing)
    samples = _cross(past, edges, heirs, (history, ceiling))
    blocks = [_among_members(past, space.vectors[:n_bank], space.affinity)]
    n_cross = n_bank * (edges.n - n_bank)
    for sample in samples:
        if sample.size:
            blocks.append((sample, n_cross / sample.size))
    median = lower_median(blocks)
    history[towards & from_bank] = median
    return Spread(history, ceiling, past.own), median


@dataclass(frozen=True)
class _Heirs:
    """The newcomers, what makes their weights, and the places of their edges to members."""

    vectors: NDArray[np.floating]
    by: Inherit
    edges: NDArray[np.int64]


def _cross(
    past: EdgePast,
    edges: Edges,
    heirs: _Heirs,
    out: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fill in H between newcomers and members, both ways.

    :param out: H and the ceilings, both written to.
    :returns: evenly spaced samples of both blocks of H, for the median.
    """
    history, ceiling = out
    new, crossing, n_bank = heirs.vectors, heirs.edges, len(past.r)
    senders = edges.rows[crossing] - n_bank
    step = max(_BLOCK_ENTRIES // n_bank, 1)
    stride = -(-len(new) * n_bank // _MEDIAN_ENTRIES) or 1
    samples: tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]] = ([], [])
    for start in range(0, len(new), step):
        w = weights(new[start : start + step], past.vectors, heirs.by)
        towards, from_bank = w @ past.columns, w @ past.rows.T
        ceiling[n_bank + start : n_bank + start + len(w)] = w @ past.sample_ceiling
        here = crossing[slice(*np.searchsorted(senders, [start, start + step]))]
        places = edges.rows[here] - n_bank - start, edges.columns[here]
        history[here] = towards[places]
        history[edges.flip[here]] = from_bank[places]
        samples[0].append(towards[-start % stride :: stride])
        samples[1].append(from_bank[-start % stride :: stride])
    first, second = (np.concatenate(each) if each else np.empty(0) for each in samples)
    return first, second


def _among_members(
    past: EdgePast, members: NDArray[np.floating], affinity: Affinity
) -> tuple[NDArray[np.float64], float]:
    """R' among evenly spaced members, and for how many entries each stands."""
    n_bank = len(members)
    some = np.arange(0, n_bank, max(int(n_bank / _MEDIAN_ENTRIES**0.5), 1))
    block = -past.own * distances(members[some], members[some], affinity) - past.ceiling[some, None]
    block = past.links.fill(n_bank * some[:, None] + some, block)
    np.fill_diagonal(block, past.r[some])
    return block, n_bank**2 / block.size
