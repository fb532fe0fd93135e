"""One propagation from vectors to representation scores, by either engine, with or without a past.

Flows in: a space of candidates (members first) and what is known of last round. Flows out: an `Outcome`. It knows
neither quality nor ranking nor the store.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from . import _dense, _nn, _sparse
from ._copies import Copies
from ._history import Inherit, Past, history_matrix, history_median
from ._schedule import Messages, Schedule
from ._space import Space
from ._sparse_history import EdgePast, edge_history

if TYPE_CHECKING:
    from random import Random

    from numpy.typing import NDArray


SearchOver = Callable[[Space], _nn.Search]

_MEDIAN_ENTRIES = 4_000_000  # distances the median similarity is taken over


@dataclass(frozen=True)
class Plan:
    """How to propagate; ranges as in the options of the selector.

    :ivar preference: what stands on the diagonal of S; ``None`` for the median of S (not for the nn engine).
    :ivar neighbours: k of the nn engine's graph; ``links``: that of the sparse engine's.
    :ivar exact_history: up to so many candidates the nn engine works out R in full.
    :ivar tie_noise: whether the dense and the sparse engine shake the similarities.
    :ivar inherit_by: what makes the weights of step 4.
    """

    schedule: Schedule
    preference: float | None = 0.0
    neighbours: int = 32
    links: int = 64
    exact_history: int = 300
    tie_noise: bool = False
    inherit_by: Inherit = "distance"


@dataclass(frozen=True)
class Outcome:
    """What a propagation leaves behind.

    :ivar median: the median of H that newcomers were pulled towards; ``None`` in a round without a past.
    :ivar scale: with a preference not below any similarity: ``-R / (D + preference)`` off the diagonal, as far as
        one factor can say it.
    :ivar responsibilities: R, shape ``(n, n)``; ``None`` where the nn engine did not work it out.
    :ivar along: the sparse engine's graph and its R; ``None`` for the others.
    :ivar n_asked_again: rows whose k neighbours did not settle their minimum.
    """

    messages: Messages
    median: float | None
    scale: float
    responsibilities: NDArray[np.float64] | None
    along: tuple[_sparse.Edges, _sparse.Spread] | None = None
    n_asked_again: int = 0


def lonely() -> Outcome:
    """The outcome for a single candidate: there is nobody to compare it with, so every message is 0."""
    return Outcome(Messages(np.zeros(1), np.zeros(1), np.zeros(1), 0, True), None, 1.0, np.zeros((1, 1)))


def by_neighbours(space: Space, search: SearchOver, past: Past | None, plan: Plan, rng: Random) -> Outcome:
    """Propagate along a neighbour graph.

    :param space: n >= 2 candidates; with a past, the members first, best first.
    :param search: makes the search over a space; it is handed one without copies.
    :param past: a symmetric one.
    :param rng: for samples where the past is too large to be looked at whole.
    """
    preference = plan.preference or 0.0
    in_full = len(space) <= plan.exact_history and (past is None or past.complete)
    h, matrix, median = None, None, None
    if past is not None:
        new = space.vectors[len(past.r) :]
        if in_full:
            matrix, median = history_matrix(past, new, plan.inherit_by)
        else:
            median = history_median(past, new, plan.inherit_by, rng)
        h = np.concatenate([past.r, np.full(len(new), median)])
    copies = Copies.among(space.vectors)
    alone = len(copies.first) == len(space)
    different = space if alone else Space(space.vectors[copies.first], space.affinity)
    graph = _nn.NeighbourGraph(different, search(different), plan.neighbours)
    messages, shares = _nn.propagate(graph, copies, plan.schedule, preference, h)
    full = None
    if in_full:
        distance = space.block(np.arange(len(space))) + preference
        full = _nn.responsibilities(distance, shares, messages.r, matrix)
    scale = shares[0] + shares[1] * (past.scale if past is not None else 1.0)
    return Outcome(messages, median, scale, full, n_asked_again=graph.n_asked_again)


def by_edges(space: Space, search: SearchOver, past: EdgePast | None, plan: Plan, rng: Random) -> Outcome:
    """Propagate along a neighbour graph, approximately, whatever the preference.

    :param space: n >= 2 candidates; with a past, the members first, best first.
    :param rng: draws rows for the median similarity, and seeds the tie noise, if any is wanted.
    """
    edges = _sparse.edges_of(space, search(space), min(plan.links, len(space) - 1))
    edges.similarity[edges.loops] = _median_similarity(space, rng) if plan.preference is None else plan.preference
    history, median = (None, None) if past is None else edge_history(past, edges, space, plan.inherit_by)
    if plan.tie_noise:
        _dense.add_tie_noise(edges.similarity, rng.getrandbits(64))
    messages, spread = _sparse.propagate(edges, plan.schedule, history)
    return Outcome(messages, median, spread.own, None, (edges, spread))


def _median_similarity(space: Space, rng: Random) -> float:
    """The median of S, its zero diagonal included; from a sample of rows where there are many."""
    n = len(space)
    n_rows = min(n, max(_MEDIAN_ENTRIES // n, 1))
    block = space.block(np.array(sorted(rng.sample(range(n), n_rows))))
    return -float(np.median(block))


def by_matrix(space: Space, past: Past | None, plan: Plan, rng: Random) -> Outcome:
    """Propagate over the whole matrix of similarities.

    :param space: n >= 2 candidates; with a past, the members first, best first.
    :param past: a complete one.
    :param rng: seeds the tie noise, if any is wanted.
    """
    history, median = None, None
    if past is not None:
        history, median = history_matrix(past, space.vectors[len(past.r) :], plan.inherit_by)
    similarity = _dense.similarities(space.block(np.arange(len(space))), plan.preference)
    if plan.tie_noise:
        _dense.add_tie_noise(similarity, rng.getrandbits(64))
    messages, responsibilities = _dense.propagate(similarity, plan.schedule, history)
    return Outcome(messages, median, 1.0, responsibilities)
