"""One Protocol per kind of stage, and what a stage is handed.

A stage class is a frozen dataclass: its fields are its options (each with a default and a ``#:`` sentence that
gives the unit), its ``name`` is what ``use =`` says in the config. A stage gets what its work needs and no
more: never the config, the plugin manager or the database. A private cache is a field with ``init=False``; it may
only save time, never change an answer.

Every method may raise `insgen.StageError`: the round then stops, nothing of it is stored but paid answers, and
the next ``insgen run`` goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar

from insgen.records import (
    Answer,
    Candidate,
    CandidateId,
    Feedback,
    Generated,
    Member,
    Neighbour,
    Parsed,
    Pool,
    Request,
    Response,
    Score,
    Seed,
    SeedUpdate,
    Selection,
    Signal,
    TrainingSeries,
    TrainingStep,
    Verdict,
    Yield,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


T = TypeVar("T")
R = TypeVar("R")


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


class Generator(Protocol):
    """Proposes candidates: ready ones from documents or data, or requests to an LLM."""

    name: ClassVar[str]  #: what ``use =`` says in the config; unique among generators

    def generate(self, context: GeneratorContext) -> Generated:
        """Propose the next candidates.

        Called once per round until it says ``exhausted``. Never calls the LLM itself: it returns requests, which
        the loop sends side by side.

        :param context: round, position and limit; see `GeneratorContext`.
        :returns: candidates and requests in a reproducible order, and the position to go on from.
        :raises StageError: a source is missing or cannot be read at all (single bad rows are returned as unreadable).
        """


class Parser(Protocol):
    """Reads candidates out of one LLM answer."""

    name: ClassVar[str]  #: the ``format`` a request names; unique among parsers

    def parse(self, response: Response) -> Parsed:
        """Read every candidate in the answer.

        Called once per answer, in the order of the questions. Any text in, no exception; when the answer was
        cut (``finish_reason == "length"``) only its last item may be lost.

        :param response: the raw answer with its request.
        :returns: candidates in order of appearance, and what could not be read, with reasons.
        :raises: nothing, whatever the text.
        """


class Embedder(Protocol):
    """Turns texts into vectors."""

    name: ClassVar[str]  #: what ``use =`` says in the config; unique among embedders

    @property
    def identity(self) -> str:
        """Identity of the vectors: model, revision and whatever else changes them (dtype). Stored with each."""

    @property
    def dimension(self) -> int:
        """Length d of a vector."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts.

        Called with small blocks (32 by default) whose make-up does not depend on what was embedded before a
        crash, so that a resumed run gets the same bits.

        :param texts: any Unicode, possibly empty strings.
        :returns: float32, shape ``(len(texts), dimension)``, L2 norm 1 by row, in order.
        :raises StageError: the model cannot be loaded.
        """


class Filter(Protocol):
    """Decides which candidates go on."""

    name: ClassVar[str]  #: what ``use =`` says in the config; unique among filters
    needs_vectors: ClassVar[bool]  #: False: it may run before anything is embedded, and candidates have no vector

    def filter(self, candidates: Sequence[Candidate], bank: BankView) -> Sequence[Verdict]:
        """Judge every candidate exactly once, in the order given.

        Called once per round with the survivors of the filters before it. A filter that looks for repeats
        also compares candidates of this round among themselves, earlier ones winning.

        :param candidates: survivors so far; vectors float32, ``(d,)``, L2 norm 1 (``None`` without needs_vectors).
        :param bank: read-only; ``bank.nearest(vector, k)`` gives cosine similarity in [-1, 1], best first.
        :returns: one verdict per candidate; a rejection gives the measure, its unit and the limit, and the
            neighbour that caused it where there is one.
        :raises StageError: the round stops and can be resumed once the cause is mended.
        """


class Responder(Protocol):
    """Gives an answer to candidates that have none; called for survivors of the filters only (*spend late*)."""

    name: ClassVar[str]  #: what ``use =`` says in the config; unique among responders

    def respond(self, candidates: Sequence[Candidate], llm: LLM | None, prompts: Prompts) -> Sequence[Answer]:
        """Answer every candidate, in the order given.

        Called once per round, after the filters, where one of their survivors has no output.

        :param candidates: all without output.
        :param llm: ``None`` when the config has no ``[llm]`` section.
        :param prompts: the project's prompt files.
        :returns: one answer per candidate; one that could not be had has ``output=None`` and a reason.
        :raises StageError: no answer can be had at all, for example without an ``[llm]`` section.
        """


class Scorer(Protocol):
    """Judges the quality of survivors."""

    name: ClassVar[str]  #: what ``use =`` says in the config; unique among scorers

    def score(
        self, candidates: Sequence[Candidate], bank: BankView, llm: LLM | None, prompts: Prompts
    ) -> Sequence[Score]:
        """Score every candidate exactly once, in the order given.

        Called once per round, where a candidate is left to score: it passed the filters, has its output, and every
        scorer before this one gave it a score.

        :param candidates: survivors with output (where the config has a responder) and vectors.
        :param bank: read-only.
        :param llm: ``None`` when the config has no ``[llm]`` section.
        :param prompts: the project's prompt files.
        :returns: one score per candidate, finite and within ``[low, high]``, or ``value=None`` with a reason.
        :raises StageError: no score can be had at all, for example without an ``[llm]`` section.
        """


class Selector(Protocol):
    """Ranks bank and newcomers together and keeps the best."""

    name: ClassVar[str]  #: what ``use =`` says in the config; unique among selectors

    def select(self, pool: Pool, size: int, bank: BankView, rng: Random, state: str) -> Selection:
        """Choose and rank at most ``size`` candidates.

        Called once per round in which at least one candidate reached it.

        :param pool: bank members in rank order, then newcomers in order of arrival; vectors and quality aligned.
        :param size: how many the bank may hold; >= 0.
        :param bank: read-only; for `BankView.index` and `BankView.vectors`.
        :param rng: the only source of randomness.
        :param state: what `Selection.state` was when the present bank was made; empty for the first.
        :returns: the new bank, best first; every prefix is the best subset of that length.
        :raises StageError: the round stops and can be resumed once the cause is mended.
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


