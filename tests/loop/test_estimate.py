"""The estimate before a run: from prompts and stated assumptions, then from the project's own history."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from support.llm_project import SEEDS, llm_project, writes
from support.projects import DATA, EMBED, SELECT, file_hashes, play, query, rows

from insgen.cli.main import main_group
from insgen.loop.estimate import ASSUMED_BYTES_PER_TOKEN, ASSUMED_FILL, ASSUMED_YIELD, estimate

if TYPE_CHECKING:
    from insgen.testing.llm_server import LlmServer

MakeProject = Callable[..., Path]


def test_without_a_history_prompts_and_assumptions_decide(make_project: MakeProject, llm_server: LlmServer) -> None:
    project = make_project(*llm_project(llm_server, "target = 100"))
    found = estimate(project)
    assert found is not None
    assert found.per_kept_row is not None
    assert found.basis == "assumptions"
    assert sorted(found.assumptions.values()) == [ASSUMED_YIELD, ASSUMED_FILL, ASSUMED_BYTES_PER_TOKEN]
    seeds = [seed["instruction"] for seed in SEEDS]
    writing = [f"WRITE round 1 call {call} like: {'; '.join(seeds)}" for call in (0, 1)]
    each = [f"{word} {seed}" for seed in seeds for word in ("ANSWER", "JUDGE")]
    kept = 10 * ASSUMED_YIELD
    prompt = sum(map(len, writing)) / 4 / kept + sum(map(len, each)) / 4 / 2
    answer = 2 * 0.5 * 100 / kept + 0.5 * 100 + 0.5 * 8
    assert found.per_kept_row.calls == pytest.approx(2 / kept + 2)
    assert found.per_kept_row.tokens == pytest.approx(prompt + answer)
    assert found.per_kept_row.usd == pytest.approx((prompt + 2 * answer) / 1e6)
    assert (found.rows_to_go, found.rows_in_budget) == (100, None)
    assert found.to_target is not None
    assert found.to_target.calls == pytest.approx(100 * found.per_kept_row.calls)
    assert llm_server.asked == []


def test_worst_case_of_a_round_holds(make_project: MakeProject, llm_server: LlmServer) -> None:
    llm_server.reply = writes
    project = make_project(*llm_project(llm_server, "rounds = 1"))
    found = estimate(project)
    assert found is not None
    play(project)
    calls, tokens, usd = query(
        project, "SELECT count(*), sum(prompt_tokens + completion_tokens), sum(cost_usd) FROM calls"
    )[0]
    assert found.worst_round.calls == calls == 22
    assert found.worst_round.tokens >= tokens
    assert found.worst_round.usd >= usd


def test_with_a_history_the_project_itself_decides(make_project: MakeProject, llm_server: LlmServer) -> None:
    llm_server.reply = writes
    project = make_project(*llm_project(llm_server, "target = 30", "calls = 94"))
    play(project, rounds=2)
    found = estimate(project)
    assert found is not None
    assert found.per_kept_row is not None
    tokens, usd = query(project, "SELECT sum(prompt_tokens + completion_tokens), sum(cost_usd) FROM calls")[0]
    assert (found.basis, found.assumptions, found.rows_to_go) == ("history", {}, 10)
    assert found.per_kept_row.calls == pytest.approx(44 / 20)
    assert found.per_kept_row.tokens == pytest.approx(tokens / 20)
    assert found.per_kept_row.usd == pytest.approx(usd / 20)
    assert found.rows_in_budget == int((94 - 44) / 2.2)


def test_dry_run_sends_and_writes_nothing(make_project: MakeProject, llm_server: LlmServer) -> None:
    project = make_project(*llm_project(llm_server))
    before = file_hashes(project)
    shown = CliRunner().invoke(main_group, ["run", str(project), "--dry-run"], catch_exceptions=False).stdout
    told = CliRunner().invoke(main_group, ["run", str(project), "--dry-run", "--json"], catch_exceptions=False).stdout
    assert shown.startswith("Estimate for each kept row: $")
    assert "assumed: share that passes the filters 0.42, share of max_tokens that an answer takes 0.5" in shown
    assert "The next round can cost at most $" in shown
    assert json.loads(told)["basis"] == "assumptions"
    assert (llm_server.asked, file_hashes(project)) == ([], before)


def test_a_project_without_a_model_spends_nothing(make_project: MakeProject) -> None:
    project = make_project(DATA + EMBED + SELECT, {"data.jsonl": rows(3)})
    assert estimate(project) is None
    shown = CliRunner().invoke(main_group, ["run", str(project), "--dry-run"], catch_exceptions=False).stdout
    assert shown == "No language model is asked: nothing is spent.\n"
