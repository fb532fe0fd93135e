"""Answers of the language model are counted while a stage asks."""

from __future__ import annotations

from typing import Any

from insgen.cli.progress import Calls, PlainProgress
from insgen.hooks import spec


def call(stage: str, **facts: Any) -> dict[str, Any]:
    return {"round": 2, "stage": stage, "ordinal": 0, "model": "m", **facts}


def test_answers_failures_and_money_are_counted_by_stage() -> None:
    calls = Calls()
    for cost in (0.25, None):
        calls.add(call("respond llm", cost_usd=cost))
    calls.add(call("respond llm", error="lost: no answer"))
    assert str(calls) == "round 2, respond llm: 2 answers, 1 failed, $0.2500"

    calls.add(call("score judge", cost_usd=0.5))
    assert str(calls) == "round 2, score judge: 1 answers, $0.5000"


def test_progress_watches_the_hook_of_calls() -> None:
    assert hasattr(spec, "insgen_call_finished")
    assert PlainProgress.insgen_call_finished.insgen_impl  # type: ignore[attr-defined]  # set by the marker
