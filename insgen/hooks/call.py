"""Calls a stage and holds what comes back against its promises, naming the plugin that broke one.

Trusts nobody: one verdict per candidate and in order, scores finite and on their scale, selections within the size
and made of known ids, vectors of the promised shape. What a stage raises on purpose (`InsgenError`) goes through;
anything else is wrapped with the stage's name and keeps its cause.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

from insgen.errors import InsgenError
from insgen.hooks.checks import is_number, is_text, step_flaw
from insgen.hooks.handed import LLM, BankView, GeneratorContext, Prompts, SeedContext
from insgen.hooks.live import Live, MisbehaviourError
from insgen.hooks.places import defined_at, one_line, raised_at
from insgen.hooks.promises import promise, promise_candidates, promise_each, promise_one_each, promise_sound
from insgen.records import (
    Answer,
    Candidate,
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


def generate(live: Live, context: GeneratorContext) -> Generated:
    """Ask a generator for a round's proposals."""
    made: Generated = _call(live, lambda: live.stage.generate(context), Generated)
    promise(
        live, len(made.candidates) <= context.limit, f"gave {len(made.candidates)} candidates, limit {context.limit}"
    )
    promise(live, is_text(made.position), f"gave the position {made.position!r}, expected text")
    promise_each(live, made.requests, Request)
    something = made.candidates or made.requests or made.unreadable or made.position != context.position
    promise(live, bool(something) or made.exhausted, "gave nothing, stays where it is and is not exhausted")
    return replace(made, candidates=_proposals(live, made.candidates), unreadable=_unreadable(live, made.unreadable))


def without(live: Live, made: Generated, places: Sequence[int]) -> Generated:
    """Let a generator go back for the requests at these places, which were not sent; nothing changes if it cannot."""
    back = made.position_without
    if back is None or not places:
        return made
    position: str = _call(live, lambda: back(places), str)
    promise(live, is_text(position), f"gave the position {position!r}, expected text")
    return replace(made, position=position, exhausted=False)


def parse(live: Live, response: Response) -> Parsed:
    """Have one answer read."""
    made: Parsed = _call(live, lambda: live.stage.parse(response), Parsed)
    return Parsed(_proposals(live, made.candidates), _unreadable(live, made.unreadable))


def identity(live: Live) -> str:
    """Ask an embedder who it is."""
    made: str = _call(live, lambda: live.stage.identity, str)
    promise(live, bool(made) and is_text(made), f"calls its vectors {made!r}, expected a name")
    return made


def dimension(live: Live) -> int:
    """Ask an embedder for the length of its vectors."""
    made: int = _call(live, lambda: live.stage.dimension, int)
    promise(live, made >= 1, f"has the dimension {made}, expected at least 1")
    return made


def map_batches(live: Live, fn: Callable[[T], R], batches: Sequence[T]) -> Iterator[R]:
    """Have batches run: one result for each, in order."""
    results: Iterator[R] = iter(_call(live, lambda: live.stage.map_batches(fn, batches), Iterable))
    for n in range(len(batches)):
        made = _call(live, lambda: next(results, _NOTHING), object)
        promise(live, made is not _NOTHING, f"gave {n} results for {len(batches)} batches")
        yield made


def embed(live: Live, texts: Sequence[str]) -> NDArray[np.float32]:
    """Have texts embedded: float32, shape ``(len(texts), d)``, L2 norm 1 by row."""
    import numpy as np

    made: NDArray[np.float32] = _call(live, lambda: live.stage.embed(texts), np.ndarray)
    expected = (len(texts), dimension(live))
    promise(live, made.shape == expected, f"gave vectors of shape {made.shape}, expected {expected}")
    promise(live, made.dtype == np.float32, f"gave {made.dtype} vectors, expected float32")
    norms = np.linalg.norm(made.astype(np.float64), axis=1)
    bad = np.flatnonzero(~(np.abs(norms - 1) < 1e-3))  # written so that NaN is bad
    promise(live, not bad.size, f"gave vectors of L2 norm {norms[bad[:3]].tolist()}, expected 1")
    return made


