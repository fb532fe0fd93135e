"""A plugin that fails in a run: the run stops, goes on, or leaves it out, and says whom that concerned."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.projects import DATA, EMBED, PLAIN, SCORE, SELECT, count, play, plugin, query, rows

from insgen.errors import PluginError, StageError
from insgen.store import blame
from insgen.store.database import open_reader

FRAGILE = """
def filter(self, candidates, bank):
    if any("etcd" in c.instruction for c in candidates):
        raise ZeroDivisionError("no etcd here")
    return [Verdict(c.id, True) for c in candidates]
"""
HOLLOW = "def score(self, candidates, bank, llm, prompts):\n    return []"
SILENT = "def respond(self, candidates, llm, prompts):\n    return 1 / 0"
PROPOSE = "def generate(self, context):\n    return 1 / 0"
FILTER = '[[filter]]\nuse = "rogue"\n'


def loop(on_error: str, **more: int) -> str:
    settings = "".join(f"{name} = {value}\n" for name, value in more.items())
    return f'plugins = ["mine.py"]\n[loop]\nbatch = 5\non_error = "{on_error}"\n{settings}'


def fates(project: Path) -> dict[str, int]:
    return dict(query(project, "SELECT fate, count(*) FROM candidates GROUP BY fate"))


@pytest.fixture
def failing(make_project: Callable[..., Path]) -> Callable[..., Path]:
    """A project of 40 rows in rounds of 5, whose filter cannot bear a word that six of the eight rounds hold."""

    def make(on_error: str, body: str = FRAGILE, hook: str = "insgen_filters", tail: str = FILTER, **more: int) -> Path:
        files = {"mine.py": plugin(body, hook), "data.jsonl": rows(40, seed=3)}
        return make_project(loop(on_error, **more) + DATA + PLAIN + tail, files)

    return make


def failed_rounds() -> int:
    texts = [row["instruction"] for row in rows(40, seed=3)]
    return sum(any("etcd" in text for text in texts[n : n + 5]) for n in range(0, 40, 5))


def test_by_default_the_first_failure_stops_the_run_and_is_written_down(failing: Callable[..., Path]) -> None:
    project = failing("stop")
    with pytest.raises(PluginError, match=r'The filter "rogue" of mine\.py \(config b2:.*mine\.py, line \d+'):
        play(project)
    (failure,) = blame.failures(open_reader(project / "insgen.db"))
    assert (failure["kind"], failure["name"], failure["action"]) == ("filter", "rogue", "stopped")
    assert "ZeroDivisionError: no etcd here" in failure["error"]


def test_what_a_failed_filter_should_have_judged_waits_for_the_next_run(failing: Callable[..., Path]) -> None:
    project, n = failing("skip"), failed_rounds()
    result = play(project)
    assert 0 < n < 8
    assert result.reason == "every source is used up"
    assert len(result.warnings) == n
    assert 'the filter "rogue" of mine.py b2:' in result.warnings[0]
    waiting = query(project, "SELECT id FROM candidates WHERE fate = 'waiting' AND reason LIKE '%no etcd here%'")
    assert len(waiting) == count(project, "failed_candidates") == fates(project)["waiting"]
    assert fates(project)["kept"] + fates(project)["waiting"] == count(project, "candidates")
    (project / "mine.py").write_text(plugin(FRAGILE.replace("etcd", "no such word"), "insgen_filters"))
    again = play(project)
    assert again.counters["kept"] == len(waiting)
    assert "changed from mine.py b2:" in again.warnings[0] or "changed from b2:" in again.warnings[0]
    assert fates(project) == {"kept": count(project, "candidates")}


def test_a_filter_that_fails_again_and_again_is_left_out_and_all_concerned_are_listed(
    failing: Callable[..., Path],
) -> None:
    project = failing("quarantine", quarantine_after=2)
    result = play(project)
    assert "is left out for the rest of this run" in result.warnings[2]
    found = blame.failures(open_reader(project / "insgen.db"), result.run_id)
    actions = [each["action"] for each in found]
    assert actions == ["skipped"] * 2 + ["left out"] * (len(actions) - 2)
    unjudged = {id_ for each in found if each["action"] == "left out" for id_ in each["candidates"]}
    judged = {row[0] for row in query(project, "SELECT candidate_id FROM verdicts")}
    kept = {row[0] for row in query(project, "SELECT candidate_id FROM kept")}
    assert kept == judged | unjudged
    assert unjudged
    assert not judged & unjudged


def test_the_last_scorer_is_never_left_out(failing: Callable[..., Path]) -> None:
    score = '[[score]]\nuse = "rogue"\n'
    project = failing("quarantine", HOLLOW, "insgen_scorers", score, quarantine_after=2)
    with pytest.raises(PluginError, match="failed 2 times in this run, and there is no going on without it"):
        play(project)
    assert count(project, "kept") == 0


def test_without_a_quarantined_scorer_quality_is_what_the_others_say(failing: Callable[..., Path]) -> None:
    score = '[[score]]\nuse = "rogue"\nweight = 9.0\n' + SCORE
    project = failing("quarantine", HOLLOW, "insgen_scorers", score, quarantine_after=1)
    result = play(project)
    assert result.counters["kept"] == count(project, "candidates") - 5
    different = query(
        project,
        "SELECT 1 FROM kept k JOIN scores s ON s.candidate_id = k.candidate_id"
        " WHERE abs(k.quality - (s.value - s.low) / (s.high - s.low)) > 1e-9",
    )
    assert different == []


def test_what_a_failed_responder_should_have_answered_waits(make_project: Callable[..., Path]) -> None:
    unanswered = [{"instruction": row["instruction"]} for row in rows(5)]
    project = make_project(
        loop("skip") + DATA + PLAIN + '[respond]\nuse = "rogue"\n',
        {"mine.py": plugin(SILENT, "insgen_responders"), "data.jsonl": [*unanswered, rows(6)[5]]},
    )
    play(project)
    assert fates(project) == {"waiting": 5, "kept": 1}


def test_a_generator_that_fails_gives_nothing_and_the_others_go_on(make_project: Callable[..., Path]) -> None:
    project = make_project(
        loop("quarantine", quarantine_after=2) + '[[generate]]\nuse = "rogue"\n' + DATA + PLAIN,
        {"mine.py": plugin(PROPOSE, "insgen_generators"), "data.jsonl": rows(20)},
    )
    result = play(project)
    assert result.reason == "every source is used up"
    assert result.counters["proposed"] == 20
    assert query(project, "SELECT action FROM failures") == [("skipped",)] * 2


def test_a_round_of_nothing_but_failures_stops_the_run(make_project: Callable[..., Path]) -> None:
    project = make_project(
        loop("skip") + '[[generate]]\nuse = "rogue"\n' + PLAIN, {"mine.py": plugin(PROPOSE, "insgen_generators")}
    )
    with pytest.raises(PluginError, match="ZeroDivisionError"):
        play(project)
    assert query(project, "SELECT action FROM failures") == [("stopped",)]


@pytest.mark.parametrize("on_error", ["skip", "quarantine"])
def test_what_no_round_can_do_without_stops_the_run_all_the_same(
    make_project: Callable[..., Path], on_error: str
) -> None:
    select = '[select]\nuse = "rogue"\nsize = 2\n'
    body = "def select(self, pool, size, bank, rng, state):\n    return 1 / 0"
    project = make_project(
        loop(on_error) + DATA + EMBED + select,
        {"mine.py": plugin(body, "insgen_selectors"), "data.jsonl": rows(4)},
    )
    with pytest.raises(PluginError, match='The selector "rogue"'):
        play(project)
    assert count(project, "rounds") == 0
    assert query(project, "SELECT kind, action FROM failures") == [("selector", "stopped")]


def test_what_a_stage_raises_on_purpose_is_never_borne(failing: Callable[..., Path]) -> None:
    body = "def filter(self, candidates, bank):\n    raise StageError('Out of ink.\\n  Expected ink.\\n  Buy some.')"
    with pytest.raises(StageError, match="Out of ink"):
        play(failing("skip", body))


def test_the_fault_of_an_embedder_is_not_the_filters_that_asked_it(make_project: Callable[..., Path]) -> None:
    asking = "def filter(self, candidates, bank):\n    bank.embed(['x'])\n    return []"
    embedder = "identity = 'rogue-1'\ndimension = 4\ndef embed(self, texts):\n    return 1 / 0"
    project = make_project(
        loop("skip").replace('"mine.py"', '"mine.py", "embedder.py"')
        + DATA
        + SELECT
        + FILTER
        + '[embed]\nuse = "rogue"\n',
        {
            "mine.py": plugin(asking, "insgen_filters"),
            "embedder.py": plugin(embedder, "insgen_embedders"),
            "data.jsonl": rows(5),
        },
    )
    with pytest.raises(PluginError, match='The embedder "rogue"'):
        play(project)
