"""Two distributions that are really installed: `tox -e wheel` does so; elsewhere these tests are left out."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from support.projects import rows

MISSING = [name for name in ("insgen_readability", "insgen_rogue") if find_spec(name) is None]
collect_ignore_glob = ["test_*.py"] if MISSING else []


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
