"""One Protocol per kind of stage; what a stage is handed stands in `hooks/handed.py`.

A stage class is a frozen dataclass: its fields are its options (each with a default and a ``#:`` sentence that
gives the unit), its ``name`` is what ``use =`` says in the config. A private cache is a field with ``init=False``; it
may only save time, never change an answer.

Every method may raise `insgen.StageError`: the round then stops, nothing of it is stored but paid answers, and
the next ``insgen run`` goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar

from insgen.hooks.handed import LLM, BankView, GeneratorContext, Prompts, SeedContext
from insgen.records import (
    Answer,
    Candidate,
    Feedback,
    Generated,
    Member,
    Parsed,
    Pool,
    Response,
    Score,
    Seed,
    SeedUpdate,
    Selection,
    Signal,
    Verdict,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


T = TypeVar("T")
R = TypeVar("R")


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
