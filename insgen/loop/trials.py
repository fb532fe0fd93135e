"""One trial: one selector chooses from everything a project has, in a process of its own; the project stays as it is.

Flows in: a `Trial`. Flows out: a `Choice`. The process reads the pool for itself, so its peak memory is that of this
selector alone, and one that fails or is killed takes no other with it. No model is trained between the rounds of a
trial: all of them go by the same vectors.
"""

from __future__ import annotations

import multiprocessing
import sqlite3
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass, fields, replace
from itertools import count
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
    :ivar scratch: folder that stands in for those in which the selector would keep what it learns.
    """

    project: Path
    selector: str
    size: int
    model: str
    last_round: int
    arrivals: bool
    scratch: Path


@dataclass(frozen=True)
class Choice:
    """What one selection chose.

    :ivar rows: of the pool, best first.
    :ivar asked: rounds that it took.
    :ivar seconds: spent in the selector, over these rounds; wall clock.
    :ivar peak_mb: largest resident memory of the process that held the pool and ran the selector, in 1e6 bytes;
        ``None`` where the system does not tell.
    :ivar pool_mb: the same before the selector began.
    """

    rows: tuple[int, ...] = ()
    asked: int = 0
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
    live = _learning_in(live, trial.scratch)
    with explained(config.database), closing(open_reader(config.database)) as conn:
        found = arrived(conn, trial.model, trial.last_round)
        held = _peak_mb()
        bank = _TrialBank(conn, trial.model, found.pool.vectors.shape[1])
        rounds = _Rounds(live, found.pool, bank, trial.size, config.project.seed)
        if trial.arrivals:
            choice = rounds.replay(found, trial.last_round, config.select[0].compete == "everything")
        else:
            choice = rounds.fill()
    return replace(choice, pool_mb=held)


def _learning_in(live: Live, folder: Path) -> Live:
    """Give the selector other folders to write to: those options of it that are marked ``written`` and named."""
    moved = {
        option.name: folder / option.name
        for option in fields(live.stage)
        if option.metadata.get("written") and getattr(live.stage, option.name) != option.default
    }
    return replace(live, stage=replace(live.stage, **moved)) if moved else live


@dataclass
class _Rounds:
    """A selector that is asked as rounds ask it: members first, then newcomers, with the state it left last.

    :ivar pool: everything that was kept and scored, in order of arrival.
    :ivar choice: what it answered last; ``state`` belongs to it.
    """

    live: Live
    pool: Pool
    bank: _TrialBank
    size: int
    seed: int
    choice: Choice = Choice(seconds=0.0)
    state: str = ""

    def fill(self) -> Choice:
        """Ask about everything at once, and again about what is left, until the bank is full or does not grow.

        An answer that is no larger than the one before is passed over: a selector that is done at once, or holds back
        on purpose, is measured by its first.
        """
        choice = self._ask(1, range(len(self.pool.candidates)))
        for round_ in count(2):
            n = len(choice.rows)
            if not 0 < n < min(self.size, len(self.pool.candidates)):
                break
            more = self._ask(round_, sorted(set(range(len(self.pool.candidates))).difference(choice.rows)))
            if len(more.rows) <= n:
                break
            choice = more
        return choice

    def replay(self, found: Arrived, last_round: int, everything: bool) -> Choice:
        """Ask round after round, as the candidates came.

        :param everything: all that was kept before competes again, in every round; as ``[select] compete`` has it.
        """
        rounds = set(found.rounds.tolist())
        for round_ in range(1, last_round + 1) if everything else sorted(rounds):
            here = (found.rounds <= round_) if everything else (found.rounds == round_)
            newcomers = sorted(set(here.nonzero()[0].tolist()).difference(self.choice.rows))
            if newcomers:
                self._ask(round_, newcomers)
        return self.choice

    def _ask(self, round_: int, newcomers: Sequence[int]) -> Choice:
        """Play one round: the draws are those of the project's round of this number."""
        before = self.choice
        rows = [*before.rows, *newcomers]
        pool = _part(self.pool, rows, len(before.rows))
        rng = Random(f"{self.seed}/{round_}/select")  # noqa: S311 - as the round itself draws
        began = time.perf_counter()
        selection = call.select(self.live, pool, self.size, self.bank, rng, self.state)
        seconds = (before.seconds or 0.0) + time.perf_counter() - began
        place: dict[CandidateId, int] = {pool.candidates[n].id: row for n, row in enumerate(rows)}
        chosen = tuple(place[each.candidate_id] for each in selection.ranking)
        self.bank.hold(self.pool, chosen, selection.ranking)
        self.choice, self.state = Choice(chosen, before.asked + 1, seconds, _peak_mb()), selection.state
        return self.choice


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
