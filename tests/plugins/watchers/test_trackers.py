"""The trackers' own libraries write a run to a local folder; nothing leaves the machine."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from support.cli import insgen
from support.projects import DATA, EMBED, FILTERS, SCORE, SELECT, play, query, rows

from insgen.errors import StageError
from insgen.plugins.watchers._figures import figures, flat

TOML = 'plugins = ["insgen.plugins.watchers.{}"]\n[project]\nname = "tracked"\n[loop]\nbatch = 15\n'
STAGES = DATA + EMBED + FILTERS + SCORE + SELECT


@pytest.fixture
def tracked(make_project: Callable[..., Path]) -> Callable[[str], Path]:
    """A project of two rounds whose config names a tracker."""
    return lambda tracker: make_project(TOML.format(tracker) + STAGES, {"data.jsonl": rows(30)})


def of_rounds(project: Path, column: str) -> list[float]:
    return [float(row[0]) for row in query(project, f"SELECT {column} FROM rounds ORDER BY round")]


def test_trackio_keeps_every_round(tracked: Callable[[str], Path], tmp_path: Path) -> None:
    pytest.importorskip("trackio")
    project, env = tracked("trackio"), {"TRACKIO_DIR": str(tmp_path / "trackio")}  # read when it is imported
    done = insgen("run", project, "--quiet", "--json", env=env)
    assert done.json()["rounds"] == 2
    with closing(sqlite3.connect(tmp_path / "trackio" / "tracked.db")) as conn:
        logged = [json.loads(row[0]) for row in conn.execute("SELECT metrics FROM metrics ORDER BY step")]
        ((name, config),) = conn.execute("SELECT run_name, config FROM configs").fetchall()
    assert (name, json.loads(config)["loop.batch"]) == ("run-1", "15")
    assert [row["round/kept"] for row in logged] == of_rounds(project, "kept")
    assert [row["bank/members"] for row in logged] == of_rounds(project, "members")


def test_mlflow_keeps_every_round(
    tracked: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # its other local store needs SQLAlchemy
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlruns").as_uri())
    project = tracked("mlflow")
    result = play(project)
    client = mlflow.MlflowClient()
    (run,) = client.search_runs([client.get_experiment_by_name("tracked").experiment_id])
    assert (run.info.run_name, run.info.status) == ("run-1", "FINISHED")
    assert run.data.params["loop.batch"] == "15"
    assert run.data.tags["stopped because"] == result.reason
    kept = sorted(client.get_metric_history(run.info.run_id, "round/kept"), key=lambda each: each.step)
    assert [each.value for each in kept] == of_rounds(project, "kept")


@pytest.mark.parametrize("tracker", ["trackio", "mlflow"])
def test_without_its_library_a_run_does_not_begin_and_says_what_to_install(
    tracked: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, tracker: str
) -> None:
    monkeypatch.setitem(sys.modules, tracker, None)
    project = tracked(tracker)
    with pytest.raises(StageError, match=rf'pip install "insgen\[{tracker}\]"'):
        play(project)
    assert query(project, "SELECT count(*) FROM rounds") == [(0,)]


def test_what_is_not_known_is_left_out() -> None:
    counts = dict.fromkeys(
        ("proposed", "repeated", "unreadable", "rejected", "unanswered", "unscored", "kept", "deferred"), 0
    )
    rest = {"members": 0, "admitted": 0, "evicted": 0, "mean_quality": None, "llm_calls": 0, "cost_usd": 0.0}
    made = figures({**counts, **rest, "duration_ms": 1500, "trend": {"round": 1, "novelty": 0.5, "entropy": None}})
    assert made["round/seconds"] == 1.5
    assert made["trend/novelty"] == 0.5
    assert {"bank/mean_quality", "round/yield", "trend/entropy", "trend/round"}.isdisjoint(made)


def test_a_config_becomes_flat_keys() -> None:
    tables = {"loop": {"batch": 5}, "filter": [{"use": "length"}, {"use": "rouge", "limit": 0.6}], "plugins": ["a"]}
    assert flat(tables) == {
        "loop.batch": "5",
        "filter.1.length": "",
        "filter.2.rouge.limit": "0.6",
        "plugins": "['a']",
    }
