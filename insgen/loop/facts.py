"""What one round found out, and how it is written down when the round closes.

Flows in: what `loop/rounds.py` gathers while it goes from stage to stage. Flows out: rows of the store, written inside
the transaction that closes the round. Nothing is decided here.
"""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from dataclasses import dataclass, field

from insgen.bank.bank import Bank
from insgen.loop.overruling import Overruling
from insgen.loop.pipeline import Pipeline
from insgen.loop.proposals import Proposed
from insgen.records import Answer, Candidate, CandidateId, Score, Selection, Verdict
from insgen.store import ledger, proposals, rounds
from insgen.store.members import BankChange
from insgen.store.rounds import RoundRow


@dataclass
class RoundFacts:
    """Everything one round found out, before it is stored.

    :ivar rejected_by: rejection reasons, with their counts.
    :ivar people: whose word outweighs a filter's.
    :ivar kept: survivors of all filters, with vector; with quality where one could be had.
    :ivar deferred: candidates that wait again: nothing could be bought for them, the target is reached, or they are
        set aside.
    :ivar aside: those of them that a failed plugin should have judged, each with the reason; they wait for another run.
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
    aside: dict[CandidateId, str] = field(default_factory=dict)
    selection: Selection | None = None
    rejected_by: Counter[str] = field(default_factory=Counter)
    people: Overruling = field(default_factory=Overruling)


def write_facts(conn: sqlite3.Connection, facts: RoundFacts, pipeline: Pipeline) -> None:
    """Write down the proposals, what every stage said of them, and what became of each.

    What was said of a deferred candidate is left out: it will be judged anew. Only its paid answer stays.
    """
    proposed = facts.proposed
    if proposed.waiting:
        proposals.claim(conn, proposed.waiting, facts.round)
    else:
        versions = {live.name: live.version for live in pipeline.generators}
        proposals.add_proposals(conn, proposed.candidates, facts.round, None, versions)
    proposals.add_unreadable(conn, proposed.unreadable, facts.round)
    for ordinal, (live, verdicts) in enumerate(zip(pipeline.filters, facts.verdicts, strict=True)):
        told = [verdict for verdict in verdicts if verdict.candidate_id not in facts.deferred]
        ledger.add_verdicts(conn, facts.round, ordinal, (live.name, live.version), told)
    if pipeline.responder:
        named = (pipeline.responder.name, pipeline.responder.version)
        paid = [answer for answer in facts.answers if answer.output or answer.candidate_id not in facts.deferred]
        ledger.add_answers(conn, facts.round, named, paid)
    for ordinal, ((live, weight), scores) in enumerate(zip(pipeline.scorers, facts.scores, strict=True)):
        made = [score for score in scores if score.candidate_id not in facts.deferred]
        ledger.add_scores(conn, facts.round, ordinal, (live.name, live.version, weight), made)
    ledger.add_kept(conn, facts.round, facts.kept)
    proposals.set_fates(conn, facts.fates)


def let_wait(conn: sqlite3.Connection, facts: RoundFacts) -> set[int]:
    """Let the deferred wait again; those that a failed plugin set aside wait for another run.

    :returns: the arrivals of those set aside.
    """
    now = rounds.now_utc()
    held: set[int] = set()
    proposals.wait_again(conn, facts.round, now, facts.deferred - facts.aside.keys())
    for reason in sorted(set(facts.aside.values())):
        ids = {id_ for id_, why in facts.aside.items() if why == reason}
        arrival = proposals.wait_again(conn, facts.round, now, ids, reason)
        if arrival is not None:
            held.add(arrival)
    return held


def row_of(facts: RoundFacts, run_id: int, started: float, change: BankChange | None, bank: Bank) -> RoundRow:
    """Count for the round's row.

    :param started: when the round began, by `time.monotonic`, in seconds.
    :param change: what the round changed in the bank; ``None``: nothing reached it.
    """
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
        members=len(facts.selection.ranking) if facts.selection is not None else len(bank),
    )
