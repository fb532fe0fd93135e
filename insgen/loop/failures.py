"""What happens when a plugin fails: the run stops, or goes on (``[loop] on_error``).

Flows in: questions to stages. Flows out: what they answered, or nothing where one failed and the config lets the run go
on; the failures, to be stored when the round closes. Only a failure of the plugin itself is borne (it raised something
unforeseen, or broke its contract). What a stage raises on purpose is about the user's machine or data, and stops the
run as ever; so does a failure of what no round can do without: embedder, executor, selector, seed policy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Concatenate, ParamSpec, TypeVar

from insgen.config.settings import Loop
from insgen.hooks.live import Live, MisbehaviourError
from insgen.records import Candidate, CandidateId
from insgen.store.blame import Failure, StageId, WorkRow

P = ParamSpec("P")
T = TypeVar("T")

_DISPENSABLE = ("generator", "filter", "feedback source")
"""Kinds that a run may go on without; a scorer, too, where another is left."""


@dataclass
class Tolerance:
    """How much one run bears, and what it has borne.

    :ivar loop: ``on_error`` and ``quarantine_after``.
    :ivar n_scorers: how many scorers the config names.
    :ivar failures: those that are not stored yet.
    :ivar warnings: what there is to say about them, one sentence each.
    :ivar held: arrivals that wait for another run: this one's plugins failed on them.
    """

    loop: Loop = field(default_factory=Loop)
    n_scorers: int = 0
    failures: list[Failure] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    held: set[int] = field(default_factory=set)
    _counts: Counter[str] = field(default_factory=Counter)
    _out: dict[str, str] = field(default_factory=dict)
    _last: MisbehaviourError | None = None
    _n_told: int = 0

    def ask(self, work: Callable[Concatenate[Live, P], T], live: Live, *args: P.args, **kwargs: P.kwargs) -> T | None:
        """Have a stage work.

        :param work: one of the functions of `hooks/call.py`.
        :returns: what it made; ``None`` when it failed and the run goes on.
        :raises MisbehaviourError: it failed and the run must not go on.
        """
        try:
            return work(live, *args, **kwargs)
        except MisbehaviourError as failure:
            if failure.live is not live or self.loop.on_error == "stop":
                raise
            self._bear(failure)
            return None

    def _bear(self, failure: MisbehaviourError) -> None:
        live = failure.live
        self._counts[_key(live)] += 1
        n = self._counts[_key(live)]
        leaves = self.loop.on_error == "quarantine" and n >= self.loop.quarantine_after
        if leaves and not self._dispensable(live):
            raise MisbehaviourError(
                live,
                f"{live} failed {n} times in this run, and there is no going on without it.\n"
                f"  The last time: {failure.problem}.\n  Take it out of the config, or tell its author.",
            ) from failure
        self._last = failure
        self.failures.append(Failure(identify(live), "skipped", failure.problem))
        told = f'{live.kind} "{live.name}" of {live.plugin} {live.version}'
        self.warnings.append(f"the {told} failed ({n} in this run): {failure.problem}")
        if leaves:
            self._out[_key(live)] = live.kind
            self.warnings.append(f"the {told} is left out for the rest of this run")

    def _dispensable(self, live: Live) -> bool:
        left = self.n_scorers - sum(kind == "scorer" for kind in self._out.values())
        return live.kind in _DISPENSABLE or (live.kind == "scorer" and left > 1)

    def is_out(self, live: Live) -> bool:
        """Whether a stage is left out for the rest of the run."""
        return _key(live) in self._out

    @property
    def reason(self) -> str:
        """The last failure that was borne, in one line; empty when there was none."""
        return self._last.problem if self._last is not None else ""

    def concerns(self, candidates: Iterable[Candidate]) -> None:
        """Write down whom the last failure concerned."""
        self.failures[-1].candidates.extend(candidate.id for candidate in candidates)

    def pass_by(self, live: Live, candidates: Sequence[Candidate]) -> None:
        """Write down who goes on without the judgement of a stage that is left out."""
        if candidates:
            ids = [CandidateId(candidate.id) for candidate in candidates]
            self.failures.append(Failure(identify(live), "left out", candidates=ids))

    def insist(self) -> None:
        """Raise the last failure after all: nothing else came, and the run would turn in circles."""
        if self._last is not None:
            self.failures.pop()
            raise self._last

    def warn(self, sentences: Iterable[str]) -> None:
        """Have something said with the next round."""
        self.warnings.extend(sentences)

    def take_failures(self) -> list[Failure]:
        """Failures that were not taken before, to be stored."""
        taken, self.failures = self.failures, []
        return taken

    def take_warnings(self) -> list[str]:
        """Sentences that were not taken before, to be told."""
        fresh = self.warnings[self._n_told :]
        self._n_told = len(self.warnings)
        return fresh


def identify(live: Live) -> StageId:
    """Name a stage for the record."""
    return StageId(live.kind, live.name, live.plugin, live.distribution, live.version)


def work_of(stages: Iterable[Live]) -> list[WorkRow]:
    """What stages did since they were last asked; those that did nothing are left out."""
    rows = [WorkRow(identify(live), live.work.calls, live.work.duration_ms) for live in stages if live.work.calls]
    for live in stages:
        live.work.calls, live.work.duration_ms = 0, 0.0
    return rows


def changes_told(changes: Sequence[Mapping[str, str]]) -> list[str]:
    """Say which stages are not those of the run before: one sentence for all that changed alike."""
    alike: dict[tuple[str, str], list[str]] = {}
    for change in changes:
        was, now = (change[when].rpartition(" ") for when in ("was", "now"))
        same = was[0] == now[0]
        alike.setdefault((was[2], now[2]) if same else (change["was"], change["now"]), []).append(change["stage"])
    return [
        f"{', '.join(stages[:3])}{f' and {len(stages) - 3} others' if len(stages) > 3 else ''}"
        f" changed from {was} to {now} since the run before; what was judged then stays as it is"
        for (was, now), stages in alike.items()
    ]


def _key(live: Live) -> str:
    return f"{live.kind} {live.name}"
