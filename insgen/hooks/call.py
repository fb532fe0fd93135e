"""Calls a stage and checks what comes back, naming the plugin that broke its promise.

Trusts nobody: one verdict per candidate and in order, scores finite and on their scale, selections within the size
and made of known ids, vectors of the promised shape. What a stage raises on purpose (`InsgenError`) goes through;
anything else is wrapped with the stage's name and keeps its cause.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

from insgen.errors import InsgenError, PluginError
from insgen.hooks.checks import flaw, is_number, is_text, step_flaw
from insgen.hooks.places import defined_at, one_line, raised_at
from insgen.hooks.stages import LLM, BankView, GeneratorContext, Prompts, SeedContext
from insgen.records import (
    Answer,
    Candidate,
    CandidateId,
    Feedback,
    Generated,
    Parsed,
    Pool,
    Ranked,
    Request,
    Response,
    Score,
    Seed,
    SeedChange,
    SeedUpdate,
    Selection,
    Signal,
    TrainingStep,
    Unreadable,
    Verdict,
    clean_text,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


T = TypeVar("T")
R = TypeVar("R")
_NOTHING = object()


@dataclass
class Work:
    """What a stage did: how often it was called, and how long it took.

    :ivar duration_ms: wall milliseconds; a scorer's or responder's include the wait for a language model's answers.
    """

    calls: int = 0
    duration_ms: float = 0.0


@dataclass(frozen=True)
class Live:
    """A stage made from the config, with who offers it.

    :ivar stage: the instance.
    :ivar kind: ``filter``, ``scorer`` ...
    :ivar plugin: module or file of the plugin; ``version`` is that of its distribution.
    :ivar distribution: what it was installed with; ``config`` for a file that the config names.
    :ivar work: what it did in this process so far.
    """

    stage: Any
    kind: str
    name: str
    plugin: str
    version: str
    distribution: str = ""
    work: Work = field(default_factory=Work, compare=False)

    def __str__(self) -> str:
        origin = f"({self.distribution} {self.version})" if self.distribution else self.version
        return f'The {self.kind} "{self.name}" of {self.plugin} {origin}'


class MisbehaviourError(PluginError):
    """A stage raised something unforeseen, or broke its contract.

    :ivar live: the culprit.
    """

    def __init__(self, live: Live, message: str) -> None:
        super().__init__(message)
        self.live = live

    @property
    def problem(self) -> str:
        """What happened, one line without the stage's name."""
        return str(self).split("\n")[0].removeprefix(f"{self.live} ").rstrip(".")


def generate(live: Live, context: GeneratorContext) -> Generated:
    """Ask a generator for a round's proposals."""
    made: Generated = _call(live, lambda: live.stage.generate(context), Generated)
    _promise(
        live, len(made.candidates) <= context.limit, f"gave {len(made.candidates)} candidates, limit {context.limit}"
    )
    _promise(live, is_text(made.position), f"gave the position {made.position!r}, expected text")
    _each(live, made.requests, Request)
    something = made.candidates or made.requests or made.unreadable or made.position != context.position
    _promise(live, bool(something) or made.exhausted, "gave nothing, stays where it is and is not exhausted")
    return replace(made, candidates=_proposals(live, made.candidates), unreadable=_unreadable(live, made.unreadable))


def without(live: Live, made: Generated, places: Sequence[int]) -> Generated:
    """Let a generator go back for the requests at these places, which were not sent; nothing changes if it cannot."""
    back = made.position_without
    if back is None or not places:
        return made
    position: str = _call(live, lambda: back(places), str)
    _promise(live, is_text(position), f"gave the position {position!r}, expected text")
    return replace(made, position=position, exhausted=False)


def parse(live: Live, response: Response) -> Parsed:
    """Have one answer read."""
    made: Parsed = _call(live, lambda: live.stage.parse(response), Parsed)
    return Parsed(_proposals(live, made.candidates), _unreadable(live, made.unreadable))


