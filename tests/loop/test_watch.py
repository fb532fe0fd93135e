"""The collapse watch's figures and limits, on numbers worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.llm_project import SEEDS, llm_project, writes
from support.projects import DATA, EMBED, FILTERS, SELECT, play, rows

from insgen.loop.watch import alarms
from insgen.plugins.embedders.hashing import HashingEmbedder
from insgen.store.database import open_reader
from insgen.store.trends import Trend, n_gram_entropy, trend, watched_rounds

if TYPE_CHECKING:
    from insgen.testing.llm_server import Asked, LlmServer

GOOD = Trend(1, 100, 0.6, 0.9, 0.5, 12.0)


def series(*changes: dict[str, float]) -> list[Trend]:
    return [replace(GOOD, round=number, **change) for number, change in enumerate(changes, start=1)]  # type: ignore[arg-type]  # fields by name


@pytest.mark.parametrize(
    ("texts", "entropy"),
    [
        (["a b c d e"], 1.0),  # four bigrams, none twice
        (["a b", "a b", "a b", "a b"], 0.0),
        (["a b", "a b", "c d", "C D"], 1 / 2),  # two of two: 1 bit of 2
        (["a b", "a b", "a b", "c d"], (0.75 * math.log2(4 / 3) + 0.25 * 2) / 2),
        (["a"], 1.0),
        ([], 1.0),
    ],
)
def test_entropy_of_bigrams(texts: list[str], entropy: float) -> None:
    assert n_gram_entropy(texts) == pytest.approx(entropy)


@pytest.mark.parametrize(
    ("change", "figures"),
    [
        ({}, []),
        ({"novelty": 0.22}, []),
        ({"novelty": 0.20}, ["novelty"]),
        ({"entropy": 0.73}, []),
        ({"entropy": 0.71}, ["entropy"]),
        ({"seed_distance": 0.26}, []),
        ({"seed_distance": 0.24}, ["seed_distance"]),
        ({"seed_distance": 0.76}, ["seed_distance"]),
        ({"seed_distance": None}, []),
        ({"words": 5.9}, ["words"]),
        ({"words": 24.1}, ["words"]),
        ({"words": 23.9}, []),
        ({"novelty": 0.1, "words": 2.0}, ["novelty", "words"]),
    ],
)
def test_each_figure_has_its_limits(change: dict[str, float], figures: list[str]) -> None:
    found = series({}, {}, {}, change, change, change)
    assert [alarm.figure for alarm in alarms(found[:3], found[3:], 3)] == figures


def test_only_novelty_is_judged_before_there_is_something_to_compare_with() -> None:
    poor = series(*[{"novelty": 0.1, "words": 1.0}] * 3)
    assert [alarm.figure for alarm in alarms(poor, poor, 3)] == ["novelty"]
    assert alarms(poor[:2], poor[:2], 3) == []
    mixed = series({}, {}, {"words": 1.0}, {"words": 1.0})
    assert alarms(mixed[:3], mixed[1:], 3) == []  # the windows overlap


def test_an_alarm_names_value_limit_and_rounds() -> None:
    found = series({}, {}, {"novelty": 0.1, "words": 2.4}, {"novelty": 0.2, "words": 2.4})
    assert [alarm.text for alarm in alarms(found[:2], found[2:], 2)] == [
        "15% of the proposals of rounds 3 to 4 were new, floor 21%",
        "the mean length of the instructions of rounds 3 to 4 is 20% of that of rounds 1 to 2 (2.4), floor 50%",
    ]


def test_figures_of_a_round_are_those_of_its_texts(make_project: Callable[..., Path], llm_server: LlmServer) -> None:
    tasks = [SEEDS[0]["instruction"]] * 6 + [f"Compare pod number {n} with node number {n}." for n in range(14)]

    def reply(asked: Asked) -> str:
        call = int(asked.text.split()[4]) if asked.text.startswith("WRITE") else 0
        return "\n".join(tasks[5 * call : 5 * call + 5]) if asked.text.startswith("WRITE") else writes(asked)

    llm_server.reply = reply
    project = make_project(*llm_project(llm_server, "rounds = 1"))
    play(project, "loop.batch=20")
    conn = open_reader(project / "insgen.db")
    found = trend(conn, 1)
    assert found is not None
    assert watched_rounds(conn) == [1]
    assert (found.proposals, found.novelty) == (20, pytest.approx(15 / 20))  # five of the six are repeats
    assert found.words == pytest.approx((6 * 7 + 14 * 8) / 20)
    assert found.entropy == pytest.approx(n_gram_entropy(tasks))
    vectors = HashingEmbedder(dimension=64).embed([*tasks[5:], *(seed["instruction"] for seed in SEEDS)])
    nearest = (vectors[:15] @ vectors[15:].T).max(axis=1)
    assert found.seed_distance == pytest.approx(float(1 - nearest.mean()), abs=1e-5)
    conn.close()


def test_rounds_of_data_and_rounds_of_few_proposals_are_not_watched(
    make_project: Callable[..., Path], llm_server: LlmServer
) -> None:
    llm_server.reply = writes
    few = make_project(*llm_project(llm_server, "rounds = 1"))  # ten proposals
    data = make_project(DATA + EMBED + FILTERS + SELECT, {"data.jsonl": rows(60)})
    for project in (few, data):
        play(project)
        conn = open_reader(project / "insgen.db")
        assert (watched_rounds(conn), trend(conn, 1)) == ([], None)
        conn.close()
