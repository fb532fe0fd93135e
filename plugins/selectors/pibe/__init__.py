"""PIBE: keep a bank diverse and good while data keeps arriving (InsBank, arXiv:2502.11419).

Every round ranks *bank + newcomers* anew: affinity propagation, pulled towards last round's responsibilities by a
fading weight, gives each candidate a representation score; scaled, and combined with scaled quality, it is the ranking
key. What is implemented is the algorithm as the authors released it (jiayinlp/InsBank), with its defects mended where
they can be (sums in float64, ties, equal qualities, few candidates).

With the released preference 0 the score is the distance to the nearest other candidate plus a bonus for members. The
``nn`` engine then computes the same in O(n * neighbours) after a neighbour search: some 15 s of CPU for a bank of 6,000
and 27,000 newcomers of 384 dimensions. ``dense`` is the textbook form, for any preference, in O(n^2) memory: 0.5 GB
at 3,000 candidates, 5.6 GB at 10,000. ``sparse`` passes messages between near neighbours only, for any preference, in
O(n * links); it is an approximation.

More newcomers than ``batch_size`` are ranked as if they had arrived in rounds of so many, which is the method's own way
of bounding time and memory.

A state that does not fit the bank (after a rollback or a merge, or when affinity, preference or embedding model
changed) is left aside, and the round starts without history. While there are no more candidates than places, all are
kept and ranked.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, ClassVar, Literal

from insgen import BankView, CandidateId, ConfigError, Pool, Selection, Selector, hookimpl

from .._pool import check_pool
from .._ranking import selection
from ._room import Room
from ._state import Recalled
from ._turn import Engine, Turn

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ._state import Similarity

_DENSE_ROWS = 5_000  # up to here the dense engine is waited for where it is not asked for by name (17 s, 2 cores)

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PibeSelector:
    """Ranks by representation score and quality; see the module for the method, the fields for the options."""

    name: ClassVar[str] = "pibe"

    #: ``nn`` (exact, near neighbours only; wants a preference of at least 0, the greatest similarity there is),
    #: ``dense`` (exact, the full matrix), ``sparse`` (approximate, messages between near neighbours), or ``auto``: nn
    #: where it is allowed, else dense up to 5,000 candidates, else sparse
    engine: Literal["auto", "nn", "dense", "sparse"] = "auto"
    #: most newcomers ranked at once, >= 1; more of them are taken in consecutive batches, each against the bank so far
    batch_size: int = 27_000
    #: similarity of a candidate to itself, in units of ``affinity``; 0 rewards isolated candidates, a clearly negative
    #: one cluster centres
    preference: float = 0.0
    #: ``value`` takes ``preference`` as it stands, ``median`` takes the median similarity instead (dense and sparse)
    preference_rule: Literal["value", "median"] = "value"
    #: similarity: ``euclidean`` is minus the distance (not squared), ``cosine`` is the cosine minus 1
    affinity: Literal["euclidean", "cosine"] = "euclidean"
    #: share of the old message kept in every iteration, 0 up to but not 1
    damping: float = 0.5
    #: pull of last round's responsibilities in the first iteration, 0 (none) to 1
    alpha: float = 0.3
    #: factor by which the pull fades with every iteration, above 0 up to 1; near 1 newcomers hardly get in
    decay: float = 0.9
    #: what makes a newcomer's share in an earlier candidate's responsibilities: their cosine ``distance`` (as released)
    #: or ``similarity``
    inherit_by: Literal["distance", "similarity"] = "distance"
    #: whether members are pulled towards last round's responsibilities at all
    history: bool = True
    #: weight gamma of quality against diversity, >= 0; 0 is diversity alone, and ``nonlinear`` does not use it
    quality_weight: float = 1.0
    #: how diversity s and quality u make the key: (1+s)(1+u)^gamma, s + gamma*u, or (1+s)(1+sigmoid of u)
    mode: Literal["multiply", "addition", "nonlinear"] = "multiply"
    #: quantile U of quality above which ``nonlinear`` hardly distinguishes, above 0.3 up to 1
    nonlinear_quantile: float = 0.95
    #: rows whose lowest representation score is diversity 0 in later rounds: the old bank, all, or the first 6000 (as
    #: released)
    floor_rows: Literal["bank", "all", "6000"] = "bank"
    #: neighbours per candidate that the nn engine starts from, >= 1; rows that need more are asked again
    neighbours: int = 32
    #: near neighbours along which the sparse engine passes messages, >= 1; some four times the size of a cluster
    links: int = 64
    #: most iterations of message passing, >= 1
    max_iterations: int = 200
    #: iterations without a change of exemplars after which it stops, >= 1
    convergence_iterations: int = 15
    #: ids of its candidates that a round hands on, >= 1; of more, a seeded sample, to estimate the history's median
    reservoir: int = 3000
    #: candidates up to which the nn engine hands its responsibilities on in full, for an exact next median, >= 0
    exact_history: int = 300
    #: shake similarities by a few units in the last place (dense and sparse); off, ties go to quality, then to age
    tie_noise: bool = False
    #: memory the dense engine may take, in GB (1e9 bytes), above 0
    max_memory_gb: float = 4.0

    def __post_init__(self) -> None:
        checks = (
            ("damping", "from 0 up to but not 1", 0 <= self.damping < 1),
            ("alpha", "0 to 1", 0 <= self.alpha <= 1),
            ("decay", "above 0, at most 1", 0 < self.decay <= 1),
            ("preference", "a finite number", math.isfinite(self.preference)),
            ("quality_weight", "0 or more, finite", 0 <= self.quality_weight < math.inf),
            ("nonlinear_quantile", "above 0.3, at most 1", 0.3 < self.nonlinear_quantile <= 1),
            ("batch_size", "1 or more", self.batch_size >= 1),
            ("neighbours", "1 or more", self.neighbours >= 1),
            ("links", "1 or more", self.links >= 1),
            ("max_iterations", "1 or more", self.max_iterations >= 1),
            ("convergence_iterations", "1 or more", self.convergence_iterations >= 1),
            ("reservoir", "1 or more", self.reservoir >= 1),
            ("exact_history", "0 or more", self.exact_history >= 0),
            ("max_memory_gb", "above 0", self.max_memory_gb > 0),
        )
        for key, expected, good in checks:
            if not good:
                raise ConfigError(f"pibe: {key} = {getattr(self, key)!r}.\n  Expected {expected}.\n  Change {key}.")
        exact_only = self.engine == "nn" or (self.engine == "auto" and self._collapses)
        if exact_only and (self.tie_noise or not self._collapses):
            raise ConfigError(
                f"pibe: engine = {self.engine!r} with preference = {self.preference} ({self.preference_rule}) "
                f"and tie_noise = {self.tie_noise}.\n"
                "  The nn engine is exact for a preference of at least 0 only, and knows no noise.\n"
                '  Set engine = "dense" or "sparse", or preference = 0 and tie_noise = false.'
            )

    def select(self, pool: Pool, size: int, bank: BankView, rng: Random, state: str) -> Selection:
        """Rank bank and newcomers by the key of the paper's step 8; diversity is the scaled representation score.

        :raises StageError: the pool is broken, or the dense engine would take more memory than it may, or could not
            hand its history on.
        """
        n = len(pool.candidates)
        if size < 1 or n == 0:
            return Selection(())
        from ._state import recall
        from ._turn import part

        check_pool(pool, self.name)
        self._refuse_too_much(pool, size)
        row_of = {each.id: row for row, each in enumerate(pool.candidates)}

        def vectors_of(ids: Sequence[CandidateId]) -> NDArray[np.float32]:
            inside = all(each in row_of for each in ids)
            return pool.vectors[[row_of[each] for each in ids]] if inside else bank.vectors(ids)

        made, kept = Selection((), state), list(range(pool.n_members))
        for start in range(pool.n_members, max(n, pool.n_members + 1), self.batch_size):
            rows = [*kept, *range(start, min(start + self.batch_size, n))]
            batch = part(pool, rows, len(kept))
            past = recall(made.state, batch, vectors_of, self._similarity()) if self._remembers and made.state else None
            made = self._rank(batch, size, past, self._turn(len(rows), size, bank, rng))
            kept = [row_of[place.candidate_id] for place in made.ranking]
        return made

    def _rank(self, pool: Pool, size: int, past: Recalled | None, turn: Turn) -> Selection:
        from ._combine import Mix, best_first, combine, diversity_range, scaled_diversity, scaled_quality

        outcome = turn.propagate(pool, past)
        if not outcome.messages.converged:
            _logger.warning(
                "pibe: exemplars still changed, or none was found, after %d iterations", outcome.messages.iterations
            )
        s = scaled_diversity(outcome.messages.rep, pool.n_members, self.floor_rows)
        mix = Mix(self.mode, self.quality_weight, self.nonlinear_quantile)
        key = combine(s, scaled_quality(pool.quality), mix)
        order = best_first(key, pool.quality)[:size]
        made = selection(pool, order, s[order], key[order])
        if not self._remembers:
            return made
        audit = {
            "rep_range": diversity_range(outcome.messages.rep, pool.n_members, self.floor_rows),
            "n_exemplars": len(outcome.messages.exemplars),
            "quality_range": (float(pool.quality.min()), float(pool.quality.max())),
        }
        return replace(made, state=turn.carry(outcome, pool, order, audit))

    @property
    def _collapses(self) -> bool:
        """Whether no similarity exceeds the preference, so that the nn engine gives the dense engine's answer (E1)."""
        return self.preference >= 0 and self.preference_rule == "value"

    @property
    def _remembers(self) -> bool:
        return self.history and self.alpha > 0

    def _room(self, n: int, size: int) -> Room:
        directions = 0 if not self._remembers else 1 if self._collapses else 2
        return Room(n, min(size, n), directions)

    def _refuse_too_much(self, pool: Pool, size: int) -> None:
        if self.engine == "dense":
            n_new = len(pool.candidates) - pool.n_members
            n_first = pool.n_members + min(n_new, self.batch_size)
            n_later = min(size, n_first) + self.batch_size if n_new > self.batch_size else 0
            self._room(max(n_first, n_later), size).refuse_too_much(self.max_memory_gb)

    def _engine_for(self, n: int, size: int) -> Engine:
        if self.engine != "auto":
            return self.engine
        if self._collapses:
            engine: Engine = "nn"
        elif n <= _DENSE_ROWS and self._room(n, size).fits(self.max_memory_gb):
            engine = "dense"
        else:
            engine = "sparse"
        if engine == "sparse":
            _logger.warning("pibe ranks %d candidates approximately, with the sparse engine", n)
        else:
            _logger.info("pibe ranks exactly, with the %s engine", engine)
        return engine

    def _similarity(self) -> Similarity:
        from ._state import Similarity

        return Similarity(self.affinity, self.preference if self.preference_rule == "value" else None)

    def _turn(self, n: int, size: int, bank: BankView, rng: Random) -> Turn:
        from ._round import Plan
        from ._schedule import Schedule
        from ._turn import Turn

        similarity = self._similarity()
        schedule = Schedule(self.damping, self.alpha, self.decay, self.max_iterations, self.convergence_iterations)
        graph = (self.neighbours, self.links, self.exact_history)
        plan = Plan(schedule, similarity.preference, *graph, self.tie_noise, self.inherit_by)
        return Turn(self._engine_for(n, size), plan, similarity, self.reservoir, bank, rng)


@hookimpl
def insgen_selectors() -> Sequence[type[Selector]]:
    """Offer PIBE."""
    return [PibeSelector]
