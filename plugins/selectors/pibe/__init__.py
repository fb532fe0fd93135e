"""PIBE: keep a bank diverse and good while data keeps arriving (InsBank, arXiv:2502.11419).

Every round ranks *bank + newcomers* anew: affinity propagation, pulled towards last round's responsibilities by a
fading weight, gives each candidate a representation score; scaled, and combined with scaled quality, it is the ranking
key. What is implemented is the algorithm as the authors released it (jiayinlp/InsBank), with its defects mended where
they can be (sums in float64, ties, equal qualities, few candidates).

With the released preference 0 the score is the distance to the nearest other candidate plus a bonus for members. The
``nn`` engine then computes the same in O(n * neighbours) (seconds at 10,000 candidates); ``dense`` is the textbook
form, for any preference, in O(n^2) memory: 0.5 GB at 3,000 candidates, 5.6 GB at 10,000.

A state that does not fit the bank (after a rollback or a merge, or when affinity, preference or embedding model
changed) is left aside, and the round starts without history. While there are no more candidates than places, all are
kept and ranked.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, ClassVar, Literal

from insgen import BankView, ConfigError, Pool, Ranked, Selection, Selector, StageError, hookimpl

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ._history import Past
    from ._round import Outcome, Plan
    from ._state import Similarity

_BLOCK_SEARCH_ROWS = 50_000  # up to here searching all for all by blocks beats building and asking an index (2 cores)
_MAX_CARRIED = 4_000_000  # responsibilities the dense engine hands on (32 MB, a third more as text)


_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PibeSelector:
    """Ranks by representation score and quality; see the module for the method, the fields for the options."""

    name: ClassVar[str] = "pibe"

    #: ``nn`` (near neighbours only; wants a preference of at least 0), ``dense`` (the full matrix), or ``auto``:
    #: nn where it is allowed
    engine: Literal["auto", "nn", "dense"] = "auto"
    #: similarity of a candidate to itself, in units of ``affinity``; 0 rewards isolated candidates, a clearly negative
    #: one cluster centres
    preference: float = 0.0
    #: ``value`` takes ``preference`` as it stands, ``median`` takes the median similarity instead (dense engine)
    preference_rule: Literal["value", "median"] = "value"
    #: similarity: ``euclidean`` is minus the distance (not squared), ``cosine`` is the cosine minus 1
    affinity: Literal["euclidean", "cosine"] = "euclidean"
    #: share of the old message kept in every iteration, 0 up to but not 1
    damping: float = 0.5
    #: pull of last round's responsibilities in the first iteration, 0 (none) to 1
    alpha: float = 0.3
    #: factor by which the pull fades with every iteration, above 0 up to 1; near 1 newcomers hardly get in
    decay: float = 0.9
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
    #: most iterations of message passing, >= 1
    max_iterations: int = 200
    #: iterations without a change of exemplars after which it stops, >= 1
    convergence_iterations: int = 15
    #: ids of its candidates that a round hands on, >= 1; of more, a seeded sample, to estimate the history's median
    reservoir: int = 3000
    #: candidates up to which the nn engine hands its responsibilities on in full, for an exact next median, >= 0
    exact_history: int = 300
    #: shake similarities by a few units in the last place (dense engine); off, ties go to higher quality, then to age
    tie_noise: bool = False
    #: memory the dense engine may take, in GB (1e9 bytes), above 0
    max_memory_gb: float = 4.0

    def __post_init__(self) -> None:
        checks = (
            ("damping", "from 0 up to but not 1", 0 <= self.damping < 1),
            ("alpha", "0 to 1", 0 <= self.alpha <= 1),
            ("decay", "above 0, at most 1", 0 < self.decay <= 1),
            ("quality_weight", "0 or more", self.quality_weight >= 0),
            ("nonlinear_quantile", "above 0.3, at most 1", 0.3 < self.nonlinear_quantile <= 1),
            ("neighbours", "1 or more", self.neighbours >= 1),
            ("max_iterations", "1 or more", self.max_iterations >= 1),
            ("convergence_iterations", "1 or more", self.convergence_iterations >= 1),
            ("reservoir", "1 or more", self.reservoir >= 1),
            ("exact_history", "0 or more", self.exact_history >= 0),
            ("max_memory_gb", "above 0", self.max_memory_gb > 0),
        )
        for key, expected, good in checks:
            if not good:
                raise ConfigError(f"pibe: {key} = {getattr(self, key)!r}.\n  Expected {expected}.\n  Change {key}.")
        for fault, cure in (
            (self.engine == "nn" and not self._collapses, 'set preference = 0 or engine = "dense"'),
            (self.tie_noise and not self._dense, 'set tie_noise = false or engine = "dense"'),
        ):
            if fault:
                raise ConfigError(
                    f"pibe: engine = {self.engine!r} with preference = {self.preference} ({self.preference_rule}) "
                    f"and tie_noise = {self.tie_noise}.\n"
                    "  The nn engine is exact for a preference of at least 0 only, and knows no noise.\n"
                    f"  Either {cure}."
                )

    def select(self, pool: Pool, size: int, bank: BankView, rng: Random, state: str) -> Selection:
        """Rank bank and newcomers by the key of the paper's step 8; diversity is the scaled representation score.

        :raises StageError: the dense engine would take more memory than it may, or could not hand its history on.
        """
        n = len(pool.candidates)
        if size < 1 or n == 0:
            return Selection(())
        from ._combine import Mix, best_first, combine, scaled_diversity, scaled_quality
        from ._state import recall

        if self._dense:
            self._refuse_too_much(n, min(size, n))
        past = recall(state, pool, bank, self._similarity(), rng) if self._remembers and state else None
        outcome = self._propagate(pool, past, bank, rng)
        if not outcome.messages.converged:
            _logger.warning(
                "pibe: exemplars still changed, or none was found, after %d iterations", self.max_iterations
            )
        s = scaled_diversity(outcome.messages.rep, pool.n_members, self.floor_rows)
        mix = Mix(self.mode, self.quality_weight, self.nonlinear_quantile)
        key = combine(s, scaled_quality(pool.quality), mix)
        order = best_first(key, pool.quality)[:size]
        ranking = tuple(
            Ranked(pool.candidates[row].id, float(s[row]), float(pool.quality[row]), float(key[row])) for row in order
        )
        return Selection(ranking, self._carry(outcome, pool, order, rng) if self._remembers else "")

    @property
    def _collapses(self) -> bool:
        """Whether no similarity exceeds the preference, so that the nn engine gives the dense engine's answer (E1)."""
        return self.preference >= 0 and self.preference_rule == "value"

    @property
    def _dense(self) -> bool:
        return self.engine == "dense" or not self._collapses

    @property
    def _remembers(self) -> bool:
        return self.history and self.alpha > 0

    def _similarity(self) -> Similarity:
        from ._state import Similarity

        return Similarity(self.affinity, self.preference if self.preference_rule == "value" else None)

    def _propagate(self, pool: Pool, past: Past | None, bank: BankView, rng: Random) -> Outcome:
        from ._nn import BlockSearch, IndexSearch
        from ._round import by_matrix, by_neighbours, lonely
        from ._space import Space

        space = Space(pool.vectors, self.affinity)
        if len(space) == 1:
            return lonely()
        if self._dense:
            return by_matrix(space, past if past is None or past.complete else None, self._plan(), rng)
        small = len(space) <= _BLOCK_SEARCH_ROWS
        search = BlockSearch.over(space) if small else IndexSearch.over(pool.vectors, bank.index(pool.vectors))
        return by_neighbours(space, search, past, self._plan(), rng)

    def _plan(self) -> Plan:
        from ._round import Plan
        from ._schedule import Schedule

        schedule = Schedule(self.damping, self.alpha, self.decay, self.max_iterations, self.convergence_iterations)
        preference = self._similarity().preference
        return Plan(schedule, preference, self.neighbours, self.exact_history, self.tie_noise)

    def _carry(self, outcome: Outcome, pool: Pool, order: NDArray[np.int64], rng: Random) -> str:
        from ._state import Kept, dump

        n = len(pool.candidates)
        whole = outcome.responsibilities is not None or n <= self.reservoir
        looked_at = range(n) if whole else sorted(rng.sample(range(n), self.reservoir))
        return dump(outcome, Kept([each.id for each in pool.candidates], order, looked_at), self._similarity())

    def _refuse_too_much(self, n: int, n_kept: int) -> None:
        from ._dense import needed_gb

        if needed_gb(n) > self.max_memory_gb:
            raise StageError(
                f"pibe: the dense engine would take {needed_gb(n):.3g} GB for {n} candidates.\n"
                f"  It may take max_memory_gb = {self.max_memory_gb:g}.\n"
                "  Use the nn engine (preference = 0), take fewer candidates a round, or raise max_memory_gb."
            )
        n_carried = n * n_kept * (1 if self._collapses else 2)
        if self._remembers and n_carried > _MAX_CARRIED:
            raise StageError(
                f"pibe: the dense engine would hand {n_carried} responsibilities on to the next round.\n"
                f"  It hands on at most {_MAX_CARRIED}: {n} candidates times {n_kept} kept is too much.\n"
                "  Use the nn engine (preference = 0), keep or take fewer candidates, or set history = false."
            )


@hookimpl
def insgen_selectors() -> Sequence[type[Selector]]:
    """Offer PIBE."""
    return [PibeSelector]
