from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from support.cli import Result, insgen
from support.projects import PLAIN, count, query

Cli = Callable[..., Result]

INTERRUPTING = '''
from __future__ import annotations
import os, signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from insgen import *

@dataclass(frozen=True)
class Stubborn:
    """Keeps everything; once, in the second round, somebody presses Ctrl-C."""
    name: ClassVar[str] = "stubborn"
    needs_vectors: ClassVar[bool] = False

    def filter(self, candidates: Sequence[Candidate], bank: BankView) -> Sequence[Verdict]:
        finger = Path(__file__).with_name("finger")
        if len(bank) and finger.exists():
            finger.unlink()
            os.kill(os.getpid(), signal.SIGINT)
        return [Verdict(candidate.id, True) for candidate in candidates]

@hookimpl
def insgen_filters():
    return [Stubborn]
'''


RECIPE = """
from insgen import Recipe, hookimpl

@hookimpl
def insgen_recipes():
    return [
        Recipe("mine", "the best alone", TOML, "insgen"),
        Recipe("broken", "cut off", "[select", "insgen"),
    ]

TOML = '''
recipe = "mine"

[project]
name = "the recipe's"

[[generate]]
use = "dataset"
paths = ["data.jsonl"]

[embed]
use = "hashing"

[select]
use = "quality"
size = 4

[[score]]
use = "heuristic"
'''
"""


def fresh(played: Path, folder: Path) -> Path:
    """The played project before its run."""
    return Path(shutil.copytree(played, folder, ignore=shutil.ignore_patterns("insgen.db*", "*.lock")))


def test_data_goes_to_stdout_and_progress_to_stderr(played: Path, tmp_path: Path) -> None:
    project = fresh(played, tmp_path / "p")

    done = insgen("run", project)

    assert done.code == 0
    assert done.stdout.startswith("Stopped because every source is used up.\n2 rounds: 59 candidates proposed, ")
    assert "round 1: proposed 40" in done.stderr
    assert "round 1" not in done.stdout
    assert "\x1b" not in done.stdout + done.stderr


def test_a_recipe_stands_in_for_the_stages_of_the_config(cli: Cli, played: Path, tmp_path: Path) -> None:
    project = fresh(played, tmp_path / "p")
    config = project / "insgen.toml"
    config.write_text('plugins = ["mine.py"]\n[project]\nname = "ours"\n' + config.read_text())
    (project / "mine.py").write_text(RECIPE)
    before = config.read_text()

    done = cli("run", project, "--recipe", "mine", "--rounds", 1, "--set", "select.size=3")
    again = cli("run", project, "--recipe", "mine", "--set", "select.size=3")

    assert (done.code, again.code) == (0, 0), done.stderr + again.stderr
    assert count(project, "members") == 3
    assert query(project, "SELECT DISTINCT selector FROM bank_versions") == [("quality",)]
    assert query(project, "SELECT count(*) FROM verdicts") == [(0,)]
    assert query(project, "SELECT DISTINCT json_extract(config, '$.project.name') FROM runs") == [("ours",)]
    assert config.read_text() == before
    assert "The recipe is not valid TOML" in cli("run", project, "--recipe", "broken").stderr
    assert 'Did you mean "mine"?' in cli("run", project, "--recipe", "mines", "--dry-run").stderr


def test_json_of_a_run_agrees_with_the_database(cli: Cli, played: Path, tmp_path: Path) -> None:
    project = fresh(played, tmp_path / "p")

    told = cli("run", project, "--json", "--quiet")

    found = told.json()
    assert told.stderr == ""
    assert found["members"] == count(project, "members") == 10
    assert (
        found["rejected"]
        == sum(found["rejected_by"].values())
        == query(project, "SELECT count(*) FROM verdicts WHERE NOT kept")[0][0]
    )
    assert found["reason"] == "every source is used up"


def test_quiet_run_prints_nothing_on_stderr(cli: Cli, played: Path, tmp_path: Path) -> None:
    done = cli("run", fresh(played, tmp_path / "p"), "-q")

    assert (done.code, done.stderr) == (0, "")


def test_rounds_of_one_call_are_limited_and_the_next_goes_on(cli: Cli, played: Path, tmp_path: Path) -> None:
    project = fresh(played, tmp_path / "p")

    assert "Stopped because the 1 rounds asked for are played." in cli("run", project, "--rounds", 1).stdout
    assert "every source is used up" in cli("run", project).stdout
    assert "there was nothing new to judge" in cli("run", project).stdout
    assert count(project, "rounds") == 2


def test_setting_of_one_call_is_not_written_to_the_config(cli: Cli, played: Path, tmp_path: Path) -> None:
    project = fresh(played, tmp_path / "p")
    before = (project / "insgen.toml").read_text()

    assert cli("run", project, "--set", "select.size=3").code == 0
    assert count(project, "members") == 3
    assert (project / "insgen.toml").read_text() == before


def test_config_file_may_be_named_instead_of_its_folder(cli: Cli, played: Path) -> None:
    assert cli("status", played / "insgen.toml").stdout.startswith("Run 1, begun ")


def test_interrupted_run_says_so_and_the_next_ends_with_the_same_bank(played: Path, tmp_path: Path) -> None:
    plugin = 'plugins = ["./stubborn.py"]\n'
    use = '[[filter]]\nuse = "stubborn"\n'
    banks = []
    for name in ("calm", "interrupted"):
        project = fresh(played, tmp_path / name)
        (project / "insgen.toml").write_text(plugin + (project / "insgen.toml").read_text() + use)
        (project / "stubborn.py").write_text(INTERRUPTING)
        if name == "interrupted":
            (project / "finger").touch()
            stopped = insgen("run", project)
            assert (stopped.code, stopped.stdout) == (130, "")
            assert stopped.stderr.strip().endswith("call the command again to go on.")
            assert "Traceback" not in stopped.stderr
            assert query(project, "SELECT reason FROM runs") == [("it was interrupted",)]
            assert count(project, "rounds") == 1
        assert insgen("run", project, "-q").code == 0
        banks.append(insgen("bank", "list", "-p", project, "--json").json())
    assert banks[0] == banks[1]
    assert len(banks[0]) == 10


def test_project_without_data_says_where_it_comes_from(cli: Cli, make_project: Callable[..., Path]) -> None:
    project = make_project(PLAIN)

    done = cli("run", project)

    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.startswith("Stopped because there was nothing new to judge. The bank holds 0 members.\n")
    assert f"insgen add FILE -p {project}" in done.stdout
