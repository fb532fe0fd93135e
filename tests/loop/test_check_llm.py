"""The check of the language model: key, price, structured output, stop rules, cost, and one call when asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from support.llm_project import STAGES, llm_project
from support.projects import file_hashes, query

from insgen.loop.check import check_project
from insgen.loop.check_llm import Finding
from insgen.testing.faults import unauthorised

if TYPE_CHECKING:
    import pytest

    from insgen.testing.llm_server import LlmServer

MakeProject = Callable[..., Path]
REAL = {"api_base": "", "model": "openai/gpt-4.1-mini"}
LISTED = {"input_usd_per_million": -1.0, "output_usd_per_million": -1.0}


def check(project: Path, *settings: str, call: bool = False) -> dict[str, Finding]:
    return {found.what: found for found in check_project(project, settings, really_call=call)}


def test_a_sound_project_is_checked_and_nothing_is_sent(make_project: MakeProject, llm_server: LlmServer) -> None:
    project = make_project(*llm_project(llm_server, "rounds = 2\ntarget = 50", "usd = 1.5"))
    before = file_hashes(project)
    found = check(project)
    assert all(each.ok for each in found.values())
    assert (
        found["generator 1, writer"].finding == "asks the language model (1 calls for one candidate); nothing was sent"
    )
    assert found["price"].finding == "$1 and $2 for a million prompt and answer tokens"
    assert found["stop rules"].finding == "rounds 2, target 50 kept rows, budget $1.5"
    assert found["cost"].finding.startswith("estimate for each kept row: $")
    assert "call" not in found
    assert (llm_server.asked, file_hashes(project)) == ([], before)


def test_a_missing_key_is_named_and_its_value_never_shown(
    make_project: MakeProject, llm_server: LlmServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(*llm_project(llm_server, **REAL, **LISTED))
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    found = check(project, call=True)
    assert not found["key"].ok
    assert "openai/gpt-4.1-mini needs OPENAI_API_KEY in the environment" in found["key"].finding
    assert "call" not in found
    monkeypatch.setenv("OPENAI_API_KEY", "sk-verysecret0123")
    found = check(project)
    assert found["key"] == Finding("key", True, "openai/gpt-4.1-mini has it in the environment")
    assert "verysecret" not in repr(found)
    assert found["price"].finding.startswith("$0.4 and $1.6 ")
    assert found["structured output"].finding == "openai/gpt-4.1-mini can be held to a JSON schema"


def test_an_unknown_price_is_a_problem_that_says_what_to_state(
    make_project: MakeProject, llm_server: LlmServer
) -> None:
    found = check(make_project(*llm_project(llm_server, **LISTED)))
    assert [each.what for each in found.values() if not each.ok] == ["price"]
    assert "input_usd_per_million" in found["price"].finding
    assert "cost" not in found


def test_a_run_that_nothing_bounds_is_a_problem(make_project: MakeProject, llm_server: LlmServer) -> None:
    found = check(make_project(*llm_project(llm_server, "min_yield = 0.1")))
    assert not found["stop rules"].ok
    assert "[budget] usd, calls or tokens" in found["stop rules"].finding
    toml, files = llm_project(llm_server, "")
    data = toml.replace('use = "writer"', 'use = "dataset"\npaths = ["seeds.jsonl"]')
    assert check(make_project(data, files))["stop rules"].finding == "when every source is used up"


def test_a_call_tests_key_and_model_each_time_and_is_counted(make_project: MakeProject, llm_server: LlmServer) -> None:
    llm_server.reply = lambda asked: "OK."  # noqa: ARG005 - whatever is asked
    project = make_project(*llm_project(llm_server))
    for n_paid in (1, 2):
        found = check(project, call=True)
        assert found["call"].finding == "openai/test-model answered 'OK.', $0.000008"
        assert len(llm_server.paid) == n_paid
    assert query(project, "SELECT run_id, stage, ordinal, answer FROM calls") == [
        (0, "check", 0, "OK."),
        (0, "check", 1, "OK."),
    ]
    assert llm_server.asked[0].body["max_tokens"] == 16


def test_a_refused_call_says_what_to_do(make_project: MakeProject, llm_server: LlmServer) -> None:
    llm_server.faults = lambda asked: unauthorised()  # noqa: ARG005 - whatever is asked
    found = check(make_project(*llm_project(llm_server)), call=True)
    assert not found["call"].ok
    assert "Put a valid key into the environment" in found["call"].finding


def test_a_stage_that_breaks_in_the_rehearsal_is_a_finding(make_project: MakeProject, llm_server: LlmServer) -> None:
    toml, files = llm_project(llm_server)
    broken = STAGES.replace('{"max_tokens": 8}) for c', '{"max_tokens": 8 // 0}) for c')
    found = check(make_project(toml, {**files, "stages.py": broken}))
    assert not found["cost"].ok
    assert "marks" in found["cost"].finding
