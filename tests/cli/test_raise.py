"""`insgen raise` on a project: learn, rank, train by it, explain."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.models import answered_rows, save_model
from support.projects import DATA, EMBED, SELECT, play, query

if TYPE_CHECKING:
    from support.cli import Result

SMALL = ("--rounds", 1, "--steps", 3, "--batch", 4, "--lr", "0.01", "--device", "cpu", "--quiet")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("models") / "llama", width=32)


@pytest.fixture
def project(make_project: Callable[..., Path]) -> Path:
    rows = [{"instruction": row.instruction, "input": row.input, "output": row.output} for row in answered_rows(30)]
    folder = make_project(DATA + EMBED + SELECT, {"data.jsonl": rows})
    play(folder)
    return folder


@pytest.fixture
def policy(cli: Callable[..., Result], project: Path, model: Path, tmp_path: Path) -> Path:
    done = cli("raise", "train", project, "--out", tmp_path / "policy", "--model", model, *SMALL)
    assert done.code == 0, done.stderr
    assert "RAISE policy, after 1 episodes" in done.stdout
    assert done.stdout.splitlines()[-1] == f"Next: insgen raise apply {project} --policy {tmp_path / 'policy'}"
    return tmp_path / "policy"


def test_a_policy_is_learned_ranks_the_bank_and_explains_itself(
    cli: Callable[..., Result], project: Path, policy: Path
) -> None:
    ranked = cli("raise", "apply", project, "--policy", policy, "--top", 5, "--json").json()
    members = {id_ for (id_,) in query(project, "SELECT candidate_id FROM members")}
    assert [row["rank"] for row in ranked["rows"]] == [1, 2, 3, 4, 5]
    assert {row["id"] for row in ranked["rows"]} <= members

    told = cli("raise", "explain", policy, "--json").json()
    assert [each["name"] for each in told["groups"]] == ["stage", "difficulty", "semantics", "availability"]
    assert len(told["columns"]) == 39
    shown = cli("raise", "explain", policy).stdout
    assert "sensitivity" in shown
    assert "availability" in shown
    assert "times chosen" in cli("raise", "explain", policy, "--columns").stdout
    assert "place_in_class" in cli("raise", "apply", project, "--policy", policy).stdout


def test_a_model_is_trained_on_what_the_policy_chooses(
    cli: Callable[..., Result], project: Path, policy: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    done = cli("raise", "apply", project, "--policy", policy, "--train", out, "--device", "cpu", "--quiet")

    assert done.code == 0, done.stderr
    assert len((out / "plan.jsonl").read_text().splitlines()) == 3
    assert json.loads((out / "feedback.jsonl").read_text().splitlines()[0])["items"]
    imported = cli(*done.stdout.splitlines()[-1].removeprefix("Next: insgen ").split(), "--json")
    assert imported.json()["steps"] == {"new": 3}


def test_validation_rows_of_a_file_and_a_made_model_give_a_proxy(
    cli: Callable[..., Result], project: Path, tmp_path: Path
) -> None:
    exam = tmp_path / "exam.jsonl"
    exam.write_text('{"instruction": "explain pod", "output": "a pod runs ."}\n' * 2)
    out = tmp_path / "policy"
    done = cli("raise", "train", project, "--out", out, "--validation", exam, *SMALL, "--json").json()

    assert done["label"] == "proxy policy, not RAISE, after 1 episodes"
    assert done["n_validation"] == 2
    assert done["rounds"][0]["return"] == pytest.approx(
        done["rounds"][0]["last_perf"] - done["rounds"][0]["first_perf"]
    )
    assert (out / "small" / "config.json").exists()


def test_a_policy_that_takes_few_rows_again_and_again_is_told(
    cli: Callable[..., Result], project: Path, tmp_path: Path
) -> None:
    out = tmp_path / "policy"
    narrow = ("--batch", 1, "--classes", 1, "--steps", 40)
    cli("raise", "train", project, "--out", out, *SMALL, *narrow)
    again = cli("raise", "train", project, "--out", out, *SMALL, *narrow, "--rounds", 2, "--json")
    rounds = again.json()["rounds"]

    assert [each["round"] for each in rounds] == [2]  # more rounds go on
    assert f"({rounds[0]['rows']} different for 40 places in its batches)" in again.stderr
    assert rounds[0]["rows"] < 4


def test_rows_are_laid_out_as_the_policy_learned_them_unless_told_otherwise(
    cli: Callable[..., Result], project: Path, model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "policy"
    learned = cli("raise", "train", project, "--out", out, "--model", model, *SMALL[:-1], "--max-tokens", 40)
    assert learned.stderr.splitlines()[0] == "  measured 8 of 8 rows"

    train = ("raise", "apply", project, "--policy", out, "--device", "cpu", "--quiet", "--json", "--train")
    assert cli(*train, tmp_path / "one").json()["label"] == "RAISE policy, after 1 episodes"
    other = cli(*train, tmp_path / "two", "--max-tokens", 30).json()
    assert other["label"] == "RAISE policy, after 1 episodes, of another model"


def test_what_cannot_be_is_refused(cli: Callable[..., Result], project: Path, tmp_path: Path) -> None:
    for arguments, message in (
        (("train", project, "--out", tmp_path / "p", "--proxy"), "--proxy was given without --model"),
        (("train", project, "--out", tmp_path / "p", "--preset", "smal"), 'Did you mean "small"'),
        (("train", project, "--out", tmp_path / "p", "--validation", tmp_path / "no.jsonl"), "There is no file"),
        (("apply", project, "--policy", tmp_path / "p"), "cannot be read as a policy"),
        (("explain", tmp_path / "p"), "cannot be read as a policy"),
    ):
        done = cli("raise", *arguments)
        assert done.code != 0
        assert message in done.stderr
    assert not (tmp_path / "p").exists()
