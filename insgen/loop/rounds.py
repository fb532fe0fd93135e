"""One round, read from top to bottom: the only file that knows the order of the stages.

Flows in: proposals (from generators, from added data, or from an earlier run when replaying). Flows out: one closing
transaction with every fact about them and the bank's new version. Until that commits, only vectors and paid answers are
stored, so a killed round is simply played again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from insgen.bank.bank import Bank
from insgen.hooks import call
from insgen.hooks.handed import Prompts, StageProgress
from insgen.hooks.live import Live
from insgen.loop.facts import RoundFacts, let_wait, row_of, write_facts
from insgen.loop.failures import Tolerance, work_of
from insgen.loop.overruling import REJECTED, Overruling
from insgen.loop.pipeline import Pipeline
from insgen.loop.proposals import Proposed
from insgen.loop.ranking import Ranker, quality_of
from insgen.models.asking import Asker
from insgen.models.embedding import Embedding
from insgen.records import Answer, Candidate, CandidateId, Score
from insgen.store import blame, proposals, rounds
from insgen.store.members import BankChange
from insgen.store.rounds import RoundRow

if TYPE_CHECKING:
    from insgen.store.database import Store

Advance = Callable[[StageProgress], None]


@dataclass
class Player:
    """What it takes to play a round.

    :ivar size: most members the bank may have.
    :ivar seed: the project's seed.
    :ivar llm: ``None`` when the config has no ``[llm]``.
    :ivar target: most rows ever answered and scored; what passes the filters beyond it waits for a larger target;
        0 = no limit.
    :ivar advance: told about progress inside the round.
    :ivar tolerance: what to do when a plugin fails.
    :ivar everything: whether all that was ever kept competes with the members in each round.
    :ivar verdicts: what people's verdicts are good for: ``overrule`` or ``advise``.
    :ivar min_quality: least quality of a member, 0 to 1.
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
    tolerance: Tolerance = field(default_factory=Tolerance)
    everything: bool = False
    verdicts: str = "overrule"
    min_quality: float = 0.0

    @property
    def grows(self) -> bool:
        """Whether another round has somebody to take, though nothing new comes: the last one let somebody in."""
        n, last = len(self.bank), rounds.rows_since(self.store.conn, 0, 1)
        return self.everything and n < min(self.size, self.bank.n_scored) and bool(last and last[0].admitted)

    @property
    def ranker(self) -> Ranker:
        """The selector, ready to be asked."""
        selector, model = self.pipeline.selector, self.embedding.model
        return Ranker(self.store.conn, self.bank, selector, model, self.size, self.seed)

    def play(self, round_: int, run_id: int, proposed: Proposed) -> tuple[RoundRow, RoundFacts, BankChange | None]:
        """Judge one round's proposals, choose the bank anew, and store it all at once.

        :returns: the round's row as stored, its facts, and what changed in the bank (``None``: nothing reached it).
        """
        started = time.monotonic()
        facts = RoundFacts(round_, proposed, people=Overruling.read(self.store.conn, self.verdicts))
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
        known = proposals.known_ids(self.store.conn, [candidate.id for candidate in proposed.candidates])
        distinct = {candidate.id: candidate for candidate in reversed(proposed.candidates)}
        return [
            candidate
            for candidate in proposed.candidates
            if candidate.id not in known and distinct.get(candidate.id) is candidate
        ]

    def _filter(self, facts: RoundFacts, survivors: list[Candidate]) -> list[Candidate]:
        """Run the filters in order; vectors are made only once a filter asks for them, for those still in.

        Whom people rejected meets no filter, and whom they accepted passes all.
        """
        judged, survivors = survivors, facts.people.admissible(survivors)
        facts.fates |= {each.id: ("rejected", REJECTED) for each in judged if each.id in facts.people.rejected}
        facts.rejected_by += Counter({REJECTED: len(judged) - len(survivors)})
        for live in self.pipeline.filters:
            if self.tolerance.is_out(live):
                self.tolerance.pass_by(live, survivors)
                facts.verdicts.append([])
                continue
            if live.stage.needs_vectors:
                survivors = self._embed(facts, survivors)
            with self._stage(facts, f"filter {live.name}", len(survivors)) as note:
                verdicts = self.tolerance.ask(call.filter_, live, survivors, self.bank) if survivors else []
                if verdicts is None:
                    verdicts, survivors = [], self._set_aside(facts, live, survivors)
                verdicts = facts.people.overrule(verdicts)
                facts.verdicts.append(verdicts)
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
        """Let no more go on than the target wants; nothing is bought for the others.

        Whoever then gets no answer or no score leaves its place to the next round's.
        """
        wanted = max(0, self.target - self.bank.n_scored) if self.target else len(survivors)
        facts.deferred |= {candidate.id for candidate in survivors[wanted:]}
        return survivors[:wanted]

    def _defer(self, facts: RoundFacts, ids: Iterable[CandidateId]) -> None:
        """Let candidates wait that nothing could be bought for because the budget is spent."""
        if self.llm is not None and self.llm.budget_spent:
            facts.deferred |= set(ids)

    def _set_aside(self, facts: RoundFacts, live: Live, candidates: list[Candidate]) -> list[Candidate]:
        """Let candidates wait for another run, for the stage that should have judged them failed; none is left."""
        self.tolerance.concerns(candidates)
        reason = f'the {live.kind} "{live.name}" {self.tolerance.reason}'
        facts.aside |= {candidate.id: reason for candidate in candidates}
        facts.deferred |= facts.aside.keys()
        return []

    def _respond(self, facts: RoundFacts, survivors: list[Candidate]) -> list[Candidate]:
        responder = self.pipeline.responder
        unanswered = [candidate for candidate in survivors if not candidate.output]
        if responder is None or not unanswered:
            return survivors
        with self._stage(facts, f"respond {responder.name}", len(unanswered)) as note:
            self._scope(facts, f"respond {responder.name}")
            given_now = self.tolerance.ask(call.respond, responder, unanswered, self.llm, self.prompts)
            if given_now is None:
                self._set_aside(facts, responder, unanswered)
            facts.answers = list(given_now or [])
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
        """Score the survivors; quality is the weighted mean of the scores, each taken to 0..1 by its own scale.

        Without one of its scores a candidate has no quality, so no later scorer is asked (and paid) for it.
        """
        given: dict[CandidateId, list[Score]] = {candidate.id: [] for candidate in survivors}
        lost: dict[CandidateId, str] = {}
        for live, _ in self.pipeline.scorers:
            left = [c for c in survivors if c.id not in lost and c.id not in facts.aside]
            if self.tolerance.is_out(live):
                self.tolerance.pass_by(live, left)
                facts.scores.append([])
                continue
            with self._stage(facts, f"score {live.name}", len(left)) as note:
                self._scope(facts, f"score {live.name}")
                scores = self.tolerance.ask(call.score, live, left, self.bank, self.llm, self.prompts) if left else []
                if scores is None:
                    self._set_aside(facts, live, left)
                    scores = []
                facts.scores.append(list(scores))
                for score in scores:
                    given[score.candidate_id].append(score)
                lost |= {score.candidate_id: score.reason for score in scores if score.value is None}
                note(f"{len(scores)} scores")
        self._defer(facts, lost)
        weights = [weight for live, weight in self.pipeline.scorers if not self.tolerance.is_out(live)]
        for candidate in survivors:
            if candidate.id in facts.deferred:
                continue
            reason = lost.get(candidate.id)
            facts.fates[candidate.id] = ("kept", "") if reason is None else ("unscored", reason)
            facts.kept.append(candidate.judged(quality_of(given[candidate.id], weights) if reason is None else None))

    def _scope(self, facts: RoundFacts, stage: str) -> None:
        if self.llm is not None:
            self.llm.scope(facts.round, stage)

    def _select(self, facts: RoundFacts) -> None:
        newcomers = list(facts.kept)
        everyone = [member.candidate for member in self.bank.members()]
        if self.everything:
            newcomers = [*self.ranker.left_out({candidate.id for candidate in everyone}), *newcomers]
        members, newcomers = self._eligible(facts, everyone), self._eligible(facts, newcomers)
        if not newcomers and len(members) in (0, len(everyone)):
            return
        n_pool = len(members) + len(newcomers)
        with self._stage(facts, f"select {self.pipeline.selector.name}", n_pool) as note:
            facts.selection = self.ranker.rank(members, newcomers, f"{facts.round}/select")
            note(f"{len(facts.selection.ranking)} of {n_pool}")

    def _eligible(self, facts: RoundFacts, candidates: Iterable[Candidate]) -> list[Candidate]:
        """Those that may be members: with a quality, high enough, and not rejected by people."""
        scored = (each for each in candidates if each.quality is not None and each.quality >= self.min_quality)
        return facts.people.admissible(scored)

    def _close(self, facts: RoundFacts, run_id: int, started: float) -> tuple[RoundRow, RoundFacts, BankChange | None]:
        change: BankChange | None = None
        with self.store.atomic() as conn:
            write_facts(conn, facts, self.pipeline)
            self.tolerance.held |= let_wait(conn, facts)
            blame.add_failures(conn, run_id, facts.round, self.tolerance.take_failures())
            blame.add_work(conn, run_id, facts.round, work_of(self.pipeline.everyone()))
            if facts.selection is not None:
                note = self.ranker.note(facts.round, "round", facts.selection.state)
                change = self.bank.apply(facts.selection.ranking, note)
            rounds.add_positions(conn, facts.round, facts.proposed.positions)
            row = row_of(facts, run_id, started, change, self.bank)
            rounds.add_round(conn, row)
        return row, facts, change

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