def identity(live: Live) -> str:
    """Ask an embedder who it is."""
    made: str = _call(live, lambda: live.stage.identity, str)
    _promise(live, bool(made) and is_text(made), f"calls its vectors {made!r}, expected a name")
    return made


def dimension(live: Live) -> int:
    """Ask an embedder for the length of its vectors."""
    made: int = _call(live, lambda: live.stage.dimension, int)
    _promise(live, made >= 1, f"has the dimension {made}, expected at least 1")
    return made


def map_batches(live: Live, fn: Callable[[T], R], batches: Sequence[T]) -> Iterator[R]:
    """Have batches run: one result for each, in order."""
    results: Iterator[R] = iter(_call(live, lambda: live.stage.map_batches(fn, batches), Iterable))
    for n in range(len(batches)):
        made = _call(live, lambda: next(results, _NOTHING), object)
        _promise(live, made is not _NOTHING, f"gave {n} results for {len(batches)} batches")
        yield made


def embed(live: Live, texts: Sequence[str]) -> NDArray[np.float32]:
    """Have texts embedded: float32, shape ``(len(texts), d)``, L2 norm 1 by row."""
    import numpy as np

    made: NDArray[np.float32] = _call(live, lambda: live.stage.embed(texts), np.ndarray)
    expected = (len(texts), dimension(live))
    _promise(live, made.shape == expected, f"gave vectors of shape {made.shape}, expected {expected}")
    _promise(live, made.dtype == np.float32, f"gave {made.dtype} vectors, expected float32")
    norms = np.linalg.norm(made.astype(np.float64), axis=1)
    bad = np.flatnonzero(~(np.abs(norms - 1) < 1e-3))  # written so that NaN is bad
    _promise(live, not bad.size, f"gave vectors of L2 norm {norms[bad[:3]].tolist()}, expected 1")
    return made


def filter_(live: Live, candidates: Sequence[Candidate], bank: BankView) -> Sequence[Verdict]:
    """Have every candidate judged, in order."""
    verdicts: list[Verdict] = list(_call(live, lambda: live.stage.filter(candidates, bank), Sequence))
    _one_each(live, verdicts, candidates, Verdict, "verdict")
    for verdict in verdicts:
        _promise(live, verdict.kept or bool(verdict.reason), f"rejected {verdict.candidate_id} without a reason")
    return verdicts


def respond(live: Live, candidates: Sequence[Candidate], llm: LLM | None, prompts: Prompts) -> Sequence[Answer]:
    """Have every candidate answered, in order; the answers come back cleaned, a blank one as none."""
    answers: list[Answer] = list(_call(live, lambda: live.stage.respond(candidates, llm, prompts), Sequence))
    _one_each(live, answers, candidates, Answer, "answer")
    for answer in answers:
        _promise(
            live, bool(answer.output) or bool(answer.reason), f"gave no answer to {answer.candidate_id}, and no reason"
        )
    cleaned = [replace(a, input=clean_text(a.input), output=clean_text(a.output or "") or None) for a in answers]
    return [a if a.output or a.reason else replace(a, reason="the answer is blank") for a in cleaned]


def score(
    live: Live, candidates: Sequence[Candidate], bank: BankView, llm: LLM | None, prompts: Prompts
) -> Sequence[Score]:
    """Have every candidate scored, in order."""
    scores: list[Score] = list(_call(live, lambda: live.stage.score(candidates, bank, llm, prompts), Sequence))
    _one_each(live, scores, candidates, Score, "score")
    for each in scores:
        _promise(live, each.low < each.high, f"scores on the scale {each.low} to {each.high}")
        if each.value is None:
            _promise(live, bool(each.reason), f"gave no score to {each.candidate_id}, and no reason")
        else:
            _promise(
                live,
                each.low <= each.value <= each.high,
                f"scored {each.candidate_id} {each.value} on the scale {each.low} to {each.high}",
            )
        _promise(
            live,
            all(is_text(name) and is_number(part) for name, part in each.parts.items()),
            f"gave {each.candidate_id} the parts {each.parts}",
        )
    return scores


