"""Contracts of the stages that judge or answer candidates: filters, scorers, responders."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from insgen.hooks import call
from insgen.hooks.live import Live
from insgen.records import Candidate
from insgen.testing.contract import Contract, Subject, breach
from insgen.testing.samples import candidates, distinct, sample_candidates
from insgen.testing.workshop import Workshop

if TYPE_CHECKING:
    from hypothesis import settings


N_EXAMPLES = 30
"""How many random batches Hypothesis tries on each promise."""


def seeded(n_examples: int) -> settings:
    """Hypothesis settings under which the same examples are tried every time, and none are kept on disk."""
    from hypothesis import HealthCheck, Phase, settings

    return settings(
        max_examples=n_examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )


def for_any_batch(test: Callable[[list[Candidate]], None]) -> None:
    """Run a test on random batches of distinct candidates, the same ones every time."""
    from hypothesis import given
    from hypothesis import strategies as st

    def any_batch(batch: list[Candidate]) -> None:
        test(batch)

    seeded(N_EXAMPLES)(given(st.lists(candidates(), max_size=6).map(distinct))(any_batch))()


def _filter(live: Live, workshop: Workshop) -> tuple[Any, int]:
    rows = sample_candidates(vectors=live.stage.needs_vectors)
    banks = [workshop.bank(members=rows[:3], kept=rows[3:5]), workshop.bank()]
    return [call.filter_(live, rows, bank) for bank in banks], len(banks) * len(rows)


def _filter_any(subject: Subject, workshop: Workshop) -> None:
    bank, live = workshop.bank(), subject.live(workshop)
    for_any_batch(lambda batch: _ignore(call.filter_(live, batch, bank)))


def _filter_empty(subject: Subject, workshop: Workshop) -> None:
    call.filter_(subject.live(workshop), [], workshop.bank())


def _filter_says_measures(subject: Subject, workshop: Workshop) -> None:
    live, rows = subject.live(workshop), sample_candidates()
    for verdict in call.filter_(live, rows, workshop.bank(members=rows[:3])):
        if verdict.value is not None and not (verdict.measure and verdict.unit):
            raise breach(live, f"a verdict has the value {verdict.value} and no measure or unit", "both in words")


def _score(live: Live, workshop: Workshop) -> tuple[Any, int]:
    rows = sample_candidates(outputs=True)
    asker = workshop.asker()
    asker.scope(1, f"score {live.name}")
    return call.score(live, rows, workshop.bank(members=rows[:3]), asker, workshop.prompts), len(rows)


def _score_empty(subject: Subject, workshop: Workshop) -> None:
    call.score(subject.live(workshop), [], workshop.bank(), workshop.asker(), workshop.prompts)


def _score_any(subject: Subject, workshop: Workshop) -> None:
    bank, asker, live = workshop.bank(), workshop.asker(), subject.live(workshop)
    for_any_batch(lambda batch: _ignore(call.score(live, batch, bank, asker, workshop.prompts)))


def _respond(live: Live, workshop: Workshop) -> tuple[Any, int]:
    rows = [row for row in sample_candidates() if not row.output]
    asker = workshop.asker()
    asker.scope(1, f"respond {live.name}")
    return call.respond(live, rows, asker, workshop.prompts), len(rows)


def _respond_empty(subject: Subject, workshop: Workshop) -> None:
    call.respond(subject.live(workshop), [], workshop.asker(), workshop.prompts)


def _ignore(facts: object) -> None:
    """Nothing more is asked of these than that they passed the call's own checks."""


FILTER = Contract(
    _filter,
    (
        ("no candidates, no verdicts", _filter_empty),
        ("any text gets one verdict, in order", _filter_any),
        ("a measured verdict names measure and unit", _filter_says_measures),
    ),
)
SCORER = Contract(
    _score, (("no candidates, no scores", _score_empty), ("any text gets one score, on its scale", _score_any))
)
RESPONDER = Contract(_respond, (("no candidates, no answers", _respond_empty),))
