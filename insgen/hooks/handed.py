"""What a stage is handed besides records: the language model, the prompts, and views of the bank and of the feedback.

A stage gets what its work needs and no more: never the config, the plugin manager or the database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Protocol

from insgen.records import (
    Candidate,
    CandidateId,
    Member,
    Neighbour,
    Request,
    Response,
    Seed,
    Signal,
    TrainingSeries,
    TrainingStep,
    Yield,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class LLM(Protocol):
    """The one way for a stage to ask a language model."""

    def ask(self, requests: Sequence[Request]) -> Sequence[Response]:
        """Ask all questions, concurrently, within the budget.

        :returns: one response per request, in the order of the requests, each already committed to the store.
        :raises StageError: the budget is spent, the key is refused, or the service stays away.
        """


class Prompts(Protocol):
    """The prompt files: the project's own first, then the built-in ones."""

    def render(self, name: str, **variables: str) -> str:
        """Fill ``$variables`` into the prompt ``<stage>/<method>``.

        :raises StageError: the file is missing, or a variable is missing or unused.
        """

    def hash(self, name: str) -> str:
        """Content id of the prompt file, as stored with every call."""


class NeighbourIndex(Protocol):
    """Nearest rows by cosine similarity among vectors given to it; exact while few, hnswlib above.

    Deterministic: the same vectors added in the same order give the same answers. Similarities are always
    measured exactly on the stored float32 vectors, only *which* rows are found may be approximate.
    """

    @property
    def exact(self) -> bool:
        """Whether every answer is the true nearest; False once it has gone over to hnswlib."""

    def __len__(self) -> int:
        """How many vectors it holds."""

    def add(self, vectors: NDArray[np.float32]) -> None:
        """Append rows.

        :param vectors: float32, shape ``(m, d)``, L2 norm 1 by row; they get the next free row numbers.
        """

    def nearest(
        self, queries: NDArray[np.float32], k: int, *, exact: bool = False
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Find the k nearest rows of every query.

        :param queries: float32, shape ``(m, d)``, L2 norm 1 by row.
        :param k: at least 1; capped at ``len(self)``.
        :param exact: measure against every row, whatever the size.
        :returns: row numbers and cosine similarities in [-1, 1], both of shape ``(m, min(k, len(self)))``, best
            first; equal similarities are ordered by row number.
        """


class BankView(Protocol):
    """The bank and everything ever kept, read-only. ``len(bank)`` is the number of members."""

    def __len__(self) -> int: ...

    @property
    def version(self) -> int:
        """The bank's version; 0 for a bank that never held anything."""

    def members(self) -> Sequence[Member]:
        """All members, best first; their candidates have vectors."""

    def nearest(self, vector: NDArray[np.float32], k: int = 1) -> Sequence[Neighbour]:
        """The k members nearest to a vector.

        :param vector: float32, shape ``(d,)``, L2 norm 1.
        :returns: cosine similarity in [-1, 1], best first; empty for an empty bank.
        """

    def vectors(self, ids: Sequence[CandidateId]) -> NDArray[np.float32]:
        """Vectors of candidates ever embedded with the present model, members or not.

        :returns: float32, shape ``(len(ids), d)``, L2 norm 1 by row.
        :raises KeyError: one of them was never embedded with this model.
        """

    @property
    def n_kept(self) -> int:
        """How many candidates ever passed every filter; only grows."""

    def kept(self, start: int = 0) -> Iterator[Candidate]:
        """Candidates that ever passed every filter, evicted or not, oldest first, without vectors.

        :param start: how many of the oldest to leave out, so that an index can be brought up to date.
        """

    def find(self, ids: Sequence[CandidateId]) -> Mapping[CandidateId, Candidate]:
        """Those of some candidates that ever passed every filter, evicted or not, with quality and without vectors.

        :returns: by id, in the order asked; ids that are unknown or were never kept are left out.
        """

    def seeds(self) -> Sequence[Seed]:
        """The seed tasks in force."""

    def first_seen(self, candidate: Candidate) -> CandidateId | None:
        """The earliest candidate of an earlier round with the same ``text_key`` (kept, rejected or evicted)."""

    def first_scores(self, scorer: str, ids: Sequence[CandidateId]) -> Mapping[CandidateId, float]:
        """The value that the scorer of this name gave first to each of these; those it never gave one are left out."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts of your own with the project's embedder; each is embedded once and remembered.

        :returns: float32, shape ``(len(texts), d)``, L2 norm 1 by row; comparable with the candidates' vectors.
        """

    def index(self, vectors: NDArray[np.float32]) -> NeighbourIndex:
        """Build a neighbour index over vectors of your own.

        :param vectors: float32, shape ``(n, d)``, L2 norm 1 by row; n may be 0.
        """


class FeedbackView(Protocol):
    """All feedback there is, read-only."""

    def series(self) -> Sequence[TrainingSeries]:
        """Every series of steps that may be compared with one another, by the time of its first step."""

    def steps(self, series: TrainingSeries, after: int = 0) -> Iterator[TrainingStep]:
        """The steps of one series in the order of their numbers, each as it was executed last.

        :param after: leave out steps with this number and smaller ones.
        """

    def signals(self, name: str = "") -> Sequence[Signal]:
        """Signals about single instructions, oldest first.

        :param name: only those with this name; empty = all.
        """

    def yields(self) -> Sequence[Yield]:
        """What every answered question with seeds in its prompt brought, of finished rounds, in the order asked."""


@dataclass(frozen=True)
class GeneratorContext:
    """What a generator is handed for one round.

    :ivar round: counted from 1.
    :ivar limit: propose about so many candidates, never more ready ones; >= 1.
    :ivar position: what this generator returned in `Generated.position` last time; empty at first.
    :ivar seeds: drawn by the seed policy for this round.
    :ivar draw: draws so many seeds more by the seed policy, for one prompt; fewer when there are fewer.
    :ivar domain: the project's domain in the user's words; may be empty.
    :ivar language: the project's language, a BCP 47 tag.
    :ivar project: the project's folder; relative paths among the options are relative to it.
    :ivar bank: read-only.
    :ivar prompts: for LLM generators.
    :ivar rng: the only source of randomness; seeded from project seed, round and stage.
    """

    round: int
    limit: int
    position: str
    seeds: Sequence[Seed]
    domain: str
    language: str
    project: Path
    bank: BankView
    prompts: Prompts
    rng: Random
    draw: Callable[[int], Sequence[Seed]] = field(default=lambda n: (), repr=False)  # noqa: ARG005 - no seeds, whatever n


@dataclass(frozen=True)
class SeedContext:
    """What a seed policy is handed when there is something to go by.

    :ivar round: the round that begins, counted from 1.
    :ivar seeds: the seed set in force, in order of arrival; `BankView.vectors` has their vectors.
    :ivar dropped: ids of seeds that the user took out; none of them may be promoted.
    :ivar feedback: read-only, all of it: what was used up already is in ``state``.
    :ivar bank: read-only.
    :ivar state: what the last update of this policy returned; empty at first.
    :ivar rng: the only source of randomness.
    """

    round: int
    seeds: Sequence[Seed]
    dropped: frozenset[str]
    feedback: FeedbackView
    bank: BankView
    state: str
    rng: Random


@dataclass(frozen=True)
class StageProgress:
    """How far a round has come, for progress displays.

    :ivar round: counted from 1.
    :ivar stage: ``generate``, ``embed``, ``filter rouge``, ``score heuristic``, ``select pibe`` ...
    :ivar done: units of work done, 0 to total.
    :ivar total: units of work; ``None`` when unknown.
    :ivar note: what came out, for people (``kept 80 of 100``); empty while under way.
    """

    round: int
    stage: str
    done: int
    total: int | None
    note: str = ""
