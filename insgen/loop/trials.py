"""One trial: one selector chooses from everything a project has, in a process of its own; nothing is stored.

Flows in: a `Trial`. Flows out: a `Choice`. The process reads the pool for itself, so its peak memory is that of this
selector alone, and one that fails or is killed takes no other with it.
"""

from __future__ import annotations

import multiprocessing
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random

from insgen.bank.bank import Bank
from insgen.config.load import load_config, parse_options
from insgen.config.settings import RunConfig, StageUse
from insgen.errors import StageError
from insgen.hooks import call
from insgen.hooks.live import Live
from insgen.hooks.manager import load_plugins
from insgen.hooks.registry import Plugins
from insgen.loop.pipeline import make_stage
from insgen.records import CandidateId, Member, Pool, Ranked
from insgen.store.database import explained, open_reader
from insgen.store.pools import Arrived, arrived


@dataclass(frozen=True)
class Trial:
    """One selection to make.

    :ivar selector: a name, or ``NAME:KEY=VALUE,KEY=VALUE``.
    :ivar size: most candidates to choose, >= 1.
    :ivar model: identity of the embedding model whose vectors are used.
    :ivar last_round: candidates of later rounds stay out.
    :ivar arrivals: rank round after round, handing bank and state on, instead of all at once.
    """

    project: Path
    selector: str
    size: int
    model: str
    last_round: int
    arrivals: bool


@dataclass(frozen=True)
class Choice:
    """What one selection chose.

    :ivar rows: of the pool, best first.
    :ivar seconds: spent in the selector, over all rounds; wall clock.
    :ivar peak_mb: largest resident memory of the process that held the pool and ran the selector, in 1e6 bytes;
        ``None`` where the system does not tell.
    :ivar pool_mb: the same before the selector began.
    """

    rows: tuple[int, ...] = ()
    seconds: float | None = None
    peak_mb: float | None = None
    pool_mb: float | None = None


class _TrialBank(Bank):
    """The bank as the trial has made it so far, instead of the project's own."""

    def __init__(self, conn: sqlite3.Connection, model: str, dimension: int) -> None:
        super().__init__(conn, model, dimension)
        self._held: tuple[Member, ...] = ()
        self._version = 0

    @property
    def version(self) -> int:
        return self._version

    def members(self) -> Sequence[Member]:
        return self._held

    def hold(self, pool: Pool, rows: Sequence[int], ranking: Sequence[Ranked]) -> None:
        """Take a ranking over, as a round does that ends."""
        self._index = None
        self._version += 1
        self._held = tuple(
            Member(pool.candidates[row], rank, place.diversity, place.quality, place.utility)
            for rank, (row, place) in enumerate(zip(rows, ranking, strict=True), start=1)
        )


def choose_apart(trial: Trial) -> Choice:
    """Make one selection in a process of its own, started afresh: a fork would inherit what this one holds.

    On Linux a process counts its peak from the size that its parent had: hold little when calling this.

    :raises StageError: the process was killed; else see `choose`.
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        try:
            return process.submit(choose, trial).result()
        except BrokenProcessPool as error:
            raise StageError(
                f'The selector "{trial.selector}" was killed while it chose {trial.size}.\n'
                "  Expected a choice; most often the memory was not enough.\n"
                "  Leave it out, or give it options that take less."
            ) from error


def make_selector(config: RunConfig, plugins: Plugins, text: str) -> Live:
    """Make a selector of what the user typed.

    :param text: a name, or ``NAME:KEY=VALUE,KEY=VALUE``; the project's own selector starts from its config's options.
    :raises ConfigError: no such selector or option.
    """
    name, _, rest = text.partition(":")
    own = config.select[1]
    options = {**(own.options if own.use == name else {}), **parse_options(rest.split(",") if rest else [])}
    return make_stage(plugins, "selector", StageUse(name, options, f"selector {text}"), config.folder)


def choose(trial: Trial) -> Choice:
    """Make one selection; for a process of its own.

    :raises InsgenError: what the selector, or the store, has to say.
    """
    config, _ = load_config(trial.project)
    live = make_selector(config, load_plugins(config.plugins, config.folder), trial.selector)
    with explained(config.database), closing(open_reader(config.database)) as conn:
        found = arrived(conn, trial.model, trial.last_round)
        held = _peak_mb()
        bank = _TrialBank(conn, trial.model, found.pool.vectors.shape[1])
        rows, seconds = _rank(live, found, bank, trial, config.project.seed)
    return Choice(tuple(rows), seconds, _peak_mb(), held)


def _rank(live: Live, found: Arrived, bank: _TrialBank, trial: Trial, seed: int) -> tuple[list[int], float]:
    """Rank as rounds do: members first, then newcomers, with the state that the last round left."""
    chosen: list[int] = []
    state, seconds = "", 0.0
    for round_, newcomers in _arrivals(found, trial.arrivals):
        rows = [*chosen, *newcomers]
        pool = _part(found.pool, rows, len(chosen))
        rng = Random(f"{seed}/{round_}/select")  # noqa: S311 - as the round itself draws
        began = time.perf_counter()
        selection = call.select(live, pool, trial.size, bank, rng, state)
        seconds += time.perf_counter() - began
        place: dict[CandidateId, int] = {pool.candidates[n].id: row for n, row in enumerate(rows)}
        chosen, state = [place[each.candidate_id] for each in selection.ranking], selection.state
        bank.hold(found.pool, chosen, selection.ranking)
    return chosen, seconds


def _arrivals(found: Arrived, one_by_one: bool) -> Iterator[tuple[int, list[int]]]:
    """The rows of each round; all at once they are as of round 1."""
    if not one_by_one:
        yield 1, list(range(len(found.rounds)))
        return
    for round_ in sorted(set(found.rounds.tolist())):
        yield round_, (found.rounds == round_).nonzero()[0].tolist()


def _part(pool: Pool, rows: Sequence[int], n_members: int) -> Pool:
    if not n_members and len(rows) == len(pool.candidates):
        return pool  # no second copy of all vectors
    return Pool(tuple(pool.candidates[row] for row in rows), pool.vectors[rows], pool.quality[rows], n_members)


def _peak_mb() -> float | None:
    """Largest resident memory of this process so far, in 1e6 bytes: ``ru_maxrss``."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6