def select(live: Live, pool: Pool, size: int, bank: BankView, rng: Random, state: str) -> Selection:
    """Have the pool ranked."""
    made: Selection = _call(live, lambda: live.stage.select(pool, size, bank, rng, state), Selection)
    _each(live, made.ranking, Ranked)
    ids = [place.candidate_id for place in made.ranking]
    known = {candidate.id for candidate in pool.candidates}
    _promise(live, len(ids) <= size, f"selected {len(ids)} candidates, size {size}")
    _promise(live, len(set(ids)) == len(ids), "selected a candidate twice")
    _promise(live, known.issuperset(ids), f"selected ids that were not offered: {sorted(set(ids) - known)[:3]}")
    _promise(live, is_text(made.state), f"gave a state of type {type(made.state).__name__}, expected text")
    return made


def draw_seeds(live: Live, n: int, seeds: Sequence[Seed], signals: Sequence[Signal], rng: Random) -> Sequence[Seed]:
    """Have seeds drawn for one round."""
    drawn: list[Seed] = list(_call(live, lambda: live.stage.draw(n, seeds, signals, rng), Sequence))
    _each(live, drawn, Seed)
    ids = [seed.id for seed in drawn]
    _promise(
        live, len(ids) <= n and len(set(ids)) == len(ids), f"drew {len(ids)} seeds, some twice; {n} were asked for"
    )
    _promise(live, {seed.id for seed in seeds}.issuperset(ids), "drew seeds that are not in the seed set")
    return drawn


def update_seeds(live: Live, context: SeedContext) -> SeedUpdate:
    """Have the seed set changed after feedback."""
    made: SeedUpdate = _call(live, lambda: live.stage.update(context), SeedUpdate)
    _promise(live, is_text(made.state), f"gave a state of type {type(made.state).__name__}, expected text")
    _each(live, made.changes, SeedChange)
    in_force = {seed.id: seed.pinned for seed in context.seeds}
    for change in made.changes:
        _promise(live, isinstance(change.seed, Seed), f"{change.event} {type(change.seed).__name__}, expected Seed")
        _sound(live, change.seed)
        _promise(live, bool(change.reason), f"{change.event} the seed {change.seed.id} without a reason")
        _promise(
            live,
            all(is_text(name) and (is_text(each) or is_number(each)) for name, each in change.evidence.items()),
            f"gave the evidence {change.evidence!r:.80}, expected texts and finite numbers",
        )
        _follow(live, change, in_force, context.dropped)
    for weights in made.weights.values():
        _promise(live, in_force.keys() >= weights.keys(), "gave weights to seeds that are not in force")
        _promise(live, all(is_number(each) and each >= 0 for each in weights.values()), f"gave {weights!r:.80}")
    for note in made.notes:
        fit = all(is_text(name) and (is_text(each) or is_number(each)) for name, each in note.items())
        _promise(live, fit, f"gave the note {note!r:.80}, expected texts and finite numbers")
    return made


def _follow(live: Live, change: SeedChange, in_force: dict[str, bool], dropped: frozenset[str]) -> None:
    """Check one change against the set as it is by now (id -> whether pinned), and do it there."""
    id_ = change.seed.id
    events = ("promoted", "evicted", "weighted")
    _promise(live, change.event in events, f"has the change {change.event!r}, expected one of {', '.join(events)}")
    if change.event == "promoted":
        _promise(live, id_ not in in_force, f"promoted the seed {id_}, which is in force")
        _promise(live, id_ not in dropped, f"promoted the seed {id_}, which the user dropped")
        in_force[id_] = False
        return
    _promise(live, id_ in in_force, f"{change.event} the seed {id_}, which is not in force")
    _promise(live, change.seed.weight >= 0, f"gave the seed {id_} the weight {change.seed.weight}, expected 0 or more")
    if change.event == "evicted":
        _promise(live, not in_force.pop(id_), f"evicted the seed {id_}, which is pinned")


