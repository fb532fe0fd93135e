"""The main job with the real packaged model, once; the tests look at what it left."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from datasets import load_dataset
from support.cli import Result, insgen
from support.projects import contents, query

from insgen.config.load import load_config

Cli = Callable[..., Result]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    here = tmp_path_factory.mktemp("quickstart")
    done = insgen("quickstart", cwd=here, env={"HF_HUB_OFFLINE": "1"})
    assert done.code == 0, done.stderr
    return here / "insgen-quickstart", done


def test_project_bank_and_export_are_there(first: tuple[Path, Result]) -> None:
    folder, _ = first

    config, _ = load_config(folder)
    assert config.recipe == "documents"
    assert (config.project.name, config.project.domain) == ("sqlite-in-production", "running SQLite in production")
    assert config.generate[0].options["licence"] == "Apache-2.0"
    assert len(list((folder / "docs").glob("*.md"))) == 12
    assert query(folder, "SELECT count(*) FROM members") == [(100,)]
    assert len((folder / "instructions.jsonl").read_text().splitlines()) == 100
    assert (folder / "instructions.jsonl.README.md").exists()


def test_output_shows_what_was_made_kept_and_rejected(first: tuple[Path, Result]) -> None:
    told = first[1].stdout

    for part in ("with 12 chapters", "Stopped because every source is used up.", "The bank holds the best 100."):
        assert part in told
    shown = told.split("Some that were rejected:")[1]
    assert "cosine similarity 0.9" in shown
    assert "too near to: " in shown
    assert "insgen why 1 -p insgen-quickstart" in told
    assert str(first[0].parent) not in told


def test_progress_goes_to_stderr(first: tuple[Path, Result]) -> None:
    assert "round 1: proposed 150" in first[1].stderr
    assert "round 1:" not in first[1].stdout


def test_every_member_quotes_its_document(first: tuple[Path, Result]) -> None:
    folder, _ = first

    for source, start, end, output in query(folder, "SELECT source, line_start, line_end, output FROM v_bank"):
        text = " ".join((folder / source).read_text().splitlines()[start - 1 : end])
        words = set("".join(c if c.isalnum() else " " for c in text).split())
        said = "".join(c if c.isalnum() else " " for c in output).split()
        assert sum(word in words for word in said) >= 0.8 * len(said), (source, start, output)


def test_export_is_read_by_datasets_in_order_of_rank(first: tuple[Path, Result], tmp_path: Path) -> None:
    folder, _ = first

    back = load_dataset(
        "json", data_files=str(folder / "instructions.jsonl"), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert list(back["instruction"]) == [row[0] for row in query(folder, "SELECT instruction FROM v_bank")]


def test_first_rank_has_a_story(cli: Cli, first: tuple[Path, Result]) -> None:
    story = cli("why", "1", "-p", first[0], "--json").json()

    assert (
        story["candidate"]["instruction"]
        == json.loads((first[0] / "instructions.jsonl").read_text().splitlines()[0])["instruction"]
    )
    assert [row["filter"] for row in story["verdicts"]] == ["length", "exact_duplicate", "rouge", "near_duplicate"]
    assert all(row["kept"] for row in story["verdicts"])


def test_second_call_goes_on_and_changes_nothing(cli: Cli, first: tuple[Path, Result]) -> None:
    before = contents(first[0])

    done = cli("quickstart", first[0], "-q")

    assert (done.code, done.stderr) == (0, "")
    assert "is a project already: going on." in done.stdout
    assert contents(first[0]) == before
