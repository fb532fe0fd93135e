"""When a run that asks a language model stops: target, budget, yield over several rounds, collapse."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.llm_project import llm_project, writes
from support.projects import count, play, query

from insgen.hooks.spec import hookimpl

if TYPE_CHECKING:
    from insgen.testing.llm_server import Asked, LlmServer

MakeProject = Callable[..., Path]
SMALL = "collapse_rounds = 1"


class Watcher:
    """Remembers what every round told."""

    def __init__(self) -> None:
        self.rounds: list[Mapping[str, Any]] = []

    @hookimpl
    def insgen_round_finished(self, counters: Mapping[str, Any]) -> None:
        self.rounds.append(counters)


def from_round(first: int, later: Callable[[Asked], str]) -> Callable[[Asked], str]:
    """A model that writes well at first and then no more."""

    def reply(asked: Asked) -> str:
        words = asked.text.split()
        return later(asked) if words[0] == "WRITE" and int(words[2]) >= first else writes(asked)

    return reply


def same_again(asked: Asked) -> str:  # noqa: ARG001 - the shape of a reply
    """Five times the same task."""
    return "\n".join(["Explain what a pod is."] * 5)


@pytest.mark.parametrize("target", [1, 7, 10, 23])
def test_target_is_reached_exactly_and_nothing_is_bought_beyond_it(
    make_project: MakeProject, llm_server: LlmServer, target: int
) -> None:
    llm_server.reply = writes
    project = make_project(*llm_project(llm_server, f"target = {target}"))
    assert play(project).reason == f"{target} rows are kept, target {target}"
    assert count(project, "kept") == target
    kinds = [asked.text.split()[0] for asked, _ in llm_server.paid]
    assert (kinds.count("ANSWER"), kinds.count("JUDGE")) == (target, target)


def test_a_larger_target_takes_what_waited_before_new_tasks_are_bought(
    make_project: MakeProject, llm_server: LlmServer
) -> None:
    llm_server.reply = writes
    project = make_project(*llm_project(llm_server, "target = 4"))
    play(project)
    n_written = sum(asked.text.startswith("WRITE") for asked, _ in llm_server.paid)
    assert play(project, "loop.target=9").reason == "9 rows are kept, target 9"
    assert sum(asked.text.startswith("WRITE") for asked, _ in llm_server.paid) == n_written


@pytest.mark.parametrize(
    ("cap", "begins"),
    [("calls = 12", "the budget is spent (calls 12: 12 made)"), ("usd = 0.004", "the budget is spent (usd 0.004: $"),
     ("tokens = 2000", "the budget is spent (tokens 2000: ")],
)  # fmt: skip
def test_each_cap_stops_the_run_and_holds_when_it_is_called_again(
    make_project: MakeProject, llm_server: LlmServer, cap: str, begins: str
) -> None:
    llm_server.reply = writes
    project = make_project(*llm_project(llm_server, "", cap))
    assert play(project).reason.startswith(begins)
    n_paid = len(llm_server.paid)
    assert 0 < n_paid == count(project, "calls")
    again = play(project)
    assert again.reason.startswith(begins)
    assert (again.counters["rounds"], len(llm_server.paid)) == (0, n_paid)


def test_yield_is_measured_over_the_last_rounds_together(make_project: MakeProject, llm_server: LlmServer) -> None:
    llm_server.reply = from_round(2, same_again)
    loop = 'min_yield = 0.3\nyield_rounds = 3\ncollapse = "off"\nmax_empty_calls = 0'
    project = make_project(*llm_project(llm_server, loop))
    # kept of ten: 10, 1, 0, 0 -> over three rounds 11/30 holds, 1/30 does not
    assert play(project).reason == "rounds 2 to 4 kept 3.3% of their proposals, under min_yield = 30.0%"
    assert [row[0] for row in query(project, "SELECT kept FROM rounds")] == [10, 1, 0, 0]


def test_a_run_called_again_after_a_low_yield_gets_its_rounds_anew(
    make_project: MakeProject, llm_server: LlmServer
) -> None:
    llm_server.reply = from_round(2, same_again)
    loop = 'min_yield = 0.3\nyield_rounds = 2\ncollapse = "off"\nmax_empty_calls = 0'
    project = make_project(*llm_project(llm_server, loop))
    assert play(project).reason.startswith("rounds 2 to 3 kept 5.0%")
    again = play(project)
    assert (again.counters["rounds"], again.reason[:18]) == (2, "rounds 4 to 5 kept")


def test_a_run_killed_after_its_last_round_stops_where_the_undisturbed_one_does(
    make_project: MakeProject, llm_server: LlmServer
) -> None:
    llm_server.reply = from_round(2, same_again)
    loop = 'min_yield = 0.3\nyield_rounds = 2\ncollapse = "off"\nmax_empty_calls = 0'
    project = make_project(*llm_project(llm_server, loop))
    reason = play(project).reason
    conn = sqlite3.connect(project / "insgen.db")
    conn.execute("UPDATE runs SET reason = NULL, finished_utc = NULL")  # as a kill between round and end leaves it
    conn.commit()
    conn.close()
    again = play(project)
    assert (again.counters["rounds"], again.reason) == (0, reason)


@pytest.mark.parametrize("collapse", ["off", "warn", "stop"])
def test_repeats_in_every_round_are_a_collapse(make_project: MakeProject, llm_server: LlmServer, collapse: str) -> None:
    llm_server.reply = from_round(4, same_again)
    loop = f'rounds = 8\ncollapse = "{collapse}"\ncollapse_rounds = 2\nmax_empty_calls = 0'
    project, watcher = make_project(*llm_project(llm_server, loop)), Watcher()
    result = play(project, "loop.batch=20", watchers=[watcher])
    told = {row["round"]: " | ".join(row["warnings"]) for row in watcher.rounds if row["warnings"]}
    if collapse == "off":
        assert (told, result.warnings, result.counters["rounds"]) == ({}, [], 8)
        assert all(row["trend"] is None for row in watcher.rounds)
        return
    assert "the n-gram entropy of the instructions of rounds 3 to 4" in told[4]
    if collapse == "stop":
        assert result.reason == f"proposals lose their variety: {told[4]}"
        assert play(project, "loop.batch=20").counters["rounds"] == 2  # its window begins anew
        return
    assert result.reason == "all 8 rounds of the config are played"
    assert "3% of the proposals of rounds 4 to 5 were new, floor 21%" in told[5]
    assert sum("entropy" in text for text in told.values()) == 1  # told when it begins, not in every round
    assert any("rounds 7 to 8" in text for text in result.warnings)


def test_a_varied_model_raises_no_alarm(make_project: MakeProject, llm_server: LlmServer) -> None:
    llm_server.reply = writes
    loop = 'rounds = 6\ncollapse = "stop"\ncollapse_rounds = 2'
    project, watcher = make_project(*llm_project(llm_server, loop)), Watcher()
    result = play(project, "loop.batch=20", watchers=[watcher])
    assert (result.reason, result.warnings) == ("all 6 rounds of the config are played", [])
    assert [row["trend"]["proposals"] for row in watcher.rounds] == [20] * 6


def test_interrupt_is_told_as_the_reason(make_project: MakeProject, llm_server: LlmServer) -> None:
    llm_server.reply = writes

    class Hand:
        @hookimpl
        def insgen_round_finished(self) -> None:
            raise KeyboardInterrupt

    project = make_project(*llm_project(llm_server))
    with pytest.raises(KeyboardInterrupt):
        play(project, watchers=[Hand()])
    assert query(project, "SELECT reason FROM runs") == [("it was interrupted",)]
    assert play(project).reason == "all 2 rounds of the config are played"
