"""What filters spared, how judges drift, which evaluation items were met: in a project that was really run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.projects import EMBED, SELECT, play, query, rows

from insgen.store.database import open_reader
from insgen.store.judging import Spared, drifts, estimate, evaluation_hits, spared

if TYPE_CHECKING:
    from insgen.testing.llm_server import Asked, LlmServer

MakeProject = Callable[..., Path]

CONFIG = (
    EMBED
    + SELECT
    + """
[loop]
batch = 12
[[generate]]
use = "dataset"
paths = ["data.jsonl"]
[[filter]]
use = "decontamination"
paths = ["eval/held.jsonl"]
n = 6
limit = 0.95
[respond]
use = "llm"
[[score]]
use = "judge"
anchors = 2
"""
)


def reply(asked: Asked) -> str:
    """Answers, and grades that become milder by one with every round's first judgements."""
    if "You grade" not in asked.text:
        return f"An answer in full, number {asked.number}."
    grade = 5 if "Task 0 " in asked.text and asked.number > 30 else 4
    return json.dumps({"reason": "ok", "quality": grade, "complexity": 4, "helpfulness": 4})


@pytest.fixture
def project(make_project: MakeProject, llm_server: LlmServer) -> Path:
    llm_server.reply = reply
    tasks = [{"instruction": f"Task {n} is to explain the {words['output'][:60]}"} for n, words in enumerate(rows(24))]
    held = [{"question": tasks[3]["instruction"].upper()}, {"question": "Something nobody asks for at all today?"}]
    return make_project(CONFIG + llm_server.toml(), {"data.jsonl": tasks, "eval/held.jsonl": held})


def test_rejected_candidates_are_never_bought_for_and_the_figure_says_what_that_spared(
    project: Path, llm_server: LlmServer
) -> None:
    play(project)
    conn = open_reader(project / "insgen.db")
    (rejected,) = query(project, "SELECT count(*) FROM verdicts WHERE NOT kept")[0]
    n_kept, cost, calls = query(
        project, "SELECT (SELECT count(*) FROM kept), sum(cost_usd), count(*) FROM calls WHERE answer IS NOT NULL"
    )[0]

    assert rejected >= 1
    assert not [asked for asked in llm_server.asked if "Task 3 " in asked.text]
    found = spared(conn)
    assert found is not None
    assert (found.rejected, found.bought_for) == (rejected, n_kept)
    assert found.calls == pytest.approx(calls / n_kept * rejected)
    assert found.cost_usd == pytest.approx(cost / n_kept * rejected)
    conn.close()


def test_evaluation_items_that_were_met_are_listed_by_file_and_line(project: Path) -> None:
    play(project)
    conn = open_reader(project / "insgen.db")
    hits = evaluation_hits(conn)
    conn.close()

    assert set(hits) == {"held.jsonl:1"}
    assert hits["held.jsonl:1"] >= 1


def test_drift_of_the_judge_is_shown_from_the_second_round_on(project: Path) -> None:
    play(project)
    conn = open_reader(project / "insgen.db")
    found = drifts(conn)
    conn.close()

    assert [(each.round, each.scorer, each.anchors, each.low, each.high) for each in found] == [
        (2, "judge", 2, 1.0, 5.0)
    ]
    assert found[0].mean == pytest.approx((1 / 3 + 0) / 2)


def test_nothing_bought_is_nothing_spared_and_an_unknown_price_stays_unknown() -> None:
    assert estimate(5, 0, 0, None) is None
    assert estimate(5, 10, 20, None) == Spared(5, 10, 10.0, None)
    assert estimate(5, 10, 20, 1.0) == Spared(5, 10, 10.0, 0.5)
    assert estimate(0, 10, 20, 0.0) == Spared(0, 10, 0.0, 0.0)
