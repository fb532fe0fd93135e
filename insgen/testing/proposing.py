"""Contracts of the stages at the loop's beginning: generators, parsers, seed policies, feedback sources."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from insgen.errors import StageError
from insgen.hooks import call
from insgen.hooks.live import Live
from insgen.records import Parsed, Request, Response, Seed, Turn
from insgen.testing.contract import Contract, Subject, breach
from insgen.testing.judging import N_EXAMPLES, seeded
from insgen.testing.samples import sample_candidates
from insgen.testing.workshop import Workshop

_MOST_ROUNDS = 50


def _generate(live: Live, workshop: Workshop) -> tuple[Any, int]:
    rows = sample_candidates(outputs=True)
    made = call.generate(live, workshop.context(workshop.bank(kept=rows[:4], seeds=rows)))
    return made, len(made.candidates) + len(made.requests)


def _generate_goes_on(subject: Subject, workshop: Workshop) -> str:
    """Round after round from the position it gave; ready candidates never come twice."""
    live, bank = subject.live(workshop), workshop.bank(seeds=sample_candidates(outputs=True))
    seen: set[str] = set()
    position = ""
    for round_ in range(1, _MOST_ROUNDS + 1):
        made = call.generate(live, replace(workshop.context(bank, limit=5, position=position), round=round_))
        new = {candidate.id for candidate in made.candidates}
        if made.position == position and new & seen:
            raise breach(live, f"in round {round_} it gave candidates again and stayed where it is", "to go on")
        if made.exhausted:
            return f"used up after {round_} rounds"
        seen |= new
        position = made.position
    return "never used up"


def _parse(live: Live, workshop: Workshop) -> tuple[Any, int]:
    texts = workshop.answers or ("", "1. Name a colour.\n2. Name a fruit.", "```json\n[{}]\n```", "I cannot help.")
    made = [call.parse(live, _response(live, text)) for text in texts]
    return made, sum(len(each.candidates) for each in made)


def _response(live: Live, text: str, finish_reason: str = "stop") -> Response:
    return Response("call", Request((Turn("user", "Go on."),), live.name), text, finish_reason)


def _parse_any(subject: Subject, workshop: Workshop) -> None:
    from hypothesis import given
    from hypothesis import strategies as st

    live = subject.live(workshop)
    pieces = st.sampled_from(["1.", "\n", "###", "Instruction:", "Input:", "<noinput>", "Output:", *'{}[]",'])
    texts = st.lists(st.one_of(pieces, st.text(max_size=20)), max_size=20).map("".join)

    def any_text(text: str, finish_reason: str) -> None:
        call.parse(live, _response(live, text, finish_reason))

    seeded(5 * N_EXAMPLES)(given(texts, st.sampled_from(["stop", "length"]))(any_text))()


def _parse_cut(subject: Subject, workshop: Workshop) -> str:
    """Cut example answers anywhere: what is read is a beginning of what the whole answer holds."""
    live = subject.live(workshop)
    for text in workshop.answers:
        whole = [each.id for each in call.parse(live, _response(live, text)).candidates]
        if not whole:
            raise breach(live, f"it read no task in the example answer {text[:40]!r}", "at least one")
        for place in range(0, len(text), max(1, len(text) // 200)):
            cut: Parsed = call.parse(live, _response(live, text[:place], "length"))
            ids = [each.id for each in cut.candidates]
            if ids != whole[: len(ids)]:
                raise breach(live, f"cut after {place} characters, it read something else", "only the last item lost")
    return f"{len(workshop.answers)} example answers" if workshop.answers else "no example answers given"


def _draw(live: Live, workshop: Workshop) -> tuple[Any, int]:  # noqa: ARG001 - the shape of an exercise
    seeds = _seeds()
    drawn = [call.draw_seeds(live, n, seeds, (), Random(7)) for n in (0, 1, 5, len(seeds))]  # noqa: S311 - reproducible
    return drawn, sum(map(len, drawn))


def _draw_enough(subject: Subject, workshop: Workshop) -> None:
    live, seeds = subject.live(workshop), _seeds()
    for n in (1, len(seeds), len(seeds) + 3):
        drawn = call.draw_seeds(live, min(n, len(seeds)), seeds, (), Random(n))  # noqa: S311 - reproducible
        if len(drawn) != min(n, len(seeds)):
            raise breach(live, f"it drew {len(drawn)} of {len(seeds)} seeds, {n} were wanted", "as many as there are")


def _draw_of_none(subject: Subject, workshop: Workshop) -> None:
    call.draw_seeds(subject.live(workshop), 0, (), (), Random(1))  # noqa: S311 - reproducible on purpose


def _seeds() -> list[Seed]:
    return [Seed(row.id, row.instruction, row.input, row.output) for row in sample_candidates(outputs=True)]


def _read(live: Live, workshop: Workshop) -> tuple[Any, int]:
    try:
        return call.read_feedback(live, workshop.folder, ""), 1
    except StageError as error:  # a source that is not there is said, with what to do
        if str(error).count("\n") < 2:
            raise breach(
                live, f"its error is {str(error)!r}", "what happened, what was expected, what to do"
            ) from error
        return str(error), 1


GENERATOR = Contract(_generate, (("it goes on from its position, round after round", _generate_goes_on),))
PARSER = Contract(
    _parse, (("any text in, no exception", _parse_any), ("a cut answer loses only its last item", _parse_cut))
)
SEED_POLICY = Contract(
    _draw, (("it draws as many as there are", _draw_enough), ("no seeds, none drawn", _draw_of_none))
)
FEEDBACK_SOURCE = Contract(_read)
