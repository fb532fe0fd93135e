"""`insgen embed`: what is there, the migration, and every command that refuses two models in one ranking."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.cli import Result
from support.projects import file_hashes

Cli = Callable[..., Result]


@pytest.fixture
def changed(project: Path) -> Path:
    """A project whose config names another model than its bank was ranked with."""
    config = project / "insgen.toml"
    config.write_text(config.read_text().replace("dimension = 64", "dimension = 96"))
    return project


def test_models_and_their_vectors_are_shown(cli: Cli, played: Path, changed: Path) -> None:
    same, other = (cli("embed", each, "--json").json() for each in (played, changed))

    assert same["config"] == same["bank"] == other["bank"] != other["config"]
    assert (same["migrate"], other["migrate"]) == (False, True)
    assert list(other["vectors"]) == [other["bank"]]
    assert "They differ: `insgen embed" in cli("embed", changed).stdout
    assert "They differ" not in cli("embed", played).stdout


def test_migration_tells_who_moved(cli: Cli, changed: Path) -> None:
    done = cli("embed", changed, "--migrate", "--top", 2)

    assert done.code == 0
    assert "embed anew: " in done.stderr
    assert "Rank correlation (Spearman) with version 2: " in done.stdout
    assert len(done.stdout.split("Who moved most:")[1].splitlines()) == 5
    assert cli("bank", "log", "-p", changed, "--json").json()[0]["action"] == "migrate"
    assert "Nothing is to be done." in cli("embed", changed, "--migrate").stdout
    assert cli("run", changed, "-q").code == 0


@pytest.mark.parametrize("command", [("run",), ("check",), ("preview", "-q")])
def test_commands_that_rank_refuse_another_model(cli: Cli, changed: Path, command: tuple[str, ...]) -> None:
    done = cli(*command, changed)

    assert done.code != 0
    assert "`insgen embed --migrate`" in done.stdout + done.stderr


def test_merge_refuses_another_model_on_either_side(cli: Cli, changed: Path, played: Path) -> None:
    before = file_hashes(played)

    assert "`insgen embed --migrate`" in cli("bank", "merge", played, "-p", changed).stderr
    assert cli("embed", changed, "--migrate", "-q").code == 0
    refused = cli("bank", "merge", played, "-p", changed)
    assert (refused.code, refused.stdout) == (2, "")
    assert "call `insgen embed --migrate` there" in refused.stderr
    assert file_hashes(played) == before


def test_export_tells_the_model_of_the_ranking_not_of_the_config(cli: Cli, changed: Path, tmp_path: Path) -> None:
    assert cli("export", tmp_path / "out.jsonl", "-p", changed).code == 0
    assert "hashing-v1:64" in (tmp_path / "out.jsonl.README.md").read_text()


def test_replay_under_another_model_ranks_with_that_one_alone(cli: Cli, changed: Path) -> None:
    assert cli("replay", changed, "-q", "--json").json()["new"]["members"] == 10


def test_rollback_over_a_migration_says_which_model_it_needs(cli: Cli, changed: Path) -> None:
    cli("embed", changed, "--migrate", "-q")
    done = cli("bank", "rollback", 2, "-p", changed)

    assert "was ranked with the embedding model hashing:hashing-v1:64" in done.stdout
    assert "`insgen embed --migrate`" in cli("run", changed, "-q").stderr


def test_kept_without_migrate_is_a_usage_error(cli: Cli, played: Path) -> None:
    assert cli("embed", played, "--kept").code == 2
