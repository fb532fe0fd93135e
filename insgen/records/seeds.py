"""Seeds, how the seed set changes, and what a question that showed seeds brought."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Seed:
    """A task that stands as an example in prompts.

    :ivar id: content id of its texts (the id of the candidate with the same texts).
    :ivar weight: how often it should be drawn, relative to the others; >= 0.
    :ivar pinned: the user wants it to stay; no policy may evict it.
    """

    id: str
    instruction: str
    input: str = ""
    output: str = ""
    weight: float = 1.0
    pinned: bool = False


@dataclass(frozen=True)
class SeedChange:
    """One change of the seed set.

    :ivar event: ``promoted`` (it comes in), ``evicted`` (it goes) or ``weighted`` (its weight is now that of ``seed``).
    :ivar seed: the seed as it is from now on; the id of a promoted one is that of the candidate it was.
    :ivar reason: why, for people, with the figures that decided.
    :ivar evidence: those figures for programs: names -> texts and finite numbers.
    """

    event: str
    seed: Seed
    reason: str
    evidence: Mapping[str, str | float] = field(default_factory=dict)


@dataclass(frozen=True)
class SeedUpdate:
    """What a seed policy makes of feedback.

    :ivar changes: in the order in which they are done.
    :ivar state: what the policy wants to be handed next time; opaque to everybody else, stored with the changes.
    :ivar weights: for the round that begins: generator -> seed id -> the weight that the seed has in that generator's
        draws (>= 0), where it is another than the seed's own.
    :ivar notes: what it goes by now, for people: rows of texts and finite numbers by column, all with the same columns.
    """

    changes: tuple[SeedChange, ...] = ()
    state: str = ""
    weights: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    notes: tuple[Mapping[str, str | float], ...] = ()


@dataclass(frozen=True)
class Yield:
    """What one answered question of a generator brought, in a finished round.

    :ivar round: counted from 1.
    :ivar generator: who asked.
    :ivar seed_ids: the seeds that stood in its prompt.
    :ivar kept: tasks of its answer that passed every filter and got their answer and every score.
    :ivar cost_usd: what it cost, with all that was bought for its tasks, in USD; without what broken attempts lost.
    :ivar calls: how many calls that were; a call shared with other questions' tasks counts in part.
    """

    round: int
    generator: str
    seed_ids: tuple[str, ...]
    kept: int
    cost_usd: float
    calls: float
