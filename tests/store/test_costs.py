"""Costs agree with what the server counted, to the token; what is lost or not counted is told apart."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.asking import asking
from support.llm_project import llm_project, writes
from support.projects import play

from insgen.cli.main import main_group
from insgen.config.settings import Budget
from insgen.records import Request, Turn
from insgen.store.costs import costs, per_kept_row
from insgen.store.database import Store, open_reader
from insgen.testing.faults import no_usage, reset_mid_body, server_error, too_many
from insgen.testing.llm_server import LlmServer, count_tokens


def question(text: str) -> Request:
    return Request((Turn("user", text),), "", {"max_tokens": 50})


def test_every_round_and_stage_has_the_servers_counts(make_project: Callable[..., Path], llm_server: LlmServer) -> None:
    llm_server.reply = writes
    llm_server.script(server_error(500), None, too_many("0"))
    project = make_project(*llm_project(llm_server))
    play(project)
    found = costs(open_reader(project / "insgen.db"))
    counted: Counter[str] = Counter()
    for asked, text in llm_server.paid:
        kind = asked.text.split()[0]
        counted[f"{kind} calls"] += 1
        counted[f"{kind} prompt"] += count_tokens(asked.text)
        counted[f"{kind} completion"] += count_tokens(text)
    for kind, stage in (("WRITE", "generate writer 1"), ("ANSWER", "respond answers"), ("JUDGE", "score marks")):
        mine = [row for row in found["rows"] if row["stage"] == stage]
        assert [row["round"] for row in mine] == [1, 2]
        assert sum(row["calls"] for row in mine) == counted[f"{kind} calls"]
        assert sum(row["prompt_tokens"] for row in mine) == counted[f"{kind} prompt"]
        assert sum(row["completion_tokens"] for row in mine) == counted[f"{kind} completion"]
    prompt, completion = (
        sum(n for name, n in counted.items() if name.endswith(part)) for part in ("prompt", "completion")
    )
    total = found["total"]
    assert (total["prompt_tokens"], total["completion_tokens"]) == (prompt, completion)
    assert total["spent_usd"] == pytest.approx((prompt * 1 + completion * 2) / 1e6)
    assert (total["lost_tokens"], total["reserved_tokens"], total["uncounted"]) == (0, 0, 0)
    assert total["attempts"] == len(llm_server.paid) + 1  # the 500; a 429 is none
    assert found["kept"] == 20
    assert found["per_kept_row"]["calls"] == pytest.approx(len(llm_server.paid) / 20)
    assert found["per_kept_row"]["usd"] == pytest.approx(total["spent_usd"] / 20)


def test_lost_and_uncounted_calls_stand_apart_and_count(store: Store, llm_server: LlmServer) -> None:
    llm_server.script(reset_mid_body(), None, no_usage())
    with asking(llm_server, store, Budget()) as asker:
        asker.ask([question("first")])
        asker.ask([question("second")])
    total = costs(store.conn)["total"]
    worst = [len(text) + 32 + 50 for text in ("first", "second")]  # bytes, two frames of 16, the longest answer
    assert (total["calls"], total["answered"], total["uncounted"]) == (2, 2, 1)
    assert (total["lost_tokens"], total["reserved_tokens"]) == (worst[0], worst[1])
    counted = total["prompt_tokens"] + total["completion_tokens"]
    assert total["spent_tokens"] == counted + worst[0] + worst[1]
    assert total["spent_usd"] == pytest.approx(total["cost_usd"] + total["lost_usd"] + total["reserved_usd"])


def test_a_project_that_asked_nothing_has_no_costs(store: Store) -> None:
    found = costs(store.conn)
    assert (found["rows"], found["per_kept_row"], per_kept_row(store.conn)) == ([], None, None)
    assert found["total"]["calls"] == found["total"]["spent_usd"] == 0


def test_command_prints_the_same_figures(make_project: Callable[..., Path], llm_server: LlmServer) -> None:
    llm_server.reply = writes
    project = make_project(*llm_project(llm_server))
    play(project)
    found = costs(open_reader(project / "insgen.db"))
    told = CliRunner().invoke(main_group, ["costs", str(project), "--json"], catch_exceptions=False)
    assert json.loads(told.stdout) == found
    shown = CliRunner().invoke(main_group, ["costs", str(project)], catch_exceptions=False).stdout
    assert "generate writer 1" in shown
    assert f"Against the budget: ${found['total']['spent_usd']:.6f}, {len(llm_server.paid)} calls" in shown
    assert f"Each of 20 kept rows: ${found['per_kept_row']['usd']:.6f}" in shown


def test_status_tells_money_and_variety(make_project: Callable[..., Path], llm_server: LlmServer) -> None:
    llm_server.reply = writes
    project = make_project(*llm_project(llm_server))
    play(project, "loop.batch=20")
    told = json.loads(CliRunner().invoke(main_group, ["status", str(project), "--json"], catch_exceptions=False).stdout)
    assert told["costs"]["spent_usd"] == pytest.approx(costs(open_reader(project / "insgen.db"))["total"]["spent_usd"])
    assert told["per_kept_row"]["calls"] == pytest.approx(len(llm_server.paid) / 40)
    assert [row["round"] for row in told["trends"]] == [1, 2]
    shown = CliRunner().invoke(main_group, ["status", str(project)], catch_exceptions=False).stdout
    assert f"tokens in {len(llm_server.paid)} calls. Each kept row: $" in shown
    assert "seed_distance" in shown
