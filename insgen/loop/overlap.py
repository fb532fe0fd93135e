"""What two projects have in common: which candidates of another are here already, and where the two disagree."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from insgen.records import CandidateId, Score
from insgen.store import proposals, transfer
from insgen.store.transfer import Facts


@dataclass(frozen=True)
class Conflict:
    """One thing that two projects say differently; the project that is merged into is in the right.

    :ivar id: the candidate there; ``here``: the one with this text here.
    :ivar what: ``fate``, ``answer`` or ``score NAME``.
    """

    id: CandidateId
    here: CandidateId
    what: str
    ours: str
    theirs: str
    instruction: str


@dataclass
class Overlap:
    """Another project's candidates by what becomes of them here.

    :ivar newcomers: new here, with a score of every scorer; ``waiting``: new here, but without one of them.
    :ivar repeated: with an id that is here already.
    :ivar duplicates: with a question that is here already, or that one before them has; and who has it.
    """

    newcomers: list[Facts] = field(default_factory=list)
    waiting: list[Facts] = field(default_factory=list)
    repeated: list[Facts] = field(default_factory=list)
    duplicates: list[tuple[Facts, CandidateId]] = field(default_factory=list)


def find_overlap(conn: sqlite3.Connection, found: Sequence[Facts], scorers: Collection[str]) -> Overlap:
    """Resolve duplicates, by content id and by text key.

    :param found: the other project's candidates; of two with one question the first wins.
    :param scorers: names of this config's scorers.
    """
    overlap, seen = Overlap(), dict[str, CandidateId]()
    known = proposals.known_ids(conn, [each.candidate.id for each in found])
    for each in found:
        candidate = each.candidate
        earlier = proposals.first_seen(conn, candidate.text_key) or seen.get(candidate.text_key)
        if candidate.id in known:
            overlap.repeated.append(each)
        elif earlier is not None:
            overlap.duplicates.append((each, earlier))
        elif {name for name, (_, score) in each.scores().items() if score.value is not None}.issuperset(scorers):
            overlap.newcomers.append(each)
        else:
            overlap.waiting.append(each)
        seen.setdefault(candidate.text_key, candidate.id)
    return overlap


def find_conflicts(conn: sqlite3.Connection, overlap: Overlap) -> list[Conflict]:
    """Compare what is here already with what the other project says of it."""
    pairs = [(each, each.candidate.id) for each in overlap.repeated] + overlap.duplicates
    ours = {each.candidate.id: each for each in transfer.read_facts(conn, [here for _, here in pairs])}
    return [conflict for each, here in pairs if here in ours for conflict in _compare(ours[here], each)]


def _compare(ours: Facts, theirs: Facts) -> list[Conflict]:
    """Compare fates and answers; scores only where both judged the very same text."""
    here, there = ours.answered, theirs.answered
    told = [("fate", _fate(ours), _fate(theirs))] if ours.fate != theirs.fate else []
    if here.output and here.output != there.output:
        told.append(("answer", here.output, there.output))
    if here.id == there.id and here.output == there.output:
        mine, other = ours.scores(), theirs.scores()
        both = sorted(mine.keys() & other.keys())
        pairs = [(f"score {name}", _score(*mine[name]), _score(*other[name])) for name in both]
        told += [pair for pair in pairs if pair[1] != pair[2]]
    return [Conflict(there.id, here.id, *each, there.instruction) for each in told]


def _fate(facts: Facts) -> str:
    return f"{facts.fate} ({facts.reason})" if facts.reason else facts.fate


def _score(version: str, score: Score) -> str:
    value = "none" if score.value is None else f"{score.value:.6g}"
    return f"{value} of {score.low:g} to {score.high:g} (version {version})"
