from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.cli import Result

from insgen.config.load import load_config

Cli = Callable[..., Result]


@pytest.mark.parametrize("recipe", ["documents", "pibe"])
def test_project_is_made_from_a_recipe(cli: Cli, tmp_path: Path, recipe: str) -> None:
    done = cli("init", tmp_path / "new" / "one", "--recipe", recipe)

    assert (done.code, done.stderr) == (0, "")
    assert load_config(tmp_path / "new" / "one")[0].recipe == recipe
    assert (tmp_path / "new" / "one" / "docs").is_dir()
    assert (tmp_path / "new" / "one" / "seeds.jsonl").read_text() == ""


def test_next_steps_are_named(cli: Cli, tmp_path: Path) -> None:
    done = cli("init", tmp_path / "p")

    assert f"insgen run {tmp_path / 'p'}" in done.stdout
    assert str(tmp_path / "p" / "docs") in done.stdout


def test_existing_project_is_left_alone(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "insgen.toml").write_text("# mine\n")

    done = cli("init", tmp_path)

    assert (done.code, done.stdout) == (2, "")
    assert "exists already" in done.stderr
    assert (tmp_path / "insgen.toml").read_text() == "# mine\n"
    assert [each.name for each in tmp_path.iterdir()] == ["insgen.toml"]


def test_files_that_are_there_are_kept(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "seeds.jsonl").write_text('{"instruction": "Mine."}\n')

    assert cli("init", tmp_path).code == 0
    assert (tmp_path / "seeds.jsonl").read_text() == '{"instruction": "Mine."}\n'


def test_unknown_recipe_is_answered_with_a_suggestion(cli: Cli, tmp_path: Path) -> None:
    done = cli("init", tmp_path / "p", "--recipe", "document")

    assert done.code == 2
    assert 'Did you mean "documents"?' in done.stderr
    assert "`insgen recipes list` shows" in done.stderr
    assert not (tmp_path / "p").exists()


def test_folder_in_the_way_of_a_file_is_an_error_without_a_traceback(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    done = cli("init", tmp_path / "file" / "below")

    assert done.code == 2
    assert done.stderr.startswith("Error: Cannot make a project")
