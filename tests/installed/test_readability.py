"""A good package: installed by pip, found through its entry point, written against the public face alone."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.cli import insgen
from support.projects import DATA, PLAIN, query

PAGE = """# Cats

## Feed the cat

1. Fill the bowl with dry food.
2. Put fresh water beside it.
3. Call the cat and wait until it comes.

A bowl is a round dish from which the cat eats its food. Wash the bowl with warm water every day.
"""


def test_nothing_is_taken_from_a_checkout() -> None:
    import insgen as core

    assert not (Path(core.__file__).parents[1] / "tests").exists()
    assert [each for each in sys.path if (Path(each) / "tox.ini").exists()] == []


def test_it_uses_the_public_face_alone() -> None:
    module = pytest.importorskip("insgen_readability")
    import insgen as core

    tree = ast.parse(Path(module.__file__ or "").read_text(encoding="utf-8"))
    froms = [each for each in ast.walk(tree) if isinstance(each, ast.ImportFrom)]
    ours = [each for each in froms if (each.module or "").split(".")[0] == "insgen"]
    assert [each.module for each in ours] == ["insgen"]
    assert {name.name for name in ours[0].names} <= set(core.__all__)


def test_its_scorer_works_in_a_run_and_leaves_its_version_with_every_score(project: Callable[[str], Path]) -> None:
    folder = project(DATA + PLAIN + '[[score]]\nuse = "readability"\nmin_words = 5\n')
    done = insgen("run", folder, "--quiet", "--json")
    assert (done.code, done.json()["kept"]) == (0, 6)
    assert query(folder, "SELECT DISTINCT scorer, version, low, high FROM scores") == [("readability", "1.4.0", 0, 100)]
    assert query(folder, "SELECT plugin, distribution, version FROM work WHERE kind = 'scorer'") == [
        ("insgen_readability", "insgen-readability", "1.4.0")
    ]


def test_its_recipe_makes_a_project_that_runs(tmp_path: Path) -> None:
    assert insgen("init", tmp_path / "easy", "--recipe", "readable").code == 0
    (tmp_path / "easy" / "docs").mkdir(exist_ok=True)
    (tmp_path / "easy" / "docs" / "cats.md").write_text(PAGE)
    done = insgen("run", tmp_path / "easy", "--quiet", "--json")
    assert done.code == 0, done.stderr
    assert done.json()["members"] > 0


def test_its_command_stands_beside_the_others() -> None:
    assert "readability " in insgen("--help").stdout
    assert insgen("readability", "The cat sat on the mat.").stdout == "100.0\n"


def test_its_promises_are_kept_without_a_line_of_test_code() -> None:
    done = insgen("plugins", "test", "insgen_readability")
    assert done.code == 0, done.stdout
    assert "all kept." in done.stdout


def test_it_is_shown_with_distribution_and_options() -> None:
    shown = insgen("plugins", "show", "readability").stdout
    assert "scorer readability  (offered by insgen_readability, insgen-readability 1.4.0)" in shown
    assert "min_words: whole number, default 3" in shown


def test_its_needs_can_be_frozen_and_compared(project: Callable[[str], Path]) -> None:
    folder = project(DATA + PLAIN + '[[score]]\nuse = "readability"\n')
    assert insgen("plugins", "freeze", folder).code == 0
    frozen = (folder / "plugins.txt").read_text()
    assert "\ninsgen-readability==1.4.0\n" in frozen
    (folder / "plugins.txt").write_text(frozen.replace("1.4.0", "1.3.0"))
    done = insgen("check", folder)
    assert done.code == 1
    assert "insgen-readability is 1.4.0, frozen as 1.3.0" in done.stdout
