"""Fixtures of the command line's tests: a way to call it, and projects that were run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.cli import SMALL, Result
from support.projects import play, rows

from insgen.cli.main import main


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Call insgen in this process, through the function that the console script calls."""
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: object) -> Result:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(each) for each in arguments])
        stdout, stderr = capsys.readouterr()
        return Result(ended.value.code if isinstance(ended.value.code, int) else 1, stdout, stderr)

    return call


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project after its run; for tests that only look."""
    folder = tmp_path_factory.mktemp("played")
    (folder / "insgen.toml").write_text(SMALL)
    data = [json.dumps(row) for row in rows(60)]
    data[10] = '{"instruction": "cut off'
    (folder / "data.jsonl").write_text("\n".join(data) + "\n")
    play(folder)
    return folder


@pytest.fixture
def project(played: Path, tmp_path: Path) -> Path:
    """A copy of the played project, to change."""
    return Path(shutil.copytree(played, tmp_path / "project"))
