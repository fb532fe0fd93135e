"""Comparing selectors: each chooses from the same stored candidates, and the project stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.pools import pool_of, random_tasks
from support.projects import DATA, EMBED, FILTERS, SCORE, file_hashes, play, plugin, query, rows

from insgen.errors import ConfigError, StoreError
from insgen.loop.comparing import compare, measure
from insgen.loop.trials import Trial, choose
from insgen.report import metrics

TOML = "[loop]\nbatch = 15\n" + DATA + EMBED + FILTERS + SCORE


def select(name: str, size: int = 10) -> str:
    return f'[select]\nuse = "{name}"\nsize = {size}\n'


@pytest.fixture
def played(make_project: Callable[..., Path]) -> Path:
    project = make_project(TOML + select("pibe"), {"data.jsonl": rows(60)})
    play(project)
    return project


def trial(project: Path, selector: str, *, arrivals: bool, size: int = 10) -> Trial:
    (model,) = query(project, "SELECT model FROM bank_versions ORDER BY version DESC LIMIT 1")[0]
    (last,) = query(project, "SELECT max(round) FROM rounds")[0]
    return Trial(project, selector, size, model, last, arrivals, project.parent / "scratch")


def kept_ids(project: Path) -> list[str]:
    return [row[0] for row in query(project, "SELECT candidate_id FROM kept WHERE quality IS NOT NULL ORDER BY id")]


@pytest.mark.parametrize("selector", ["pibe", "random", "quality", "k_center"])
def test_replaying_arrivals_gives_the_bank_that_the_run_made(make_project: Callable[..., Path], selector: str) -> None:
    project = make_project(TOML + select(selector), {"data.jsonl": rows(60)})
    play(project)

    choice = choose(trial(project, selector, arrivals=True))

    bank = [row[0] for row in query(project, "SELECT candidate_id FROM members ORDER BY rank")]
    assert [kept_ids(project)[row] for row in choice.rows] == bank


def test_all_at_once_is_one_ranking_of_everything_kept(played: Path) -> None:
    choice = choose(trial(played, "quality", arrivals=False, size=7))

    best = query(played, "SELECT candidate_id FROM kept WHERE quality IS NOT NULL ORDER BY quality DESC, id LIMIT 7")
    assert [kept_ids(played)[row] for row in choice.rows] == [row[0] for row in best]


def test_every_size_and_selector_has_its_row_with_the_figures_of_its_choice(played: Path) -> None:
    before = file_hashes(played)
    begun: list[str] = []

    found = compare(played, ["quality", "k_center:start=medoid"], [8, 4], clusters=5, advance=begun.append)

    assert file_hashes(played) == before
    assert [(row["size"], row["selector"]) for row in found.rows] == [
        *((4, "quality"), (4, "k_center:start=medoid"), (8, "quality"), (8, "k_center:start=medoid")),
    ]
    assert [each.split(" (")[0] for each in begun][:2] == ["quality, size 4", "k_center:start=medoid, size 4"]
    (model,) = query(played, "SELECT DISTINCT model FROM bank_versions")[0]
    counts = {"candidates": len(kept_ids(played)), "rounds": 4, "left_out": 0, "clusters": 5}
    assert found.pool == counts | {"model": model, "arrivals": False}
    best = query(played, "SELECT avg(quality) FROM (SELECT quality FROM kept ORDER BY quality DESC LIMIT 4)")
    assert found.rows[0]["quality"] == pytest.approx(best[0][0])
    for row in found.rows:
        assert (row["chosen"], row["error"]) == (row["size"], None)
        assert 0 < row["pool_mb"] <= row["peak_mb"]
        assert row["seconds"] > 0
    for table, start in zip(found.shared, (0, 2), strict=True):
        assert table["selectors"] == ["quality", "k_center:start=medoid"]
        assert table["shares"] == [[1.0, found.rows[start + 1]["shared"]], [found.rows[start + 1]["shared"], 1.0]]


def test_selector_that_fails_or_dies_is_told_and_the_others_are_measured(played: Path) -> None:
    body = """
deadly: bool = False
def select(self, pool, size, bank, rng, state):
    import os
    if self.deadly:
        os._exit(9)
    raise StageError("No luck.")
