"""Going on is the same as never having stopped; what would mix two banks is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.projects import (
    DATA,
    DOCUMENTS,
    EMBED,
    FILTERS,
    SCORE,
    SELECT,
    contents,
    count,
    file_hashes,
    play,
    query,
    rounds_played,
    rows,
    versions,
)

from insgen.errors import ConfigError
from insgen.hooks.manager import load_plugins
from insgen.hooks.spec import hookimpl
from insgen.loop.adding import add_data
from insgen.loop.assemble import Assembly
from insgen.store import members
from insgen.store.database import open_store

TOML = "[loop]\nbatch = 15\n" + DATA + EMBED + FILTERS + SCORE
PIBE = '[select]\nuse = "pibe"\nsize = 10\n'
RANDOM = '[select]\nuse = "random"\nsize = 10\n'


class Stop:
    """Stops a run inside a round, when a stage says it is done."""

    def __init__(self, round_: int, stage: str, error: type[BaseException]) -> None:
        self.place, self.error = (round_, stage), error

    @hookimpl
    def insgen_stage_advanced(self, progress: object) -> None:
        if (progress.round, progress.stage) == self.place and progress.done == progress.total:  # type: ignore[attr-defined]
            raise self.error


def same(one: Path, other: Path) -> None:
    assert contents(one) == contents(other)
    assert (rounds_played(one), versions(one)) == (rounds_played(other), versions(other))


def add(project: Path, name: str) -> None:
    config = Assembly(project).config
    store = open_store(config.database)
    add_data(store, config, load_plugins(), name, {}, lambda _: None)
    store.close()


@pytest.mark.parametrize("select", [SELECT, PIBE, RANDOM])
def test_single_rounds_are_one_long_run_byte_for_byte(make_project: Callable[..., Path], select: str) -> None:
    files = {"data.jsonl": rows(60), "seeds.jsonl": rows(5, seed=3)}
    once, often = make_project(TOML + select, files), make_project(TOML + select, files)
    play(once)
    results = [play(often, rounds=1) for _ in range(4)]
    assert [result.reason for result in results] == ["the 1 rounds asked for are played"] * 4
    assert play(often).reason == "there was nothing new to judge"
    same(once, often)
    assert (count(once, "runs"), count(often, "runs")) == (1, 5)


def test_the_same_project_made_twice_has_the_same_bytes_and_another_seed_has_not(
    make_project: Callable[..., Path],
) -> None:
    made = [make_project(TOML + RANDOM + f"[project]\nseed = {seed}\n", {"data.jsonl": rows(60)}) for seed in (1, 1, 2)]
    for project in made:
        play(project)
    same(made[0], made[1])
    assert contents(made[0], ["members"]) != contents(made[2], ["members"])


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("stage", ["filter length", "embed", "filter near_duplicate", "score heuristic", "select pibe"])
def test_a_round_that_was_broken_off_is_played_again(
    make_project: Callable[..., Path], stage: str, error: type[BaseException]
) -> None:
    files = {"data.jsonl": rows(60)}
    undisturbed, broken = make_project(TOML + PIBE, files), make_project(TOML + PIBE, files)
    play(undisturbed)
    with pytest.raises(error):
        play(broken, watchers=[Stop(2, stage, error)])
    assert [row[0] for row in rounds_played(broken)] == [1]
    said = "it was interrupted" if error is KeyboardInterrupt else "it was stopped by an error"
    assert query(broken, "SELECT reason FROM runs") == [(said,)]
    play(broken)
    same(undisturbed, broken)


def test_new_rows_at_the_end_of_the_data_are_read_on(make_project: Callable[..., Path]) -> None:
    project = make_project(DATA + EMBED + SELECT, {"data.jsonl": rows(10)})
    play(project)
    before = file_hashes(project)
    assert play(project).counters["rounds"] == 0
    config = project / "insgen.toml"
    config.write_text(config.read_text().replace('"data.jsonl"', '"data.jsonl", "more.jsonl"'))
    (project / "more.jsonl").write_text('{"instruction": "Say what is new here.", "output": "This row."}\n')
    result = play(project)
    assert (result.counters["proposed"], result.counters["rounds"]) == (1, 1)
    assert set(before) <= set(file_hashes(project))


def test_new_documents_are_noticed(make_project: Callable[..., Path]) -> None:
    project = make_project(
        DOCUMENTS + EMBED + SELECT, {"docs/a.md": "# Terms\n\n**Queue** is the folder in which messages wait.\n"}
    )
    play(project)
    first = count(project, "candidates")
    (project / "docs" / "b.md").write_text(
        "# More terms\n\n**Relay** is a server that passes messages on to another one.\n"
    )
    play(project)
    assert count(project, "candidates") > first > 0


def test_another_generator_in_the_same_place_begins_anew(make_project: Callable[..., Path]) -> None:
    files = {"data.jsonl": rows(5), "docs/a.md": "# Terms\n\n**Queue** is the folder in which messages wait.\n"}
    project = make_project(DATA + EMBED + SELECT, files)
    play(project)
    (project / "insgen.toml").write_text(DOCUMENTS + EMBED + SELECT)
    assert play(project).counters["proposed"] > 0
    (project / "insgen.toml").write_text(DATA + EMBED + SELECT)
    result = play(project)
    assert (result.counters["proposed"], result.reason) == (0, "there was nothing new to judge")


@pytest.mark.parametrize(
    "change",
    [("dimension = 64", "dimension = 32"), ('use = "hashing"', 'use = "hashing"\ntext = "all"')],
)
def test_another_embedding_model_is_refused_and_nothing_changes(
    make_project: Callable[..., Path], change: tuple[str, str]
) -> None:
    project = make_project(TOML + SELECT, {"data.jsonl": rows(40), "seeds.jsonl": rows(2)})
    play(project, rounds=1)
    config = project / "insgen.toml"
    before = contents(project, ["runs", "seeds", "rounds", "candidates"])
    old = config.read_text()
    config.write_text(old.replace(*change))
    (project / "seeds.jsonl").write_text('{"instruction": "A new seed that must wait."}\n')
    with pytest.raises(ConfigError) as caught:
        play(project)
    for part in ("hashing:hashing-v1:64", "the config now says", "cannot be compared", "Set [embed] back"):
        assert part in str(caught.value)
    assert contents(project, before) == before
    config.write_text(old)
    assert play(project).counters["rounds"] == 2


def test_after_a_rollback_the_run_goes_on_from_the_old_members(make_project: Callable[..., Path]) -> None:
    project = make_project(TOML + PIBE, {"data.jsonl": rows(60)})
    play(project, rounds=3)
    store = open_store(project / "insgen.db")
    first = [place.candidate_id for place in members.ranking_of(store.conn, 1)]
    with store.atomic() as conn:
        members.roll_back(conn, 1, datetime(2026, 1, 1, tzinfo=UTC).isoformat())
    store.close()
    assert [row[0] for row in query(project, "SELECT candidate_id FROM members ORDER BY rank")] == first
    result = play(project)
    assert result.counters["rounds"] == 1
    assert [row[2] for row in versions(project)] == ["round", "round", "round", "rollback to 1", "round"]
    came = {
        row[0]
        for row in query(project, "SELECT candidate_id FROM bank_events WHERE version = 5 AND event = 'admitted'")
    }
    of_round_4 = {row[0] for row in query(project, "SELECT candidate_id FROM proposals WHERE round = 4")}
    assert came <= of_round_4
    kept = {row[0] for row in query(project, "SELECT candidate_id FROM members")}
    assert kept <= of_round_4 | set(first)


def test_another_selector_begins_without_the_old_ones_state(make_project: Callable[..., Path]) -> None:
    project = make_project(TOML + PIBE, {"data.jsonl": rows(60)})
    play(project, rounds=2)
    play(project, "select.use=quality", rounds=1)
    play(project, "select.use=pibe", rounds=1)
    assert [row[3] for row in versions(project)] == ["pibe", "pibe", "quality", "pibe"]
    best = query(project, "SELECT count(*) FROM members")
    assert best == [(10,)]


def test_added_data_is_judged_before_anything_new_is_proposed(make_project: Callable[..., Path]) -> None:
    files = {"data.jsonl": rows(20), "old.jsonl": rows(35, seed=5), "older.jsonl": rows(5, seed=6)}
    project = make_project(TOML + SELECT, files)
    add(project, "old.jsonl")
    add(project, "older.jsonl")
    assert query(project, "SELECT count(*) FROM candidates WHERE fate = 'waiting'") == [(40,)]
    assert query(project, "SELECT n_rows FROM arrivals ORDER BY id") == [(35,), (5,)]
    assert play(project, rounds=1).counters["proposed"] == 15
    assert play(project).reason == "every source is used up"
    played = query(
        project,
        "SELECT round, arrival_id, count(*), min(source) FROM proposals GROUP BY round, arrival_id ORDER BY round",
    )
    assert played == [
        (1, 1, 15, "old.jsonl"),
        (2, 1, 15, "old.jsonl"),
        (3, 1, 5, "old.jsonl"),
        (4, 2, 5, "older.jsonl"),
        (5, None, 15, "data.jsonl"),
        (6, None, 5, "data.jsonl"),
    ]
    assert query(project, "SELECT count(*) FROM candidates WHERE fate IN ('waiting', 'proposed')") == [(0,)]


def test_data_added_twice_is_all_repeats(make_project: Callable[..., Path]) -> None:
    project = make_project(EMBED + FILTERS + SELECT, {"data.jsonl": rows(12)})
    add(project, "data.jsonl")
    first = play(project)
    add(project, "data.jsonl")
    result = play(project)
    assert (result.counters["proposed"], result.counters["repeated"], result.counters["kept"]) == (12, 12, 0)
    assert count(project, "candidates") == first.counters["proposed"] == 12
