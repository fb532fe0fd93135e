"""The record of every plugin in a run: time, calls, cost, what it kept, how often it failed; and other versions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.cli import insgen
from support.projects import DATA, EMBED, FILTERS, SCORE, SELECT, play, plugin, query, rows

from insgen.store import blame
from insgen.store.database import open_reader

TOML = "[loop]\nbatch = 15\n" + DATA + EMBED + FILTERS + SCORE + SELECT
KEEP = "def filter(self, candidates, bank):\n    return [Verdict(c.id, True) for c in candidates]"


def record(project: Path, run_id: int = 1) -> dict[str, dict[str, Any]]:
    found = blame.plugins_of(open_reader(project / "insgen.db"), run_id)
    return {f"{row['kind']} {row['name']}": row for row in found}


def test_every_stage_of_a_run_has_a_record_that_agrees_with_the_rounds(make_project: Callable[..., Path]) -> None:
    project = make_project(TOML, {"data.jsonl": rows(40)})
    play(project)
    found = record(project)
    ((proposed, repeated, rejected, kept),) = query(
        project, "SELECT sum(proposed), sum(repeated), sum(rejected), sum(kept) FROM rounds"
    )
    generator, first = found["generator dataset"], found["filter length"]
    assert (generator["given"], generator["kept"], generator["rejected"]) == (proposed, kept, rejected)
    assert first["given"] == proposed - repeated
    filters = [row for row in found.values() if row["kind"] == "filter"]
    assert sum(row["rejected"] for row in filters) == rejected
    assert all(row["given"] == row["kept"] + row["rejected"] for row in filters)
    assert found["scorer heuristic"]["kept"] == kept
    assert all(row["duration_ms"] > 0 and row["calls"] > 0 for row in found.values())
    assert {row["distribution"] for row in found.values()} == {"insgen"}
    assert found["selector quality"]["given"] is None


def test_a_run_counts_its_own_work_only(make_project: Callable[..., Path]) -> None:
    project = make_project(TOML, {"data.jsonl": rows(40)})
    play(project, rounds=1)
    play(project)
    one, two = record(project, 1), record(project, 2)
    assert one["filter length"]["given"] == 15
    assert one["generator dataset"]["given"] + two["generator dataset"]["given"] == 40


def test_failures_are_counted_with_the_plugin_that_failed(make_project: Callable[..., Path]) -> None:
    files = {"mine.py": plugin("def filter(self, candidates, bank):\n    return 1 / 0", "insgen_filters")}
    toml = TOML.replace("[loop]\n", '[loop]\non_error = "skip"\n')
    project = make_project(
        'plugins = ["mine.py"]\n' + toml + '[[filter]]\nuse = "rogue"\n', files | {"data.jsonl": rows(30)}
    )
    play(project)
    found = record(project)
    assert found["filter rogue"]["errors"] == found["filter rogue"]["calls"] == 2
    assert found["filter length"]["errors"] == 0


def test_every_fact_names_the_version_that_made_it(make_project: Callable[..., Path]) -> None:
    project = make_project(TOML, {"data.jsonl": rows(20)})
    play(project)
    own = insgen("--version").stdout.split()[-1]
    for table in ("proposals", "verdicts", "scores"):
        assert query(project, f"SELECT DISTINCT version FROM {table}") == [(own,)]


def test_a_run_with_another_version_of_a_plugin_says_so_once(make_project: Callable[..., Path]) -> None:
    files = {"mine.py": plugin(KEEP, "insgen_filters"), "data.jsonl": rows(40)}
    project = make_project('plugins = ["mine.py"]\n' + TOML + '[[filter]]\nuse = "rogue"\n', files)
    assert play(project, rounds=1).warnings == []
    was = record(project)["filter rogue"]["version"]
    (project / "mine.py").write_text(plugin(KEEP + "\n# newer", "insgen_filters"))
    (warning,) = play(project, rounds=1).warnings
    now = record(project, 2)["filter rogue"]["version"]
    assert warning.startswith(f"filter rogue changed from {was} to {now} since the run before")
    assert play(project).warnings == []
