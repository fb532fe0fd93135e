"""A person judges candidates one by one: verdicts, corrected copies, labels of pairs, and taking the last one back.

Flows in: what the person says. Flows out: signals and, for a corrected candidate, a new one that waits for the next
run. Each is committed at once. Asking and showing is the command line's business.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from insgen.bank.neighbours import Neighbours
from insgen.errors import DataError
from insgen.records import Candidate, CandidateId, Origin, Signal
from insgen.store import labels, proposals, verdicts
from insgen.store.database import Store
from insgen.store.labels import Pair
from insgen.store.rounds import last_round, now_utc
from insgen.store.verdicts import DISTINCT, VERDICT, Requeued, Said

VERSION = "insgen review"
GENERATOR = "review"
"""Who proposed a corrected candidate, in its origin."""


@dataclass(frozen=True)
class _Done:
    """One step, as it takes to undo it."""

    what: str
    said: tuple[Said, ...]
    requeued: Requeued | None = None
    made: tuple[int, CandidateId] | None = None


@dataclass
class Review:
    """One session of one reviewer.

    :ivar overrules: whether an accepted candidate that a filter rejected is judged again (``[loop] verdicts``).
    :ivar counts: accepted, rejected, edited, same, different, in this session.
    """

    store: Store
    reviewer: str
    overrules: bool = True
    clock: Callable[[], float] = time.time
    counts: Counter[str] = field(default_factory=Counter)
    _done: list[_Done] = field(default_factory=list)

    def accept(self, id_: CandidateId) -> None:
        """Say that a candidate is good; where that overrules a filter, it waits to be judged again."""
        with self.store.atomic() as conn:
            said = self._say(id_, VERDICT, 1.0)
            reason = f"accepted by {self.reviewer} in a review"
            requeued = verdicts.judge_again(conn, now_utc(), id_, reason) if self.overrules else None
        self._count(_Done("accepted", (said,), requeued))

    def reject(self, id_: CandidateId) -> None:
        """Say that a candidate is bad."""
        with self.store.atomic():
            said = self._say(id_, VERDICT, -1.0)
        self._count(_Done("rejected", (said,)))

    def edit(self, id_: CandidateId, texts: Mapping[str, str]) -> CandidateId:
        """Put a corrected candidate in the place of one: the original is rejected, the new one accepted and waits.

        :param texts: instruction, input or output, where they change.
        :returns: the new one's id; its origin names the original.
        :raises DataError: nothing changes, no instruction is left, or these texts are there already.
        """
        with self.store.atomic() as conn:
            original = _candidate(self.store, id_)
            source = f"edit of {id_} by {self.reviewer}"
            origin = Origin(GENERATOR, source, licence=original.origin.licence, kind="edit")
            changed: dict[str, Any] = {**texts, "origin": origin}
            new = replace(original, **changed).bare()
            if not new.instruction:
                raise DataError("The edited task has no instruction.\n  Expected one.\n  Edit it again, or reject it.")
            if new == original or proposals.known_ids(conn, [new.id]):
                what = "Nothing was changed" if new == original else f"These texts are those of {new.id}"
                raise DataError(f"{what}.\n  Expected a new text.\n  Edit it again, or accept, reject or skip it.")
            arrival = verdicts.add_arrival(conn, now_utc(), source)
            proposals.add_proposals(conn, [new], None, arrival)
            said = self._say(id_, VERDICT, -1.0), self._say(new.id, VERDICT, 1.0)
        self._count(_Done("edited", said, made=(arrival, new.id)))
        return new.id

    def tell_apart(self, pair: Pair, *, different: bool) -> None:
        """Say whether two candidates are different tasks, or the same."""
        with self.store.atomic():
            said = self._say(pair.later, f"{DISTINCT}{pair.earlier}", 1.0 if different else -1.0)
        self._count(_Done("different" if different else "same", (said,)))

    def undo(self) -> str:
        """Take the last step of this session back.

        :returns: what it was; empty when there is none.
        """
        if not self._done:
            return ""
        last = self._done.pop()
        with self.store.atomic() as conn:
            for said in last.said:
                verdicts.unsay(conn, said)
            if last.requeued is not None:
                verdicts.leave_judged(conn, last.requeued)
            if last.made is not None:
                verdicts.forget_arrival(conn, *last.made)
        self.counts[last.what] -= 1
        return last.what

    def _say(self, id_: CandidateId, name: str, value: float) -> Said:
        signal = Signal(id_, name, value, self.reviewer, time=self.clock())
        return verdicts.say(self.store.conn, last_round(self.store.conn) + 1, VERSION, signal)

    def _count(self, done: _Done) -> None:
        self._done.append(done)
        self.counts[done.what] += 1


def _candidate(store: Store, id_: CandidateId) -> Candidate:
    """A judged candidate with its answer."""
    row = store.conn.execute(
        f"SELECT {proposals.CANDIDATE_COLUMNS}, a.output, a.input FROM candidates c"  # noqa: S608 - a constant
        " JOIN proposals p ON p.candidate_id = c.id AND p.first = 1"
        " LEFT JOIN answers a ON a.candidate_id = c.id AND a.output IS NOT NULL WHERE c.id = ?",
        (id_,),
    ).fetchone()
    return proposals.candidate_from_row(row[:-2]).answered(row[-2] or "", row[-1] or "")


def pairs_to_label(store: Store, reviewer: str, sample: str, seed: int) -> list[Pair]:
    """Near pairs that this reviewer has not labelled yet, in the order in which they are to be labelled.

    What the filter ``near_duplicate`` rejected with the neighbour that caused it, and each kept candidate with the
    kept one nearest to it.

    :param sample: ``uncertain`` (nearest to the filter's limit first; without one the most similar), ``random`` or
        ``top`` (most similar first).
    """
    conn = store.conn
    done = {frozenset(pair) for pair in labels.labelled_pairs(conn, reviewer)}
    found = {frozenset((p.later, p.earlier)): p for p in [*_kept_pairs(store), *labels.rejected_pairs(conn)]}
    pairs = [pair for key, pair in found.items() if key not in done]
    limit = labels.near_limit(conn)
    if sample == "random":
        Random(seed).shuffle(pairs)  # noqa: S311 - reproducible on purpose
    elif sample == "top" or limit is None:
        pairs.sort(key=lambda pair: -pair.similarity)
    else:
        pairs.sort(key=lambda pair: abs(pair.similarity - limit))
    return pairs


def _kept_pairs(store: Store) -> list[Pair]:
    ids, vectors = labels.kept_vectors(store.conn)
    if len(ids) < 2:
        return []
    index = Neighbours(vectors.shape[1])
    index.add(vectors)
    places, similarities = index.nearest(vectors, 2)
    pairs = []
    for row, (near, similarity) in enumerate(zip(places.tolist(), similarities.tolist(), strict=True)):
        other = next(place for place in range(2) if near[place] != row)
        later, earlier = max(row, near[other]), min(row, near[other])
        pairs.append(Pair(ids[later], ids[earlier], similarity[other]))
    return pairs
