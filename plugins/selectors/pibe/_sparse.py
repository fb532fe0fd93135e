"""The sparse engine: affinity propagation along a neighbour graph, for preferences that the nn engine cannot take.

An approximation (paper file, E8.5). Messages run only between near neighbours, both ways, and from every candidate to
itself; a missing edge counts as similarity minus infinity, so nobody becomes the exemplar of someone far away. In the
representation score far pairs do count: what they would say to each other depends, but for the similarity, which is
the same both ways and cancels, on the sender's best offer and the receiver's popularity alone. Those two numbers per
candidate, damped like the messages, stand for all missing edges. On a complete graph the answer is the dense engine's.
Measured at the median preference, Spearman's correlation to the dense scores: .994 with 64 links and .905 with 16, on
3,000 vectors of 384 dimensions in clusters of very unequal size; above .9999 with 64 links on even clusters of ten.

O(n * neighbours) memory and time per iteration, after the graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ._nn import Search
from ._schedule import Messages, Schedule, Steadiness
from ._space import Space

if TYPE_CHECKING:
    from numpy.typing import NDArray


_PAIRS = 131_072  # edges measured at a time


@dataclass(frozen=True)
class Edges:
    """A symmetric graph with loops, every edge once for each direction, sorted by row, then column.

    :ivar n: nodes.
    :ivar rows: senders, shape ``(e,)``, ascending; ``columns``: receivers.
    :ivar starts: where each row begins, shape ``(n,)``.
    :ivar flip: place of the same edge in the other direction.
    :ivar loops: place of each node's edge to itself, shape ``(n,)``.
    :ivar similarity: shape ``(e,)``, in units of the affinity; the preference on the loops.
    """

    n: int
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    starts: NDArray[np.int64]
    flip: NDArray[np.int64]
    loops: NDArray[np.int64]
    similarity: NDArray[np.float64]

    def row_sums(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum of each row's values."""
        return np.asarray(np.add.reduceat(values, self.starts))

    def row_maxima(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Greatest of each row's values."""
        return np.asarray(np.maximum.reduceat(values, self.starts))


def edges_of(space: Space, search: Search, k: int) -> Edges:
    """Build the graph of everybody's k nearest, made symmetric; the preference is still to be set.

    :param k: 1 to n - 1.
    """
    n = len(space)
    everyone = np.arange(n)
    near = search.nearest(everyone, k, exact=False)
    here, there = np.repeat(everyone, k), near.ravel()
    keys = np.unique(np.concatenate([here * n + there, there * n + here, everyone * (n + 1)]))
    rows, columns = np.divmod(keys, n)
    flip = np.searchsorted(keys, columns * n + rows)
    similarity = np.zeros(len(keys))
    once = np.flatnonzero(rows < columns)
    for start in range(0, len(once), _PAIRS):
        part = once[start : start + _PAIRS]
        similarity[part] = -space.edges(rows[part], columns[part, None])[:, 0]
    similarity[flip[once]] = similarity[once]
    starts = np.searchsorted(rows, everyone)
    return Edges(n, rows, columns, starts, flip, np.flatnonzero(rows == columns), similarity)


@dataclass(frozen=True)
class Spread:
    """Responsibilities along a graph; where an edge is missing, ``R(i, k) = own * S(i, k) - ceiling_i``.

    :ivar edges: R on the edges, shape ``(e,)``.
    :ivar ceiling: best offers, damped like the messages, shape ``(n,)``.
    :ivar own: 0 to 1.
    """

    edges: NDArray[np.float64]
    ceiling: NDArray[np.float64]
    own: float


def propagate(edges: Edges, schedule: Schedule, history: Spread | None = None) -> tuple[Messages, Spread]:
    """Pass messages along the edges until the exemplars stand still (step 3), then score (step 5).

    :param edges: with the preference on the loops; every node has a neighbour.
    :param history: H of step 4; ``None`` for a round without a past.
    """
    similarity, loops = edges.similarity, edges.loops
    availability, responsibility = np.zeros_like(similarity), np.zeros_like(similarity)
    ceiling, popularity, own = np.zeros(edges.n), np.zeros(edges.n), 0.0
    steady = Steadiness(edges.n, schedule.convergence_iterations)
    keep, take = schedule.damping, 1.0 - schedule.damping
    iterations, converged = 0, False
    while iterations < schedule.max_iterations and not converged:
        new, best = _new_responsibilities(edges, availability)
        responsibility = keep * responsibility + take * new
        ceiling, own = keep * ceiling + take * best, keep * own + take
        if history is not None:
            pull = schedule.pull(iterations)
            responsibility = (1.0 - pull) * responsibility + pull * history.edges
            ceiling, own = (1.0 - pull) * ceiling + pull * history.ceiling, (1.0 - pull) * own + pull * history.own
        new, popular = _new_availabilities(edges, responsibility)
        availability = keep * availability + take * new
        popularity = keep * popularity + take * np.minimum(popular, 0.0)
        iterations += 1
        converged = steady.reached(availability[loops] + responsibility[loops] > 0)
    rep = _representation(edges, availability + responsibility, ceiling + popularity)
    messages = Messages(rep, responsibility[loops], availability[loops], iterations, converged)
    return messages, Spread(responsibility, ceiling, own)


def _new_responsibilities(
    edges: Edges, availability: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Steps 3a and 3b, and each row's best offer."""
    offers = availability + edges.similarity
    highest = edges.row_maxima(offers)
    where = np.flatnonzero(offers == highest[edges.rows])
    best = np.empty(edges.n, dtype=np.int64)
    best[edges.rows[where[::-1]]] = where[::-1]  # of equals the first, which is written last
    offers[best] = -np.inf
    second = edges.row_maxima(offers)
    new = edges.similarity - highest[edges.rows]
    new[best] = edges.similarity[best] - second
    return new, highest


def _new_availabilities(
    edges: Edges, responsibility: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Step 3e, and each column's sum."""
    positive = np.maximum(responsibility, 0.0)
    positive[edges.loops] = responsibility[edges.loops]
    total = edges.row_sums(positive[edges.flip])
    new = np.subtract(total[edges.columns], positive, out=positive)
    own = new[edges.loops]
    np.minimum(new, 0.0, out=new)
    new[edges.loops] = own
    return new, total


def _representation(
    edges: Edges, messages: NDArray[np.float64], background: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Step 5, where a missing pair says ``background_i - background_j`` in favour of i."""
    missing = edges.n - np.diff(np.append(edges.starts, len(edges.rows)))
    far = missing * background - (background.sum() - edges.row_sums(background[edges.columns]))
    near = edges.row_sums(messages[edges.flip]) - edges.row_sums(messages)
    return np.asarray((near + far + messages[edges.loops]) / edges.n)
