"""Facts that stages find out about a candidate: a verdict, an answer, a score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from insgen.records.candidates import CandidateId


@dataclass(frozen=True)
class Verdict:
    """A filter's decision on one candidate.

    :ivar kept: whether it goes on.
    :ivar measure: what was measured, in words (``ROUGE-L``, ``cosine similarity``, ``words``).
    :ivar value: what was measured; ``None`` when the decision is no comparison of numbers.
    :ivar unit: unit of value and limit (``words``, ``similarity 0..1``).
    :ivar limit: the limit it was compared with; ``None`` as for value.
    :ivar neighbour: the candidate, member or seed that caused a rejection, where one did.
    :ivar reason: a short phrase for people and counters, the same for the same cause (``too short``); empty when kept.
    """

    candidate_id: CandidateId
    kept: bool
    measure: str = ""
    value: float | None = None
    unit: str = ""
    limit: float | None = None
    neighbour: str | None = None
    reason: str = ""


@dataclass(frozen=True)
class Answer:
    """A responder's output for a candidate that had none.

    :ivar output: the answer; ``None`` when none could be had, and ``reason`` says why.
    :ivar input: an input that the answer brought along, for a candidate that had none; else empty.
    """

    candidate_id: CandidateId
    output: str | None
    call_id: str | None = None
    reason: str = ""
    input: str = ""


@dataclass(frozen=True)
class Score:
    """A scorer's judgement of one candidate.

    :ivar value: finite, between low and high; ``None`` for a score that could not be had (``reason`` says why).
    :ivar low: the worst value of the scale.
    :ivar high: the best value of the scale; greater than low.
    :ivar parts: named components, for people; finite.
    :ivar reason: why this value, or why there is none.
    """

    candidate_id: CandidateId
    value: float | None
    low: float
    high: float
    parts: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    call_id: str | None = None
