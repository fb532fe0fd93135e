"""`insgen batches` on a project: every member of the part asked for is in exactly one batch."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.projects import DATA, EMBED, SELECT, play, query, rows

from insgen.cli.main import main_group
from insgen.errors import InsgenError


def run(*arguments: str) -> str:
    return CliRunner().invoke(main_group, ["batches", *arguments], catch_exceptions=False).stdout


def test_the_best_members_are_planned_once_each(make_project: Callable[..., Path], tmp_path: Path) -> None:
    project, out = make_project(DATA + EMBED + SELECT, {"data.jsonl": rows(30)}), tmp_path / "plan.jsonl"
    play(project)
    told = json.loads(run(str(out), "--size", "3", "--top", "8", "-p", str(project), "--json"))
    batches = [json.loads(line) for line in out.read_text().splitlines()]
    best = [id_ for (id_,) in query(project, "SELECT candidate_id FROM members ORDER BY rank LIMIT 8")]
    assert sorted(id_ for batch in batches for id_ in batch["ids"]) == sorted(best)
    assert [len(batch["ids"]) for batch in batches] == [3, 3, 2]
    assert (told["batches"], told["rows"]) == (3, 8)
    assert told["mean_diversity"] == pytest.approx(sum(batch["diversity"] for batch in batches) / 3)
    shown = run(str(out), "--size", "3", "--top", "8", "-p", str(project), "--force")
    assert f"Mean diversity of a batch {told['mean_diversity']:.6f}" in shown  # the same seed, the same plan


def test_an_empty_bank_is_refused(make_project: Callable[..., Path], tmp_path: Path) -> None:
    project = make_project(EMBED + SELECT)
    play(project)
    with pytest.raises(InsgenError, match="the bank has no members"):
        run(str(tmp_path / "plan.jsonl"), "-p", str(project))