class SeedPolicy(Protocol):
    """Chooses which tasks stand as examples in the next prompts."""

    name: ClassVar[str]  #: what ``use =`` says in the config; unique among seed policies

    def draw(self, n: int, seeds: Sequence[Seed], signals: Sequence[Signal], rng: Random) -> Sequence[Seed]:
        """Draw seeds for one round.

        Called at the beginning of a round that asks generators, after `update`, and again whenever a generator calls
        `GeneratorContext.draw`.

        :param n: how many are wanted; fewer come back only when there are fewer.
        :param seeds: the seed set in force, in order of arrival; with the weights of `SeedUpdate.weights`, where the
            policy gave some to the generator that asks.
        :param signals: feedback so far, oldest first.
        :param rng: the only source of randomness.
        :returns: distinct seeds out of ``seeds``.
        :raises: nothing.
        """

    def update(self, context: SeedContext) -> SeedUpdate:
        """Change the seed set, and the weights in it, after feedback.

        Called at the beginning of a round, before anything is drawn, where there is feedback or a finished round asked
        with seeds; again with the next round, whether something new came in or not. A round that was killed repeats
        the call.

        :param context: seeds, feedback, bank and state; see `SeedContext`.
        :returns: changes with their reasons, in order, and the state. Never evicts a pinned seed, never promotes one
            that is in force or was dropped. A policy that listens to nobody returns ``SeedUpdate()``.
        :raises StageError: the feedback lacks what this policy goes by.
        """


class FeedbackSource(Protocol):
    """Brings feedback from outside: steps of a training, evaluation results, human verdicts."""

    name: ClassVar[str]  #: what ``use =`` says in the config; unique among feedback sources

    def read(self, project: Path, position: str) -> Feedback:
        """Read what is new, a few thousand records at once.

        Called at the beginning of a round, again and again until the position stays as it is. Records that come twice
        do no harm: the newest of each step, and of each signal, counts.

        :param project: the project's folder; relative paths among the options are relative to it.
        :param position: what the last call returned; empty at first.
        :returns: steps, signals with a value in [-1, 1] (+1 = more like this), and the position to go on from.
        :raises DataError: what there is to read is no feedback; names the place.
        """


class Exporter(Protocol):
    """Writes ranked members to one file."""

    name: ClassVar[str]  #: what ``--format`` says; unique among exporters
    suffix: ClassVar[str]  #: file ending with its dot
    loses: ClassVar[Sequence[str]]  #: which of ``turns``, ``system`` the format cannot carry; the user is told

    def export(self, members: Iterable[Member], path: Path) -> int:
        """Write members, best first.

        Called once per `insgen export` in this format.

        :param members: in rank order; may be longer than memory.
        :param path: written anew; the caller puts it in place once it is complete.
        :returns: how many were written.
        :raises OSError: the file cannot be written.
        """


class Executor(Protocol):
    """Runs independent batches of work (embedding, scoring): here, or on an engine beyond one machine."""

    name: ClassVar[str]  #: what ``use =`` says in the config; unique among executors

    def map_batches(self, fn: Callable[[T], R], batches: Iterable[T]) -> Iterator[R]:
        """Apply a function to every batch.

        Called whenever texts need vectors, with the embedder's blocks.

        :param fn: pure; picklable where the executor leaves the process.
        :param batches: in order.
        :returns: results in the order of the batches, each as soon as it and all before it are done.
        :raises: what the function raises.
        """


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