def read_feedback(live: Live, project: Path, position: str) -> Feedback:
    """Have new feedback read."""
    read: Feedback = _call(live, lambda: live.stage.read(project, position), Feedback)
    _promise(live, is_text(read.position), f"gave the position {read.position!r}, expected text")
    _each(live, read.signals, Signal)
    for signal in read.signals:
        _promise(
            live, -1 <= signal.value <= 1, f"gave the signal {signal.value} for {signal.candidate_id}, expected -1 to 1"
        )
        _promise(live, bool(signal.candidate_id or signal.text), "gave a signal with neither id nor text")
    _each(live, read.steps, TrainingStep)
    for step in read.steps:
        wrong = step_flaw(step)
        _promise(live, not wrong, f"gave step {step.step} of the training {step.run_id!r} with {wrong}")
    return read


def _call(live: Live, work: Callable[[], Any], expected: type[Any]) -> Any:
    began = time.perf_counter()
    try:
        made = work()
    except InsgenError:
        raise
    except Exception as error:
        place = raised_at(error, defined_at(type(live.stage)).partition(", line")[0])
        raise MisbehaviourError(
            live,
            f"{live} failed: {one_line(f'{type(error).__name__}: {error}', [place])}.\n"
            "  Expected an answer, or a StageError that says what to do.\n"
            "  Take it out of the config, or tell its author; what earlier rounds stored is safe.",
        ) from error
    finally:
        live.work.calls += 1
        live.work.duration_ms += 1000 * (time.perf_counter() - began)
    _promise(live, isinstance(made, expected), f"returned {type(made).__name__}, expected {expected.__name__}")
    return made


def _proposals(live: Live, candidates: Any) -> tuple[Candidate, ...]:
    """Check proposals, and take them without vector and quality."""
    _promise(live, isinstance(candidates, Sequence), f"gave candidates as {type(candidates).__name__}")
    for candidate in candidates:
        _promise(live, isinstance(candidate, Candidate), f"gave {type(candidate).__name__}, expected Candidate")
        _sound(live, candidate.origin)
        for turn in candidate.turns:
            _sound(live, turn)
    return tuple(candidate.bare() for candidate in candidates)


def _unreadable(live: Live, rows: Any) -> tuple[Unreadable, ...]:
    _each(live, rows, Unreadable)
    return tuple(rows)


def _one_each(live: Live, facts: Sequence[Any], candidates: Sequence[Candidate], kind: type[Any], word: str) -> None:
    _promise(live, len(facts) == len(candidates), f"returned {len(facts)} {word}s for {len(candidates)} candidates")
    _each(live, facts, kind)
    for fact, candidate in zip(facts, candidates, strict=True):
        told: CandidateId = fact.candidate_id
        _promise(live, told == candidate.id, f"returned a {word} for {told} where {candidate.id} was due")


def _each(live: Live, facts: Any, kind: type[Any]) -> None:
    """Check that these are records of one kind, and sound."""
    _promise(live, isinstance(facts, Sequence), f"gave {type(facts).__name__}, expected a sequence of {kind.__name__}")
    for fact in facts:
        _promise(live, isinstance(fact, kind), f"returned {type(fact).__name__}, expected {kind.__name__}")
        _sound(live, fact)


def _sound(live: Live, fact: Any) -> None:
    wrong = flaw(fact)
    _promise(live, not wrong, f"gave {wrong}")


def _promise(live: Live, held: bool, breach: str) -> None:
    if not held:
        place = defined_at(type(live.stage))
        raise MisbehaviourError(
            live,
            f"{live} broke its contract: it {breach}{f' ({place})' if place else ''}.\n"
            f"  Expected what docs/hooks.md says of a {live.kind}.\n"
            "  Take it out of the config, or tell its author; nothing of this round was stored but paid answers.",
        )