def filter_(live: Live, candidates: Sequence[Candidate], bank: BankView) -> Sequence[Verdict]:
    """Have every candidate judged, in order."""
    verdicts: list[Verdict] = list(_call(live, lambda: live.stage.filter(candidates, bank), Sequence))
    promise_one_each(live, verdicts, candidates, Verdict, "verdict")
    for verdict in verdicts:
        promise(live, verdict.kept or bool(verdict.reason), f"rejected {verdict.candidate_id} without a reason")
    return verdicts


def respond(live: Live, candidates: Sequence[Candidate], llm: LLM | None, prompts: Prompts) -> Sequence[Answer]:
    """Have every candidate answered, in order; the answers come back cleaned, a blank one as none."""
    answers: list[Answer] = list(_call(live, lambda: live.stage.respond(candidates, llm, prompts), Sequence))
    promise_one_each(live, answers, candidates, Answer, "answer")
    for answer in answers:
        promise(
            live, bool(answer.output) or bool(answer.reason), f"gave no answer to {answer.candidate_id}, and no reason"
        )
    cleaned = [replace(a, input=clean_text(a.input), output=clean_text(a.output or "") or None) for a in answers]
    return [a if a.output or a.reason else replace(a, reason="the answer is blank") for a in cleaned]


def score(
    live: Live, candidates: Sequence[Candidate], bank: BankView, llm: LLM | None, prompts: Prompts
) -> Sequence[Score]:
    """Have every candidate scored, in order."""
    scores: list[Score] = list(_call(live, lambda: live.stage.score(candidates, bank, llm, prompts), Sequence))
    promise_one_each(live, scores, candidates, Score, "score")
    for each in scores:
        promise(live, each.low < each.high, f"scores on the scale {each.low} to {each.high}")
        if each.value is None:
            promise(live, bool(each.reason), f"gave no score to {each.candidate_id}, and no reason")
        else:
            promise(
                live,
                each.low <= each.value <= each.high,
                f"scored {each.candidate_id} {each.value} on the scale {each.low} to {each.high}",
            )
        promise(
            live,
            all(is_text(name) and is_number(part) for name, part in each.parts.items()),
            f"gave {each.candidate_id} the parts {each.parts}",
        )
    return scores


def select(live: Live, pool: Pool, size: int, bank: BankView, rng: Random, state: str) -> Selection:
    """Have the pool ranked."""
    made: Selection = _call(live, lambda: live.stage.select(pool, size, bank, rng, state), Selection)
    promise_each(live, made.ranking, Ranked)
    ids = [place.candidate_id for place in made.ranking]
    known = {candidate.id for candidate in pool.candidates}
    promise(live, len(ids) <= size, f"selected {len(ids)} candidates, size {size}")
    promise(live, len(set(ids)) == len(ids), "selected a candidate twice")
    promise(live, known.issuperset(ids), f"selected ids that were not offered: {sorted(set(ids) - known)[:3]}")
    promise(live, is_text(made.state), f"gave a state of type {type(made.state).__name__}, expected text")
    return made


def draw_seeds(live: Live, n: int, seeds: Sequence[Seed], signals: Sequence[Signal], rng: Random) -> Sequence[Seed]:
    """Have seeds drawn for one round."""
    drawn: list[Seed] = list(_call(live, lambda: live.stage.draw(n, seeds, signals, rng), Sequence))
    promise_each(live, drawn, Seed)
    ids = [seed.id for seed in drawn]
    promise(live, len(ids) <= n and len(set(ids)) == len(ids), f"drew {len(ids)} seeds, some twice; {n} were asked for")
    promise(live, {seed.id for seed in seeds}.issuperset(ids), "drew seeds that are not in the seed set")
    return drawn


