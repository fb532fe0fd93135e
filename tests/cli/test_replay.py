from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from support.cli import Result
from support.projects import file_hashes, play

Cli = Callable[..., Result]


def test_same_settings_give_the_same_bank(cli: Cli, project: Path) -> None:
    found = cli("replay", project, "-q", "--json").json()

    assert found["old"] == found["new"]
    assert (found["shared"], found["gained"], found["lost"]) == (10, [], [])


def test_other_settings_are_shown_beside_the_old_and_change_nothing(cli: Cli, project: Path) -> None:
    before = file_hashes(project)

    done = cli("replay", project, "--set", "select.size=4", "--set", "filter.near_duplicate.limit=0.6", "-q")

    assert (done.code, done.stderr) == (0, "")
    names = {line.split("  ")[0]: line.split()[-2:] for line in done.stdout.splitlines()}
    assert names["members"] == ["10", "4"]
    assert int(names["kept"][0]) > int(names["kept"][1])
    assert f"lost: {10 - int(names['members in both'][1])} members" in done.stdout
    assert file_hashes(project) == before


def test_replay_is_what_a_run_with_these_settings_would_have_made(cli: Cli, project: Path, tmp_path: Path) -> None:
    found = cli("replay", project, "--set", "select.size=4", "-q", "--json").json()

    other = tmp_path / "other"
    other.mkdir()
    for name in ("insgen.toml", "data.jsonl"):
        (other / name).write_bytes((project / name).read_bytes())
    play(other, "select.size=4")
    bank = cli("bank", "list", "-p", other, "--json").json()
    old = {row["id"] for row in cli("bank", "list", "-p", project, "--json").json()}
    assert found["new"]["members"] == len(bank) == 4
    assert [row["id"] for row in found["gained"]] == [row["id"] for row in bank if row["id"] not in old]


def test_setting_that_names_nothing_is_a_usage_error(cli: Cli, project: Path) -> None:
    done = cli("replay", project, "--set", "filter.rouge.limit=0.5")

    assert (done.code, done.stdout) == (2, "")
    assert "the config has no [[filter]] rouge" in done.stderr
    assert "It has: length, exact_duplicate, near_duplicate." in done.stderr
