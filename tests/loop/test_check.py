"""The check before a run: every part is looked at, every trouble is told at once, and nothing is stored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.projects import DATA, EMBED, FILTERS, SCORE, SELECT, file_hashes, play, rows

from insgen.errors import ConfigError
from insgen.loop.check import check_project


def test_a_sound_project_is_found_sound_and_left_alone(make_project: Callable[..., Path]) -> None:
    files = {"data.jsonl": rows(10), "seeds.jsonl": rows(2)}
    project = make_project(DATA + EMBED + FILTERS + SCORE + SELECT, files)
    before = file_hashes(project)
    found = {finding.what: finding for finding in check_project(project, [])}
    assert all(finding.ok for finding in found.values())
    assert list(found) == ["config", "plugins", "stages", "seeds", "embedder", "database", "generator 1, dataset"]
    assert found["seeds"].finding == "2 seed tasks in seeds.jsonl"
    assert found["embedder"].finding.startswith("hashing-v1:64")
    assert found["embedder"].finding.endswith("64 dimensions")
    assert found["generator 1, dataset"].finding == "gives candidates"
    assert file_hashes(project) == before


def test_a_project_that_was_played_tells_its_banks_version(make_project: Callable[..., Path]) -> None:
    project = make_project(DATA + EMBED + SELECT, {"data.jsonl": rows(10)})
    play(project)
    found = {finding.what: finding.finding for finding in check_project(project, [])}
    assert found["database"] == "insgen.db, bank version 1"


def test_every_trouble_is_told_at_once(make_project: Callable[..., Path]) -> None:
    missing = '[[generate]]\nuse = "dataset"\npaths = ["missing.jsonl"]\n'
    project = make_project(missing + DATA + EMBED + SELECT, {"data.jsonl": rows(3), "insgen.db": "no database"})
    found = {finding.what: finding for finding in check_project(project, [])}
    assert [what for what, finding in found.items() if not finding.ok] == ["database", "generator 1, dataset"]
    assert "file is not a database" in found["database"].finding
    assert "missing.jsonl" in found["generator 1, dataset"].finding
    assert found["generator 2, dataset"].finding == "gives candidates"


def test_a_broken_seed_file_is_told_and_does_not_hide_the_rest(make_project: Callable[..., Path]) -> None:
    project = make_project(EMBED + SELECT, {"seeds.jsonl": "{}\n"})
    found = {finding.what: finding for finding in check_project(project, [])}
    assert not found["seeds"].ok
    assert 'line 1: "instruction" is missing or empty' in found["seeds"].finding
    assert found["embedder"].ok
    assert "insgen add" in found["generators"].finding


def test_a_config_that_cannot_be_understood_is_refused(make_project: Callable[..., Path]) -> None:
    with pytest.raises(ConfigError, match='no key "sizes"'):
        check_project(make_project(EMBED + SELECT), ["select.sizes=3"])
