"""Two distributions that are really installed: `tox -e packages` does so; elsewhere these tests are skipped."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from support.projects import rows


@pytest.fixture(autouse=True)
def _installed() -> None:
    if find_spec("insgen_readability") is None or find_spec("insgen_rogue") is None:
        pytest.skip("tests/packages are not installed; `tox -e packages` installs them")


@pytest.fixture
def project(tmp_path: Path) -> Callable[[str], Path]:
    """A project of six rows with these tables."""

    def make(toml: str) -> Path:
        folder = tmp_path / "project"
        folder.mkdir()
        (folder / "insgen.toml").write_text(toml, encoding="utf-8")
        (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows(6)), encoding="utf-8")
        return folder

    return make
