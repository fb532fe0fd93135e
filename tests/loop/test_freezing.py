"""What a project needs is written down, read back, and compared by `insgen check`."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
from support.cli import insgen
from support.projects import DATA, PLAIN, plugin, rows

from insgen.errors import ConfigError
from insgen.loop.freezing import differences, read_needs, write_needs

KEEP = "def filter(self, candidates, bank):\n    return [Verdict(c.id, True) for c in candidates]"


@pytest.fixture
def project(make_project: Callable[..., Path]) -> Path:
    toml = 'plugins = ["mine.py"]\n' + DATA + PLAIN + '[[filter]]\nuse = "rogue"\n'
    return make_project(toml, {"mine.py": plugin(KEEP, "insgen_filters"), "data.jsonl": rows(4)})


def test_distributions_and_files_are_written_as_pip_takes_them(project: Path) -> None:
    told = insgen("plugins", "freeze", project, "--json").json()
    lines = (project / "plugins.txt").read_text().splitlines()
    assert f"insgen=={version('insgen')}" in lines
    assert f"# file mine.py {told['needs']['mine.py']}" in lines
    assert read_needs(project / "plugins.txt") == told["needs"]


def test_check_says_what_is_not_as_it_was_frozen(project: Path) -> None:
    insgen("plugins", "freeze", project)
    assert "as frozen" in insgen("check", project).stdout
    (project / "mine.py").write_text(plugin(KEEP + "\n# newer", "insgen_filters"))
    done = insgen("check", project)
    assert done.code == 1
    assert "PROBLEM  plugins: mine.py is b2:" in done.stdout
    assert ", frozen as b2:" in done.stdout
    assert "`insgen plugins freeze` takes what is there now" in done.stdout


def test_without_a_frozen_list_check_compares_with_the_last_run(project: Path) -> None:
    assert insgen("run", project, "--quiet").code == 0
    (project / "mine.py").write_text(plugin(KEEP + "\n# newer", "insgen_filters"))
    done = insgen("check", project)
    assert done.code == 0
    assert "filter rogue changed from b2:" in done.stdout


def test_what_came_and_went_is_told() -> None:
    assert differences({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "9", "d": "4"}) == [
        "b is 9, frozen as 2",
        "c was frozen, and is not used",
        "d 4 is used, and was not frozen",
    ]


def test_a_list_survives_writing_and_reading_and_a_broken_one_is_refused(tmp_path: Path) -> None:
    path, found = tmp_path / "plugins.txt", {"./a b.py": "b2:00", "insgen-x": "1.0+local"}
    write_needs(path, found)
    assert read_needs(path) == found
    path.write_text("insgen>=1\n")
    with pytest.raises(ConfigError, match="line 1"):
        read_needs(path)
