"""What stages tell the log while a run works: lines of its progress, and nothing where none is wanted."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.models import answered_rows, save_model
from support.projects import DATA, EMBED

from insgen.cli.progress import heard

if TYPE_CHECKING:
    from support.cli import Result

Cli = Callable[..., "Result"]
PIBE = "[loop]\nbatch = 10\n" + DATA + EMBED + '[select]\nuse = "pibe"\nsize = 8\n'
RAISE = DATA + EMBED + '[select]\nuse = "raise"\nsize = 8\nlearn_in = "raise"\ndevice = "cpu"\n'
LEARNED = "rounds = 2\nsteps = 2\nbatch = 4\n"
ENGINE = "  pibe ranks exactly, with the nn engine"


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """Look whether the logger is left as it was found."""
    logger = logging.getLogger("insgen")
    before = logger.level, list(logger.handlers)
    yield
    assert (logger.level, logger.handlers) == before


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("models") / "llama", width=32)


@pytest.fixture
def make(make_project: Callable[..., Path]) -> Callable[[str], Path]:
    """Write a project whose rows have answers."""
    rows = [{"instruction": row.instruction, "input": row.input, "output": row.output} for row in answered_rows(30)]
    return lambda toml: make_project(toml, {"data.jsonl": rows})


def test_what_a_stage_tells_the_log_is_a_line_once(cli: Cli, make: Callable[[str], Path]) -> None:
    done = cli("run", make(PIBE), "--json")

    assert done.json()["rounds"] == 3
    assert done.stderr.splitlines().count(ENGINE) == 1
    assert [line.split(":")[0] for line in done.stderr.splitlines() if line.startswith("round")] == [
        "round 1",
        "round 2",
        "round 3",
    ]


def test_quiet_run_hears_nothing(cli: Cli, make: Callable[[str], Path]) -> None:
    done = cli("run", make(PIBE), "--json", "--quiet")

    assert json.loads(done.stdout)["rounds"] == 3
    assert done.stderr == ""


def test_selector_that_learns_says_how_far_it_is(cli: Cli, make: Callable[[str], Path], model: Path) -> None:
    project = make(RAISE + LEARNED + f'model = "{model}"\n')
    done = cli("run", project)
    assert done.code == 0, done.stderr

    raised = [line for line in done.stderr.splitlines() if line.startswith("  raise: ")]
    (folder,) = (project / "raise").iterdir()
    assert raised[0] == f"  raise: learning the policy {folder.name} from 30 candidates"
    assert raised[1] == "  raise: measured 24 of 24 rows"
    assert [line.split(",")[0] for line in raised if "step 2 of 2, validation loss" in line] == [
        "  raise: episode 1",
        "  raise: episode 2",
    ]
    assert "  raise: learned from 24 rows, 6 others to measure by: a RAISE policy, after 2 episodes" in raised
    assert raised[-1] == "  raise: measured 6 of 6 rows"  # those that were held out are ranked too


def test_a_learning_that_diverged_goes_on_with_a_smaller_rate(
    cli: Cli, make: Callable[[str], Path], model: Path
) -> None:
    project = make(RAISE + LEARNED + f'lr = 1e30\nmodel = "{model}"\n')
    failed = cli("run", project, "--quiet")
    assert failed.code == 1
    assert "episode 1" in failed.stderr
    (folder,) = (project / "raise").iterdir()
    measured = (folder / "features.safetensors").stat().st_mtime_ns

    done = cli("run", project, "--quiet", "--set", "select.lr=0.001")
    assert done.code == 0, done.stderr
    assert [each.name for each in (project / "raise").iterdir()] == [folder.name]
    assert json.loads((folder / "raise.json").read_text())["settings"]["optimiser.lr"] == 0.001
    assert (folder / "features.safetensors").stat().st_mtime_ns > measured  # the rows held out, for the ranking


def test_ranking_by_a_policy_says_how_far_the_measuring_is(
    cli: Cli, make: Callable[[str], Path], model: Path, tmp_path: Path
) -> None:
    project = make(DATA + EMBED + '[select]\nuse = "quality"\nsize = 30\n')
    assert cli("run", project).code == 0
    learn = ("--rounds", 0, "--steps", 2, "--batch", 4, "--device", "cpu", "--quiet", "--model", model)
    assert cli("raise", "train", project, "--out", tmp_path / "policy", *learn).code == 0
    again, train = (Path(shutil.copytree(tmp_path / "policy", tmp_path / name)) for name in ("again", "train"))

    said = cli("raise", "apply", project, "--policy", tmp_path / "policy", "--json")
    assert said.stderr.splitlines() == ["  measured 6 of 6 rows"]
    assert len(said.json()["rows"]) == 20
    assert cli("raise", "apply", project, "--policy", again, "--quiet").stderr == ""
    (train / "features.safetensors").unlink()
    trained = cli("raise", "apply", project, "--policy", train, "--train", tmp_path / "run", "--device", "cpu")
    assert trained.stderr.splitlines()[0] == "  measured 24 of 24 rows"


def test_warnings_are_told_and_a_wrong_call_of_the_log_stops_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    told: list[str] = []
    logger = logging.getLogger("insgen.plugins.somebody")
    with heard(told.append):
        logger.debug("unheard")
        logger.info("two\nlines of %d", 7)
        logger.warning("careful")
        wrong = logger.makeRecord(logger.name, logging.INFO, __file__, 1, "%d rows", ("no number",), None)
        logging.getLogger("insgen").handlers[-1].handle(wrong)  # not through the log: pytest's own handler raises
    logger.info("after it")

    assert told == ["  two lines of 7", "careful"]
    assert "no number" in capsys.readouterr().err
