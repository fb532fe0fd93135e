"""Merges another project's bank into this one: its candidates come as one arrival, and this selector ranks everyone.

Flows in: another project's database. Flows out: one round with all facts, one new version of the bank, and a report of
what was here already and where the two projects disagree. This project's word stands in every disagreement.

The candidates passed the other project's filters and keep its verdicts, answers and scores; no filter runs again
(``insgen add`` of the other's export is the way to judge them anew). Quality is the weighted mean of *their* scores
with this config's weights. A candidate that lacks a score of one of this config's scorers cannot be compared with the
members: it waits for the next run, which judges it like added data.
"""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from insgen.errors import ConfigError, DataError
from insgen.hooks.handed import StageProgress
from insgen.loop.assemble import Assembly
from insgen.loop.overlap import Conflict, Overlap, find_conflicts, find_overlap
from insgen.loop.ranking import quality_of
from insgen.loop.rounds import Player
from insgen.loop.run import Run
from insgen.records import Candidate, CandidateId, Selection, Verdict
from insgen.store import ledger, proposals, rounds, transfer
from insgen.store import members as member_store
from insgen.store.database import open_reader
from insgen.store.members import BankChange
from insgen.store.transfer import Facts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


_NORM_SLACK = 1e-3


@dataclass
class Merged:
    """What came of a merge.

    :ivar source: the other project's name.
    :ivar looked_at: candidates of the other project that were looked at.
    :ivar repeated: those with an id that is here already; ``duplicates``: those whose question is, with another id.
    :ivar waiting: those that lack a score of this config's and wait for the next run.
    :ivar version: the bank's new version; ``None`` when nobody new could be ranked.
    """

    source: str
    looked_at: int = 0
    new: int = 0
    repeated: int = 0
    duplicates: int = 0
    waiting: int = 0
    version: int | None = None
    admitted: tuple[CandidateId, ...] = ()
    evicted: tuple[CandidateId, ...] = ()
    members: int = 0
    conflicts: list[Conflict] = field(default_factory=list)


def merge(path: Path, other: Path, *, everything: bool = False, watcher: object | None = None) -> Merged:
    """Merge another project's bank; it makes one round of this project, and counts as one.

    :param other: its folder or its database; it is only read.
    :param everything: all candidates that passed its filters, not only its members.
    :raises ConfigError: it is this project, is empty, or was ranked with another embedding model.
    :raises StoreError: it is no insgen database, or of another schema.
    :raises DataError: a vector in it is damaged.
    """
    assembly = Assembly(path)
    assembly.config = replace(assembly.config, llm=None)  # nothing is asked
    if watcher is not None:
        assembly.watch(watcher)
    theirs = other / assembly.config.database.name if other.is_dir() else other
    if theirs.exists() and assembly.config.database.exists() and theirs.samefile(assembly.config.database):
        raise ConfigError(
            f"{other} is this project itself.\n  Expected another project's folder or database.\n  Name that one."
        )
    with closing(open_reader(theirs)) as reader, assembly.open() as run:
        reader.execute("BEGIN")  # one view of it, though a run may be writing there
        _refuse_other_bank(reader, theirs, run.player.embedding.model)
        return _Merge(reader, theirs, run).play(everything=everything)


def _refuse_other_bank(reader: sqlite3.Connection, path: Path, model: str) -> None:
    _, _, ranked_with = member_store.selector_state(reader)
    if not reader.execute("SELECT 1 FROM members LIMIT 1").fetchone():
        raise ConfigError(
            f"The bank in {path} has no members.\n  Expected a bank that a run has filled.\n"
            "  Call `insgen run` there, or bring data with `insgen add`."
        )
    if ranked_with != model:
        raise ConfigError(
            f'The bank in {path} was ranked with the embedding model "{ranked_with}", this project uses "{model}".\n'
            "  Two models' vectors cannot be compared in one ranking.\n"
            "  Set [embed] of one project to that of the other and call `insgen embed --migrate` there; then merge."
        )