"""
    (played / "mine.py").write_text(plugin(body, "insgen_selectors"))
    (played / "insgen.toml").write_text('plugins = ["mine.py"]\n' + TOML + select("quality"))

    found = compare(played, ["rogue", "rogue:deadly=true", "quality"], [])

    errors = [row["error"] for row in found.rows]
    assert errors[0] == "No luck."
    assert errors[1].startswith('The selector "rogue:deadly=true" was killed while it chose 10.\n  Expected a choice')
    assert errors[2] is None
    assert [row["chosen"] for row in found.rows] == [0, 0, 10]
    assert [row["shared"] for row in found.rows] == [None, None, None]
    assert found.shared == [{"size": 10, "selectors": ["quality"], "shares": [[1.0]]}]


def test_the_trial_s_bank_is_what_the_selector_sees(played: Path) -> None:
    body = """
def select(self, pool, size, bank, rng, state):
    seen = [member.candidate.id for member in bank.members()]
    assert seen == [each.id for each in pool.candidates[:pool.n_members]]
    assert (len(bank), bank.version) == (pool.n_members, int(state or 0))
    if seen:
        assert bank.nearest(pool.vectors[0])[0].similarity > 0.999
    ranking = tuple(Ranked(each.id, 0.0, 0.0, 0.0) for each in pool.candidates[-size:])
    return Selection(ranking, str(bank.version + 1))
"""
    (played / "mine.py").write_text(plugin(body, "insgen_selectors"))
    (played / "insgen.toml").write_text('plugins = ["mine.py"]\n' + TOML + select("quality"))

    choice = choose(trial(played, "rogue", arrivals=True, size=3))
    assert [kept_ids(played)[row] for row in choice.rows] == kept_ids(played)[-3:]


def test_own_selector_starts_from_the_options_in_the_config(make_project: Callable[..., Path]) -> None:
    project = make_project(TOML + select("k_center") + 'start = "medoid"\n', {"data.jsonl": rows(60)})
    play(project)

    own, set_back = (choose(trial(project, each, arrivals=False)) for each in ("k_center", "k_center:start=quality"))

    bank = [row[0] for row in query(project, "SELECT candidate_id FROM members ORDER BY rank")]
    assert set(bank) <= set(kept_ids(project))
    assert own.rows != set_back.rows
    assert own.rows == choose(trial(project, "k_center:start=medoid", arrivals=False)).rows


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ("qualty", 'No selector is called "qualty". Did you mean "quality"'),
        ("pibe:engin=nn", 'selector pibe:engin=nn: there is no key "engin". Did you mean "engine"'),
        ("pibe:engine", '"engine" is no option'),
    ],
)
def test_what_cannot_be_tried_is_refused_before_anything_is_tried(played: Path, selector: str, message: str) -> None:
    begun: list[str] = []
    with pytest.raises(ConfigError, match=message):
        compare(played, ["quality", selector], [], advance=begun.append)
    assert begun == []


def test_project_without_candidates_cannot_be_compared(make_project: Callable[..., Path]) -> None:
    project = make_project(EMBED + select("quality"))
    with pytest.raises(StoreError, match="There is no database"):
        compare(project, [], [])
    play(project)
    with pytest.raises(ConfigError, match=r"Nothing was kept and scored in this project yet\.\n  Expected candidates"):
        compare(project, [], [])


def test_figures_are_those_of_the_chosen_rows() -> None:
    pool = pool_of(random_tasks(80, seed=3))
    labels = np.arange(80) % 4
    chosen = [5, 1, 9, 40, 12]

    found = measure(pool, labels, 4, chosen)

    distance = metrics.nearest_distance(pool.vectors, pool.vectors[chosen])
    assert found["quality"] == pytest.approx(np.mean([pool.candidates[row].quality for row in chosen]))
    assert (found["coverage"], found["radius"]) == (pytest.approx(distance.mean()), pytest.approx(distance.max()))
    assert found["spacing_p10"] <= found["spacing_median"]  # type: ignore[operator]  # five rows have both
    assert 1 <= found["vendi"] <= 5  # type: ignore[operator]  # likewise
    assert found["evenness"] == pytest.approx(metrics.share_entropy(np.array([1, 1, 1, 0, 0]), 4))


def test_one_chosen_row_has_no_spacing() -> None:
    pool = pool_of(random_tasks(6, seed=3))
    found = measure(pool, np.zeros(6, dtype=np.int64), 1, [2])
    assert (found["spacing_median"], found["spacing_p10"], found["evenness"]) == (None, None, None)
    assert found["vendi"] == pytest.approx(1)
