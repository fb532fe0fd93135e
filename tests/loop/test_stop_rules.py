"""When a run stops, and what it says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.projects import DATA, EMBED, FILTERS, SCORE, SELECT, count, play, plugin, query, rounds_played, rows

from insgen.errors import ConfigError

TOML = DATA + EMBED + FILTERS + SCORE + SELECT


@pytest.mark.parametrize(
    ("settings", "rounds", "reason", "played"),
    [
        (["loop.rounds=2"], 0, "all 2 rounds of the config are played", 2),
        ([], 3, "the 3 rounds asked for are played", 3),
        (["loop.rounds=2"], 5, "all 2 rounds of the config are played", 2),
        (["loop.target=8"], 0, "8 rows are kept, target 8", 1),
        (["loop.target=99"], 0, "every source is used up", 4),
        (["loop.min_yield=1.0"], 0, "round 1 kept ", 1),
        ([], 0, "every source is used up", 4),
    ],
)
def test_each_rule_stops_the_run_and_is_told(
    make_project: Callable[..., Path], settings: list[str], rounds: int, reason: str, played: int
) -> None:
    project = make_project("[loop]\nbatch = 15\n" + TOML, {"data.jsonl": rows(60)})
    result = play(project, *settings, rounds=rounds)
    assert result.reason.startswith(reason)
    assert result.counters["rounds"] == len(rounds_played(project)) == played
    assert query(project, "SELECT reason FROM runs") == [(result.reason,)]


def test_low_yield_is_told_with_both_figures(make_project: Callable[..., Path]) -> None:
    project = make_project(
        "[loop]\nbatch = 10\nmin_yield = 0.5\n" + TOML,
        {"data.jsonl": [{"instruction": "x", "output": "y"}, *rows(1)] * 9},
    )
    assert play(project).reason == "round 1 kept 10.0% of its proposals, under min_yield = 50.0%"


def test_rounds_are_counted_over_the_life_of_the_project(make_project: Callable[..., Path]) -> None:
    project = make_project("[loop]\nbatch = 15\nrounds = 3\n" + TOML, {"data.jsonl": rows(60)})
    assert play(project, rounds=2).counters["rounds"] == 2
    assert play(project, rounds=2).counters["rounds"] == 1
    result = play(project)
    assert (result.counters["rounds"], result.reason) == (0, "all 3 rounds of the config are played")


def test_a_project_without_sources_says_so_at_once(make_project: Callable[..., Path]) -> None:
    project = make_project(EMBED + SELECT)
    assert play(project).reason == "there was nothing new to judge"
    assert (count(project, "rounds"), count(project, "runs")) == (0, 1)


WANDERER = """
def generate(self, context):
    n = int(context.position or 0)
    ready = (Candidate(f"Tell me what step {n} is about."),) if n in (2, 5) else ()
    return Generated(ready, position=str(n + 1), exhausted=n == 6)
"""


def test_a_generator_that_moves_on_without_a_candidate_is_asked_again_further_on(
    make_project: Callable[..., Path],
) -> None:
    toml = 'plugins = ["mine.py"]\n[[generate]]\nuse = "rogue"\n' + EMBED + SELECT
    project = make_project(toml, {"mine.py": plugin(WANDERER, "insgen_generators")})
    result = play(project)
    assert (result.reason, result.counters["proposed"]) == ("every source is used up", 2)
    assert query(project, "SELECT round, position FROM positions") == [(n, str(n)) for n in range(1, 7)]


def test_one_source_used_up_does_not_stop_the_others(make_project: Callable[..., Path]) -> None:
    second = '[[generate]]\nuse = "dataset"\npaths = ["long.jsonl"]\n'
    project = make_project(
        "[loop]\nbatch = 5\n" + TOML + second, {"data.jsonl": rows(5), "long.jsonl": rows(15, seed=2)}
    )
    assert play(project).reason == "every source is used up"
    assert [row[1] for row in rounds_played(project)] == [10, 5, 5]


def test_a_question_to_a_model_that_is_not_configured_says_what_to_add(make_project: Callable[..., Path]) -> None:
    asks = "def generate(self, context):\n    return Generated(requests=(Request((Turn('user', 'Hi'),), 'numbered'),))"
    toml = 'plugins = ["mine.py"]\n[[generate]]\nuse = "rogue"\n' + EMBED + SELECT
    project = make_project(toml, {"mine.py": plugin(asks, "insgen_generators")})
    with pytest.raises(ConfigError) as caught:
        play(project)
    for part in ("asks a language model", "[llm] section", "documents, dataset"):
        assert part in str(caught.value)
    assert count(project, "rounds") == 0
