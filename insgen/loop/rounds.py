"""One round, read from top to bottom: the only file that knows the order of the stages.

Flows in: proposals (from generators, from added data, or from an earlier run when replaying). Flows out: one closing
transaction with every fact about them and the bank's new version. Until that commits, only vectors and paid answers are
stored, so a killed round is simply played again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from insgen.bank.bank import Bank
from insgen.hooks import call
from insgen.hooks.call import Live
from insgen.hooks.stages import Prompts, StageProgress
from insgen.loop.pipeline import Pipeline
from insgen.loop.proposals import Proposed
from insgen.models.asking import Asker
from insgen.models.embedding import Embedding
from insgen.records import Answer, Candidate, CandidateId, Pool, Score, Selection, Verdict
from insgen.store import ledger, rounds
from insgen.store import members as member_store
from insgen.store.members import BankChange, VersionNote
from insgen.store.rounds import RoundRow

if TYPE_CHECKING:
    from insgen.store.database import Store

Advance = Callable[[StageProgress], None]


@dataclass
class RoundFacts:
    """Everything one round found out, before it is stored.

    :ivar rejected_by: rejection reasons, with their counts.
    :ivar kept: survivors of all filters, with vector; with quality where one could be had.
    :ivar deferred: candidates that wait again: nothing could be bought for them, or the target is reached.
    """

    round: int
    proposed: Proposed
    fresh: list[Candidate] = field(default_factory=list)
    verdicts: list[list[Verdict]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    scores: list[list[Score]] = field(default_factory=list)
    fates: dict[CandidateId, tuple[str, str]] = field(default_factory=dict)
    kept: list[Candidate] = field(default_factory=list)
    deferred: set[CandidateId] = field(default_factory=set)
    selection: Selection | None = None
    rejected_by: Counter[str] = field(default_factory=Counter)


@dataclass
class Player:
    """What it takes to play a round.

    :ivar size: most members the bank may have.
    :ivar seed: the project's seed.
    :ivar llm: ``None`` when the config has no ``[llm]``.
    :ivar target: most rows ever kept; what passes the filters beyond it waits for a larger target. 0 = no limit.
    :ivar advance: told about progress inside the round.
    """

    store: Store
    bank: Bank
    pipeline: Pipeline
    embedding: Embedding
    prompts: Prompts
    size: int
    seed: int
    advance: Advance
    llm: Asker | None = None
    target: int = 0

    def play(self, round_: int, run_id: int, proposed: Proposed) -> tuple[RoundRow, RoundFacts, BankChange | None]:
        """Judge one round's proposals, choose the bank anew, and store it all at once.

        :returns: the round's row as stored, its facts, and what changed in the bank (``None``: nothing reached it).
        """
        started = time.monotonic()
        facts = RoundFacts(round_, proposed)
        facts.fresh = self._fresh(proposed)
        survivors = self._filter(facts, facts.fresh)
        survivors = self._cut(facts, survivors)
        survivors = self._respond(facts, survivors)
        self._score(facts, survivors)
        self._select(facts)
        return self._close(facts, run_id, started)

    def _fresh(self, proposed: Proposed) -> list[Candidate]:
        """Those with texts never seen before; the others share the fate of their first appearance."""
        if proposed.first is not None:
            return [c for c, first in zip(proposed.candidates, proposed.first, strict=True) if first]
        known = ledger.known_ids(self.store.conn, [candidate.id for candidate in proposed.candidates])
        distinct = {candidate.id: candidate for candidate in reversed(proposed.candidates)}
        return [
            candidate
            for candidate in proposed.candidates
            if candidate.id not in known and distinct.get(candidate.id) is candidate
        ]

    def _filter(self, facts: RoundFacts, survivors: list[Candidate]) -> list[Candidate]:
        """Run the filters in order; vectors are made only once a filter asks for them, for those still in."""
        for live in self.pipeline.filters:
            if live.stage.needs_vectors:
                survivors = self._embed(facts, survivors)
            with self._stage(facts, f"filter {live.name}", len(survivors)) as note:
                verdicts = call.filter_(live, survivors, self.bank) if survivors else []
                facts.verdicts.append(list(verdicts))
                for verdict in verdicts:
                    if not verdict.kept:
                        facts.fates[verdict.candidate_id] = ("rejected", f"{live.name}: {verdict.reason}")
                        facts.rejected_by[verdict.reason] += 1
                before = len(survivors)
                survivors = [c for c, verdict in zip(survivors, verdicts, strict=True) if verdict.kept]
                note(f"kept {len(survivors)} of {before}")
        return self._embed(facts, survivors)

    def _embed(self, facts: RoundFacts, survivors: list[Candidate]) -> list[Candidate]:
        todo = [candidate for candidate in survivors if candidate.vector is None]
        if not todo:
            return survivors
        with self._stage(facts, "embed", len(todo)) as note:

            def advance(done: int, total: int) -> None:
                self.advance(StageProgress(facts.round, "embed", done, total))

            embedded = {c.id: c for c in self.embedding.embed(todo, facts.round, advance)}
            note(f"{len(todo)} vectors")
        return [embedded.get(candidate.id, candidate) for candidate in survivors]

    def _cut(self, facts: RoundFacts, survivors: list[Candidate]) -> list[Candidate]:
        """Let no more go on than the target wants; nothing is bought for the others."""
        wanted = max(0, self.target - self.bank.n_kept) if self.target else len(survivors)
        facts.deferred |= {candidate.id for candidate in survivors[wanted:]}
        return survivors[:wanted]

    def _defer(self, facts: RoundFacts, ids: Iterable[CandidateId]) -> None:
        """Let candidates wait that nothing could be bought for because the budget is spent."""
        if self.llm is not None and self.llm.budget_spent:
            facts.deferred |= set(ids)

    def _respond(self, facts: RoundFacts, survivors: list[Candidate]) -> list[Candidate]:
        responder = self.pipeline.responder
        unanswered = [candidate for candidate in survivors if not candidate.output]
        if responder is None or not unanswered:
            return survivors
        with self._stage(facts, f"respond {responder.name}", len(unanswered)) as note:
            self._scope(facts, f"respond {responder.name}")
            facts.answers = list(call.respond(responder, unanswered, self.llm, self.prompts))
            answers = {answer.candidate_id: answer for answer in facts.answers if answer.output}
            self._defer(facts, (answer.candidate_id for answer in facts.answers if not answer.output))
            for answer in facts.answers:
                if not answer.output:
                    facts.fates[answer.candidate_id] = ("unanswered", answer.reason)
            note(f"answered {len(answers)} of {len(unanswered)}")
        none = Answer(CandidateId(""), None)
        given = [(candidate, answers.get(candidate.id, none)) for candidate in survivors]
        answered = [candidate.answered(answer.output or "", answer.input) for candidate, answer in given]
        return [candidate for candidate in answered if candidate.output]

    def _score(self, facts: RoundFacts, survivors: list[Candidate]) -> None:
        """Score the survivors; quality is the weighted mean of the scores, each taken to 0..1 by its own scale."""
        for live, _ in self.pipeline.scorers:
            with self._stage(facts, f"score {live.name}", len(survivors)) as note:
                self._scope(facts, f"score {live.name}")
                scores = call.score(live, survivors, self.bank, self.llm, self.prompts) if survivors else []
                facts.scores.append(list(scores))
                note(f"{len(scores)} scores")
        weights = [weight for _, weight in self.pipeline.scorers]
        for place, candidate in enumerate(survivors):
            given = [scores[place] for scores in facts.scores]
            lost = next((score.reason for score in given if score.value is None), None)
            if lost is not None:
                self._defer(facts, [candidate.id])
            if candidate.id in facts.deferred:
                continue
            facts.fates[candidate.id] = ("kept", "") if lost is None else ("unscored", lost)
            facts.kept.append(candidate.judged(None if lost is not None else _quality(given, weights)))

    def _scope(self, facts: RoundFacts, stage: str) -> None:
        if self.llm is not None:
            self.llm.scope(facts.round, stage)

    def _select(self, facts: RoundFacts) -> None:
        newcomers = [candidate for candidate in facts.kept if candidate.quality is not None]
        if not newcomers:
            return
        import numpy as np

        selector = self.pipeline.selector
        members = [member.candidate for member in self.bank.members()]
        everyone = (*members, *newcomers)
        with self._stage(facts, f"select {selector.name}", len(everyone)) as note:
            vectors = np.stack([candidate.vector for candidate in everyone if candidate.vector is not None])
            quality = np.array([candidate.quality for candidate in everyone], dtype=np.float64)
            state, name, _ = member_store.selector_state(self.store.conn)
            rng = Random(f"{self.seed}/{facts.round}/select")  # noqa: S311 - reproducible on purpose
            pool = Pool(everyone, vectors, quality, len(members))
            facts.selection = call.select(
                selector, pool, self.size, self.bank, rng, state if name == selector.name else ""
            )
            note(f"{len(facts.selection.ranking)} of {len(everyone)}")

    def _close(self, facts: RoundFacts, run_id: int, started: float) -> tuple[RoundRow, RoundFacts, BankChange | None]:
        change: BankChange | None = None
        with self.store.atomic() as conn:
            proposed = facts.proposed
            if proposed.waiting:
                ledger.claim(conn, proposed.waiting, facts.round)
            else:
                ledger.add_proposals(conn, proposed.candidates, facts.round)
            ledger.add_unreadable(conn, proposed.unreadable, facts.round)
            for ordinal, (live, verdicts) in enumerate(zip(self.pipeline.filters, facts.verdicts, strict=True)):
                told = [verdict for verdict in verdicts if verdict.candidate_id not in facts.deferred]
                ledger.add_verdicts(conn, facts.round, ordinal, (live.name, live.version), told)
            if self.pipeline.responder:
                named = (self.pipeline.responder.name, self.pipeline.responder.version)
                paid = [
                    answer for answer in facts.answers if answer.output or answer.candidate_id not in facts.deferred
                ]
                ledger.add_answers(conn, facts.round, named, paid)
            for ordinal, ((live, weight), scores) in enumerate(zip(self.pipeline.scorers, facts.scores, strict=True)):
                made = [score for score in scores if score.candidate_id not in facts.deferred]
                ledger.add_scores(conn, facts.round, ordinal, (live.name, live.version, weight), made)
            ledger.add_kept(conn, facts.round, facts.kept)
            ledger.set_fates(conn, facts.fates)
            ledger.wait_again(conn, facts.round, rounds.now_utc(), facts.deferred)
            if facts.selection is not None:
                change = self.bank.apply(facts.selection.ranking, self._note(facts, facts.selection))
            for version, signal in proposed.signals:
                ledger.add_signals(conn, facts.round, version, [signal])
            rounds.add_positions(conn, facts.round, proposed.positions)
            row = self._row(facts, run_id, started, change)
            rounds.add_round(conn, row)
        return row, facts, change

    def _note(self, facts: RoundFacts, selection: Selection) -> VersionNote:
        live: Live = self.pipeline.selector
        return VersionNote(
            facts.round,
            rounds.now_utc(),
            "round",
            live.name,
            live.version,
            self.embedding.model,
            self.size,
            selection.state,
        )

    def _row(self, facts: RoundFacts, run_id: int, started: float, change: BankChange | None) -> RoundRow:
        fates = Counter(fate for id_, (fate, _) in facts.fates.items() if id_ not in facts.deferred)
        return RoundRow(
            round=facts.round,
            run_id=run_id,
            finished_utc=rounds.now_utc(),
            duration_ms=round(1000 * (time.monotonic() - started)),
            proposed=len(facts.proposed.candidates),
            repeated=len(facts.proposed.candidates) - len(facts.fresh),
            unreadable=len(facts.proposed.unreadable),
            rejected=fates["rejected"],
            unanswered=fates["unanswered"],
            unscored=fates["unscored"],
            kept=fates["kept"],
            deferred=len(facts.deferred),
            admitted=len(change.admitted) if change else 0,
            evicted=len(change.evicted) if change else 0,
            members=len(facts.selection.ranking) if facts.selection is not None else len(self.bank),
        )

    @contextmanager
    def _stage(self, facts: RoundFacts, name: str, total: int) -> Iterator[Callable[[str], None]]:
        """Tell the watchers when a stage begins, and what came out when it ends."""
        said = ""

        def note(text: str) -> None:
            nonlocal said
            said = text

        self.advance(StageProgress(facts.round, name, 0, total))
        yield note
        self.advance(StageProgress(facts.round, name, total, total, said))


def _quality(scores: Sequence[Score], weights: Sequence[float]) -> float:
    """Weighted mean of scores on 0..1; 0 when the config has no scorer, so that diversity alone decides."""
    if not scores:
        return 0.0
    shares = [(s.value - s.low) / (s.high - s.low) for s in scores if s.value is not None]
    return sum(share * weight for share, weight in zip(shares, weights, strict=True)) / sum(weights)
