"""`insgen compare` as a user calls it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from support.cli import Result
from support.projects import file_hashes, plugin

Cli = Callable[..., Result]


def test_one_row_per_selector_and_size_and_nothing_changes(cli: Cli, project: Path) -> None:
    before = file_hashes(project)

    done = cli("compare", project, "-s", "k_center", "-s", "random", "--size", 5, "--clusters", 4)

    lines = done.stdout.splitlines()
    assert done.code == 0
    assert lines[0].endswith("all at once; 4 clusters.")
    assert lines[1].split()[:4] == ["selector", "size", "chosen", "quality"]
    assert [line.split()[:3] for line in lines[3:]] == [["k_center", "5", "5"], ["random", "5", "5"]]
    assert done.stderr.splitlines() == ["k_center, size 5 (1 of 2)", "random, size 5 (2 of 2)"]
    assert file_hashes(project) == before


def test_without_names_every_selector_is_tried_the_project_s_own_first(cli: Cli, project: Path) -> None:
    offered = {row["name"] for row in cli("plugins", "list", "--json").json()["offers"] if row["kind"] == "selector"}

    done = cli("compare", project, "--arrivals", "-q", "--json")

    assert (done.code, done.stderr) == (0, "")
    rows = done.json()["rows"]
    assert rows[0]["selector"] == "k_center"
    assert {row["selector"] for row in rows} == offered - {"raise"}  # which has to be told of a policy
    assert {row["size"] for row in rows} == {10}


def test_a_selector_that_fails_is_told_after_the_others(cli: Cli, project: Path) -> None:
    body = 'def select(self, pool, size, bank, rng, state):\n    raise StageError("No luck.")\n'
    (project / "mine.py").write_text(plugin(body, "insgen_selectors"))
    config = project / "insgen.toml"
    config.write_text('plugins = ["mine.py"]\n' + config.read_text())

    done = cli("compare", project, "-s", "rogue", "-s", "quality", "-q")

    assert done.code == 1
    assert done.stderr == "rogue, size 10: No luck.\n"
    assert [line.split()[:4] for line in done.stdout.splitlines()[3:]] == [
        ["rogue", "10", "0", "-"],
        ["quality", "10", "10", done.stdout.splitlines()[4].split()[3]],
    ]


def test_a_selector_that_works_in_rounds_is_filled_and_the_output_says_so(cli: Cli, project: Path) -> None:
    done = cli("compare", project, "-s", "diverseevol:first=2,step=2", "-s", "quality", "--size", 5, "-q")

    lines = done.stdout.splitlines()
    assert [line.split()[:3] for line in lines[3:5]] == [
        ["diverseevol:first=2,step=2", "5", "5"],
        ["quality", "5", "5"],
    ]
    assert lines[5:] == [
        "diverseevol:first=2,step=2, size 5: chose in 3 rounds, each time more; no model was trained between them."
    ]


def test_unknown_selector_is_a_usage_error(cli: Cli, project: Path) -> None:
    done = cli("compare", project, "-s", "k_centre")

    assert (done.code, done.stdout) == (2, "")
    assert 'No selector is called "k_centre". Did you mean "k_center"?' in done.stderr
