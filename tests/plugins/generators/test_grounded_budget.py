"""`grounded` in a real run: licence and lines of every row, and a budget that ends in the middle of the documents."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.projects import play, query

if TYPE_CHECKING:
    from insgen.testing.llm_server import Asked, LlmServer

MakeProject = Callable[..., Path]
N_PASSAGES = 7

_STAGES = """
[[generate]]
use = "grounded"
questions = 2
licence = "CC-BY-4.0"
[embed]
use = "hashing"
dimension = 64
[[filter]]
use = "exact_duplicate"
[select]
use = "quality"
size = 50
"""


def passage_of(asked: Asked) -> str:
    """The name in the heading of the passage that is shown."""
    found = re.search(r"^# Part (\w+)$", asked.text, re.MULTILINE)
    assert found
    return found[1]


def pairs(asked: Asked) -> str:
    name = passage_of(asked)
    return json.dumps({"pairs": [{"question": f"What of {name} {n}?", "answer": f"Answer {n}."} for n in (1, 2)]})


@pytest.fixture
def project(make_project: MakeProject, llm_server: LlmServer) -> Path:
    llm_server.reply = pairs
    # Passages of different length: a short one still fits a budget that a long one does not.
    texts = {
        f"docs/{name}.md": f"# Part {name}\n\n" + " ".join(f"{name}{n}" for n in range(45 + 30 * (place % 3)))
        for place, name in enumerate("abcdefg"[:N_PASSAGES])
    }
    loop = f"[loop]\nbatch = 8\n{_STAGES}"
    return make_project(llm_server.toml(max_tokens=100, concurrency=4) + loop, texts)


def test_every_row_names_its_file_lines_and_licence(project: Path) -> None:
    play(project)

    rows = query(project, "SELECT instruction, source, line_start, line_end, licence FROM v_bank")
    assert len(rows) == 2 * N_PASSAGES
    for instruction, source, first, last, licence in rows:
        assert source == f"docs/{instruction.split()[2]}.md"
        assert (first, last, licence) == (1, 3, "CC-BY-4.0")


@pytest.mark.parametrize("cap", ["calls=1", "calls=3", "calls=5", "usd=0.0065", "usd=0.0075", "tokens=5000"])
def test_passages_the_budget_could_not_pay_for_are_asked_once_there_is_more(
    project: Path, llm_server: LlmServer, cap: str
) -> None:
    stopped = play(project, f"budget.{cap}")
    n_first = len(llm_server.paid)
    assert stopped.reason.startswith("the budget is spent")
    assert 0 < n_first < N_PASSAGES, stopped.reason
    name = cap.partition("=")[0]
    assert play(project, f"budget.{name}=100000").reason == "every source is used up"

    asked = Counter(passage_of(asked) for asked in llm_server.asked)
    assert set(asked) == set("abcdefg"[:N_PASSAGES])
    assert set(asked.values()) == {1}  # none is paid twice
    assert len(query(project, "SELECT 1 FROM members")) == 2 * N_PASSAGES


def test_budget_raised_bit_by_bit_gives_the_bank_of_one_run(
    project: Path, make_project: MakeProject, llm_server: LlmServer
) -> None:
    for calls in (2, 3, 6, 50):
        play(project, f"budget.calls={calls}")
    assert len(llm_server.paid) == N_PASSAGES
    whole = make_project((project / "insgen.toml").read_text())
    (project / "docs").rename(whole / "docs")
    play(whole)

    ids = "SELECT candidate_id FROM members ORDER BY rank"
    assert query(project, ids) == query(whole, ids)