class _Merge:
    """One merge under way."""

    def __init__(self, reader: sqlite3.Connection, path: Path, run: Run) -> None:
        self._reader = reader
        self._path = path
        self._run = run
        self._player: Player = run.player
        self._round = rounds.last_round(run.player.store.conn) + 1
        self._started = time.monotonic()
        self._merged = Merged(transfer.project_name(reader) or path.resolve().parent.name)

    def play(self, *, everything: bool) -> Merged:
        found = transfer.read_facts(self._reader, transfer.kept_ids(self._reader, members_only=not everything))
        merged = self._merged
        scorers = {live.name for live, _ in self._player.pipeline.scorers}
        overlap = find_overlap(self._player.store.conn, found, scorers)
        merged.looked_at, merged.new = len(found), len(overlap.newcomers)
        merged.repeated, merged.duplicates = len(overlap.repeated), len(overlap.duplicates)
        merged.waiting = len(overlap.waiting)
        merged.conflicts = find_conflicts(self._player.store.conn, overlap)
        newcomers = self._embedded(overlap)
        if merged.repeated < merged.looked_at:
            self._close(overlap, newcomers)
        merged.members = len(self._player.bank)
        return merged

    def _embedded(self, overlap: Overlap) -> list[Candidate]:
        """Bring the vectors along, and give the newcomers theirs and their quality.

        Vectors are stored at once, as in a round; one that is missing there is made here.
        """
        player = self._player
        embedding = player.embedding
        brought = [*overlap.newcomers, *overlap.waiting]
        found = transfer.read_vectors(self._reader, embedding.model, [each.candidate.id for each in brought])
        for id_, vector in found.items():
            self._check_vector(id_, vector, embedding.dimension)
        with player.store.atomic() as conn:
            ledger.add_vectors(conn, embedding.model, 0, found)

        def advance(done: int, total: int) -> None:
            player.advance(StageProgress(self._round, "embed", done, total))

        made = embedding.embed([each.candidate for each in overlap.newcomers], self._round, advance)
        return [self._judged(each, candidate) for each, candidate in zip(overlap.newcomers, made, strict=True)]

    def _judged(self, facts: Facts, embedded: Candidate) -> Candidate:
        """Give a candidate with its vector, its answer, and the quality that this config makes of its scores."""
        scorers = self._player.pipeline.scorers
        scores = facts.scores()
        quality = quality_of([scores[live.name][1] for live, _ in scorers], [weight for _, weight in scorers])
        answered = facts.answered
        return embedded.answered(answered.output, answered.input).judged(quality)

    def _check_vector(self, id_: CandidateId, vector: NDArray[np.float32], dimension: int) -> None:
        norm = float((vector.astype("float64") ** 2).sum() ** 0.5)
        if vector.shape != (dimension,) or not abs(norm - 1) < _NORM_SLACK:  # written so that NaN is bad
            raise DataError(
                f"{self._path}: the vector of {id_} has shape {vector.shape} and L2 norm {norm}.\n"
                f"  Expected ({dimension},) and 1; nothing was merged.\n"
                "  Export that bank, and bring the export with `insgen add`: it is embedded anew then."
            )

    def _close(self, overlap: Overlap, newcomers: list[Candidate]) -> None:
        """Rank everyone, and store it all at once."""
        player, action = self._player, f"merge of {self._merged.source}"
        change: BankChange | None = None
        selection = self._rank(newcomers) if newcomers else None
        with player.store.atomic() as conn:
            run_id = rounds.start_run(
                conn, rounds.now_utc(), self._run.tables, self._run.config_hash, player.pipeline.plugins()
            )
            arrival = self._arrive(conn, action)
            self._add(conn, overlap, newcomers, arrival)
            if selection is not None:
                change = player.bank.apply(selection.ranking, player.ranker.note(self._round, action, selection.state))
                self._merged.version, self._merged.admitted = change.version, change.admitted
                self._merged.evicted = change.evicted
            rounds.add_round(conn, self._row(run_id, change))
            rounds.finish_run(conn, run_id, rounds.now_utc(), f"it was a {action}")
        if change is not None:
            self._run.hook.insgen_bank_changed(version=change.version, admitted=change.admitted, evicted=change.evicted)

    def _rank(self, newcomers: list[Candidate]) -> Selection:
        player = self._player
        members = [member.candidate for member in player.bank.members()]
        n_pool, stage = len(members) + len(newcomers), f"select {player.pipeline.selector.name}"
        player.advance(StageProgress(self._round, stage, 0, n_pool))
        selection = player.ranker.rank(members, newcomers, f"{self._round}/select")
        note = f"{len(selection.ranking)} of {n_pool}"
        player.advance(StageProgress(self._round, stage, n_pool, n_pool, note))
        return selection

    def _arrive(self, conn: sqlite3.Connection, action: str) -> int:
        origin = {"database": str(self._path.resolve()), "project": self._merged.source}
        origin["bank_version"] = str(member_store.bank_version(self._reader))
        cursor = conn.execute(
            "INSERT INTO arrivals (added_utc, source, options, n_rows, n_unreadable) VALUES (?,?,?,?,0)",
            (rounds.now_utc(), action, json.dumps(origin, ensure_ascii=False), self._merged.looked_at),
        )
        assert cursor.lastrowid is not None  # noqa: S101 - an INSERT always has one
        return cursor.lastrowid

    def _add(self, conn: sqlite3.Connection, overlap: Overlap, newcomers: list[Candidate], arrival: int) -> None:
        decided = [*overlap.newcomers, *overlap.repeated, *(each for each, _ in overlap.duplicates)]
        proposals.add_proposals(conn, [each.candidate for each in decided], self._round, arrival)
        proposals.add_proposals(conn, [each.candidate for each in overlap.waiting], None, arrival)
        transfer.add_facts(conn, overlap.newcomers, self._round)
        answers = [replace(each, rows={**each.rows, "verdicts": (), "scores": ()}) for each in overlap.waiting]
        transfer.add_facts(conn, answers, self._round)
        ledger.add_kept(conn, self._round, newcomers)
        proposals.set_fates(conn, {candidate.id: ("kept", "") for candidate in newcomers})
        refused = [
            Verdict(each.candidate.id, kept=False, measure="text", neighbour=here, reason="exact duplicate")
            for each, here in overlap.duplicates
        ]
        ledger.add_verdicts(conn, self._round, 0, ("merge", ""), refused)
        proposals.set_fates(conn, {each.candidate_id: ("rejected", f"merge: {each.reason}") for each in refused})

    def _row(self, run_id: int, change: BankChange | None) -> rounds.RoundRow:
        merged = self._merged
        return rounds.RoundRow(
            round=self._round,
            run_id=run_id,
            finished_utc=rounds.now_utc(),
            duration_ms=round(1000 * (time.monotonic() - self._started)),
            proposed=merged.looked_at - merged.waiting,
            repeated=merged.repeated,
            unreadable=0,
            rejected=merged.duplicates,
            unanswered=0,
            unscored=0,
            kept=merged.new,
            deferred=0,
            admitted=len(change.admitted) if change else 0,
            evicted=len(change.evicted) if change else 0,
            members=len(self._player.bank),
        )
