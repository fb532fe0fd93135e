"""Promises of a stage: what it gave is held against them, and a breach names the plugin and the place.

Flows in: something a stage returned. Flows out: nothing, or a `MisbehaviourError`. Which promises a kind of stage has
stands with its call in `hooks/call.py`; whether the fields of a record are sound, in `hooks/checks.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from insgen.hooks.checks import flaw
from insgen.hooks.live import Live, MisbehaviourError
from insgen.hooks.places import defined_at
from insgen.records import Candidate, CandidateId


def promise(live: Live, held: bool, breach: str) -> None:
    """Go on where a promise was held.

    :param breach: what the stage did instead, in words that follow "it".
    :raises MisbehaviourError: it was not.
    """
    if not held:
        place = defined_at(type(live.stage))
        raise MisbehaviourError(
            live,
            f"{live} broke its contract: it {breach}{f' ({place})' if place else ''}.\n"
            f"  Expected what docs/hooks.md says of a {live.kind}.\n"
            "  Take it out of the config, or tell its author; nothing of this round was stored but paid answers.",
        )


def promise_sound(live: Live, fact: Any) -> None:
    """Check that the fields of a record hold what their annotations say."""
    wrong = flaw(fact)
    promise(live, not wrong, f"gave {wrong}")


def promise_each(live: Live, facts: Any, kind: type[Any]) -> None:
    """Check that these are records of one kind, and sound."""
    promise(live, isinstance(facts, Sequence), f"gave {type(facts).__name__}, expected a sequence of {kind.__name__}")
    for fact in facts:
        promise(live, isinstance(fact, kind), f"returned {type(fact).__name__}, expected {kind.__name__}")
        promise_sound(live, fact)


def promise_one_each(
    live: Live, facts: Sequence[Any], candidates: Sequence[Candidate], kind: type[Any], word: str
) -> None:
    """Check that these are sound records of one kind, one for each candidate and in their order.

    :param word: what such a record is called.
    """
    promise(live, len(facts) == len(candidates), f"returned {len(facts)} {word}s for {len(candidates)} candidates")
    promise_each(live, facts, kind)
    for fact, candidate in zip(facts, candidates, strict=True):
        told: CandidateId = fact.candidate_id
        promise(live, told == candidate.id, f"returned a {word} for {told} where {candidate.id} was due")


def promise_candidates(live: Live, candidates: Any) -> None:
    """Check that these are candidates, with sound origins and turns."""
    promise(live, isinstance(candidates, Sequence), f"gave candidates as {type(candidates).__name__}")
    for candidate in candidates:
        promise(live, isinstance(candidate, Candidate), f"gave {type(candidate).__name__}, expected Candidate")
        promise_sound(live, candidate.origin)
        for turn in candidate.turns:
            promise_sound(live, turn)
