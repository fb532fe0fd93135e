"""`insgen train` on a project: the bank's rows, the records, and the command that comes next."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support.models import answered_rows, save_model
from support.projects import DATA, EMBED, SELECT, play, query

from insgen.cli.main import main_group
from insgen.errors import ConfigError, DataError


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("models") / "llama")


@pytest.fixture
def project(make_project: Callable[..., Path]) -> Path:
    rows = [{"instruction": row.instruction, "input": row.input, "output": row.output} for row in answered_rows(20)]
    folder = make_project(DATA + EMBED + SELECT, {"data.jsonl": rows})
    play(folder)
    return folder


def call(*arguments: object) -> Any:
    done = CliRunner().invoke(main_group, [str(each) for each in arguments], catch_exceptions=False)
    assert done.exit_code == 0
    return done


def test_bank_is_trained_on_and_the_records_come_back(project: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = call("train", project, "--model", model, "--out", out, "--size", 4, "--epochs", 2, "--lr", "0.01")

    records = [json.loads(line) for line in (out / "feedback.jsonl").read_text().splitlines()]
    members = sorted(id_ for (id_,) in query(project, "SELECT candidate_id FROM members"))
    first, second = (
        [id_ for row in part for micro in row["items"] for id_ in micro] for part in (records[:3], records[3:])
    )
    assert sorted(first) == sorted(second) == members
    assert records[-1]["loss"] < records[0]["loss"]
    assert {row["round"] for row in records} == {query(project, "SELECT max(round) FROM rounds")[0][0]}
    assert (out / "model" / "config.json").exists()
    assert done.stdout.splitlines()[-1] == f"Next: insgen feedback import {out / 'feedback.jsonl'} -p {project}"

    imported = call(*done.stdout.splitlines()[-1].removeprefix("Next: insgen ").split(), "--json")
    assert json.loads(imported.stdout)["steps"] == {"new": 6}


def test_plan_of_a_file_is_followed_and_json_is_printed(project: Path, model: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.jsonl"
    call("batches", plan, "--size", 3, "--top", 6, "-p", project)
    common = ("train", project, "--model", model, "--out", tmp_path / "run", "--batches", plan, "--lora", "--quiet")
    told = json.loads(call(*common, "--json").stdout)

    assert (told["n_steps"], told["n_new"], told["left_out"]) == (2, 2, {})
    again = call(*common)
    assert "All 2 steps were made by an earlier call." in again.stdout
    with pytest.raises(ConfigError, match="epochs was 1 and is 2"):
        call(*common, "--epochs", 2)


def test_empty_bank_is_refused(make_project: Callable[..., Path], model: Path, tmp_path: Path) -> None:
    empty = make_project(EMBED + SELECT)
    play(empty)
    with pytest.raises(DataError, match="the bank has no members"):
        call("train", empty, "--model", model, "--out", tmp_path / "run")


def test_plan_of_another_project_is_refused(project: Path, model: Path, tmp_path: Path) -> None:
    (tmp_path / "plan.jsonl").write_text('{"schema": "insgen.batches/1", "batch": 1, "ids": ["b2:0"]}\n')

    with pytest.raises(DataError, match=r"1 rows of the plan are not in the project .*: b2:0"):
        call("train", project, "--model", model, "--out", tmp_path / "run", "--batches", tmp_path / "plan.jsonl")
    assert not (tmp_path / "run").exists()