def update_seeds(live: Live, context: SeedContext) -> SeedUpdate:
    """Have the seed set changed after feedback."""
    made: SeedUpdate = _call(live, lambda: live.stage.update(context), SeedUpdate)
    promise(live, is_text(made.state), f"gave a state of type {type(made.state).__name__}, expected text")
    promise_each(live, made.changes, SeedChange)
    in_force = {seed.id: seed.pinned for seed in context.seeds}
    for change in made.changes:
        promise(live, isinstance(change.seed, Seed), f"{change.event} {type(change.seed).__name__}, expected Seed")
        promise_sound(live, change.seed)
        promise(live, bool(change.reason), f"{change.event} the seed {change.seed.id} without a reason")
        promise(
            live,
            all(is_text(name) and (is_text(each) or is_number(each)) for name, each in change.evidence.items()),
            f"gave the evidence {change.evidence!r:.80}, expected texts and finite numbers",
        )
        _follow(live, change, in_force, context.dropped)
    for weights in made.weights.values():
        promise(live, in_force.keys() >= weights.keys(), "gave weights to seeds that are not in force")
        promise(live, all(is_number(each) and each >= 0 for each in weights.values()), f"gave {weights!r:.80}")
    for note in made.notes:
        fit = all(is_text(name) and (is_text(each) or is_number(each)) for name, each in note.items())
        promise(live, fit, f"gave the note {note!r:.80}, expected texts and finite numbers")
    return made


def _follow(live: Live, change: SeedChange, in_force: dict[str, bool], dropped: frozenset[str]) -> None:
    """Check one change against the set as it is by now (id -> whether pinned), and do it there."""
    id_ = change.seed.id
    events = ("promoted", "evicted", "weighted")
    promise(live, change.event in events, f"has the change {change.event!r}, expected one of {', '.join(events)}")
    if change.event == "promoted":
        promise(live, id_ not in in_force, f"promoted the seed {id_}, which is in force")
        promise(live, id_ not in dropped, f"promoted the seed {id_}, which the user dropped")
        in_force[id_] = False
        return
    promise(live, id_ in in_force, f"{change.event} the seed {id_}, which is not in force")
    promise(live, change.seed.weight >= 0, f"gave the seed {id_} the weight {change.seed.weight}, expected 0 or more")
    if change.event == "evicted":
        promise(live, not in_force.pop(id_), f"evicted the seed {id_}, which is pinned")


def read_feedback(live: Live, project: Path, position: str) -> Feedback:
    """Have new feedback read."""
    read: Feedback = _call(live, lambda: live.stage.read(project, position), Feedback)
    promise(live, is_text(read.position), f"gave the position {read.position!r}, expected text")
    promise_each(live, read.signals, Signal)
    for signal in read.signals:
        promise(
            live, -1 <= signal.value <= 1, f"gave the signal {signal.value} for {signal.candidate_id}, expected -1 to 1"
        )
        promise(live, bool(signal.candidate_id or signal.text), "gave a signal with neither id nor text")
    promise_each(live, read.steps, TrainingStep)
    for step in read.steps:
        wrong = step_flaw(step)
        promise(live, not wrong, f"gave step {step.step} of the training {step.run_id!r} with {wrong}")
    return read


def _call(live: Live, work: Callable[[], Any], expected: type[Any]) -> Any:
    began = time.perf_counter()
    try:
        made = work()
    except InsgenError:
        raise
    except (Exception, SystemExit) as error:  # a stage that ends the program is at fault like any other
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
    promise(live, isinstance(made, expected), f"returned {type(made).__name__}, expected {expected.__name__}")
    return made


def _proposals(live: Live, candidates: Any) -> tuple[Candidate, ...]:
    """Check proposals, and take them without vector and quality."""
    promise_candidates(live, candidates)
    return tuple(candidate.bare() for candidate in candidates)


def _unreadable(live: Live, rows: Any) -> tuple[Unreadable, ...]:
    promise_each(live, rows, Unreadable)
    return tuple(rows)
