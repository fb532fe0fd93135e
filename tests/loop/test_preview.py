"""A preview shows one small round; the project keeps what was paid for, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from support.llm_project import llm_project, writes
from support.projects import (
    COMPARED,
    DATA,
    EMBED,
    FILTERS,
    SCORE,
    SELECT,
    contents,
    count,
    file_hashes,
    play,
    query,
    rows,
)

from insgen.cli.main import main_group
from insgen.loop.preview import preview

if TYPE_CHECKING:
    from insgen.testing.llm_server import LlmServer

MakeProject = Callable[..., Path]


def test_everything_about_a_candidate_is_shown(make_project: MakeProject, llm_server: LlmServer) -> None:
    llm_server.reply = writes
    shown = preview(make_project(*llm_project(llm_server)), [], 5)
    assert (shown.round, len(shown.candidates), shown.calls) == (1, 5, 11)
    assert shown.cost_usd > 0
    for one in shown.candidates:
        text = one["candidate"]["instruction"]
        assert one["answers"][0]["output"] == f"This is how: {text}"
        assert [(row["filter"], row["kept"]) for row in one["verdicts"]] == [("exact_duplicate", 1)]
        assert one["scores"][0]["value"] == 1 + len(text) % 5
        assert one["fate"]["fate"] == "member"
        assert one["origin"] == {"generator": "writer", "source": "llm openai/test-model"}


def test_only_the_calls_enter_the_project(make_project: MakeProject, llm_server: LlmServer) -> None:
    llm_server.reply = writes
    project = make_project(*llm_project(llm_server))
    preview(project, [], 5)
    assert query(project, "SELECT count(*), sum(run_id), count(answer) FROM calls") == [(11, 0, 11)]
    assert [
        name for name, found in contents(project, (*COMPARED, "rounds", "runs", "bank_versions")).items() if found
    ] == []


def test_the_next_run_takes_previewed_answers_and_ends_as_without_a_preview(
    make_project: MakeProject, llm_server: LlmServer
) -> None:
    llm_server.reply = writes
    plain, previewed = (make_project(*llm_project(llm_server)) for _ in range(2))
    play(plain)
    n_plain = len(llm_server.paid)
    preview(previewed, [], 5)
    play(previewed)
    assert len(llm_server.paid) == 2 * n_plain  # nothing of the preview was bought twice
    assert contents(previewed) == contents(plain)


def test_a_preview_of_a_played_project_leaves_it_alone(make_project: MakeProject, llm_server: LlmServer) -> None:
    llm_server.reply = writes
    project = make_project(*llm_project(llm_server))
    play(project)
    before = contents(project)
    shown = preview(project, [], 5)
    assert (shown.round, len(shown.candidates)) == (3, 5)
    assert contents(project) == before


def test_a_preview_keeps_to_the_budget(make_project: MakeProject, llm_server: LlmServer) -> None:
    llm_server.reply = writes
    project = make_project(*llm_project(llm_server, budget="calls = 3"))
    shown = preview(project, [], 5)
    assert (shown.calls, len(llm_server.paid)) == (3, 3)
    assert sum(one["fate"]["fate"] == "waiting" for one in shown.candidates) == 5
    assert preview(project, [], 5).calls == 0


def test_a_second_preview_costs_nothing(make_project: MakeProject, llm_server: LlmServer) -> None:
    llm_server.reply = writes
    project = make_project(*llm_project(llm_server))
    first, second = preview(project, [], 5), preview(project, [], 5)
    assert (first.calls, first.reused, second.calls, second.reused) == (11, 0, 0, 11)
    assert second.candidates == first.candidates


def test_a_project_without_a_model_is_previewed_and_not_touched(make_project: MakeProject) -> None:
    project = make_project(DATA + EMBED + FILTERS + SCORE + SELECT, {"data.jsonl": rows(30)})
    before = file_hashes(project)
    shown = preview(project, [], 10)
    assert {one["fate"]["fate"] for one in shown.candidates} >= {"member", "rejected"}
    assert file_hashes(project) == before


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_command_shows_texts_verdicts_and_price(
    make_project: MakeProject, llm_server: LlmServer, options: list[str]
) -> None:
    llm_server.reply = writes
    project = make_project(*llm_project(llm_server))
    done = CliRunner().invoke(main_group, ["preview", str(project), "-n", "5", "-q", *options], catch_exceptions=False)
    assert count(project, "candidates") == 0
    if options:
        assert len(json.loads(done.stdout)["candidates"]) == 5
        return
    text = preview(project, [], 5).candidates[0]["candidate"]["instruction"]
    for part in ("--- 1 of 5", f"[instruction]\n{text}", f"[output]\nThis is how: {text}", "kept by exact_duplicate",
                 "score by marks", "11 calls", "Nothing entered the bank."):  # fmt: skip
        assert part in done.stdout
