"""Ranks bank and newcomers with the project's selector: the step that rounds, merges and migrations share.

Flows in: candidates with vectors of one embedding model, and with quality. Flows out: a `Selection` that
`hooks/call.py` has checked, and what is recorded about the version it becomes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from random import Random

from insgen.bank.bank import Bank
from insgen.hooks import call
from insgen.hooks.live import Live
from insgen.records import Candidate, CandidateId, Pool, Score, Selection
from insgen.store import ledger, transfer
from insgen.store import members as member_store
from insgen.store.members import VersionNote
from insgen.store.rounds import now_utc


@dataclass(frozen=True)
class Ranker:
    """The project's selector, with what it takes to ask it.

    :ivar model: identity of the embedding model whose vectors the candidates have.
    :ivar size: most members the bank may have.
    :ivar seed: the project's seed.
    """

    conn: sqlite3.Connection
    bank: Bank
    selector: Live
    model: str
    size: int
    seed: int

    def rank(self, members: Sequence[Candidate], newcomers: Sequence[Candidate], occasion: str) -> Selection:
        """Rank members and newcomers together.

        The selector is handed the state of the newest version only where it made that version itself, with vectors of
        this model: a state may hold distances, and those of two models cannot be compared.

        :param members: in rank order.
        :param newcomers: in order of arrival; members and newcomers together are at least one.
        :param occasion: what it is for (``3/select``); with the seed it decides the random draws.
        """
        import numpy as np

        everyone = (*members, *newcomers)
        vectors = np.stack([candidate.vector for candidate in everyone if candidate.vector is not None])
        quality = np.array([candidate.quality for candidate in everyone], dtype=np.float64)
        state, name, model = member_store.selector_state(self.conn)
        fits = (name, model) == (self.selector.name, self.model)
        rng = Random(f"{self.seed}/{occasion}")  # noqa: S311 - reproducible on purpose
        pool = Pool(everyone, vectors, quality, len(members))
        return call.select(self.selector, pool, self.size, self.bank, rng, state if fits else "")

    def left_out(self, members: Collection[CandidateId]) -> list[Candidate]:
        """Give everything with a quality that is no member, oldest first, with its vector of this model."""
        ids = [id_ for id_ in transfer.kept_ids(self.conn, members_only=False) if id_ not in members]
        vectors = transfer.read_vectors(self.conn, self.model, ids)
        return [candidate.embedded(vectors[id_]) for id_, candidate in ledger.find_kept(self.conn, ids).items()]

    def note(self, round_: int | None, action: str, state: str) -> VersionNote:
        """Tell how the version came about that a ranking becomes."""
        live = self.selector
        return VersionNote(round_, now_utc(), action, live.name, live.version, self.model, self.size, state)


def quality_of(scores: Sequence[Score], weights: Sequence[float]) -> float:
    """Weighted mean of scores on 0..1; 0 when the config has no scorer, so that diversity alone decides."""
    if not scores:
        return 0.0
    shares = [(s.value - s.low) / (s.high - s.low) for s in scores if s.value is not None]
    return sum(share * weight for share, weight in zip(shares, weights, strict=True)) / sum(weights)
