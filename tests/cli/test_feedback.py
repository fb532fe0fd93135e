"""`insgen feedback` and `insgen seeds` as a user calls them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.cli import Result
from support.projects import EMBED, SELECT, play, query
from support.training import BATCHES, SEEDS, fill, log_file, steps

from insgen.records import CandidateId, Signal
from insgen.store.database import open_store

Cli = Callable[..., Result]


@pytest.fixture
def taught(make_project: Callable[..., Path]) -> Path:
    """A project that holds the instructions of the worked example, and whose seed policy listens."""
    config = '[[generate]]\nuse = "documents"\npaths = ["docs"]\n[seeds]\nuse = "sedi"\n' + EMBED + SELECT
    project = make_project(config, {"docs/a.md": "# Nothing\n"})
    store = open_store(project / "insgen.db")
    fill(store)
    with store.atomic() as conn:  # as if made with the project's own model, so that a run can compare them
        conn.execute("DELETE FROM vectors")
    store.close()
    return project


def test_import_tells_what_was_new_and_what_is_unknown(cli: Cli, taught: Path, tmp_path: Path) -> None:
    odd = replace(steps()[1], items=(*steps()[1].items, ("b2:elsewhere",) * 2))
    path = log_file(tmp_path / "log.jsonl", [steps()[0], odd, Signal(CandidateId(""), "v", 1.0, text="Foreign.")])
    first = cli("feedback", "import", path, "-p", taught)
    assert first.code == 0
    assert f"{path}: training run-1, steps: 2 new." in first.stdout
    assert "signals about single instructions: 1 new." in first.stdout
    assert "Unknown here: 2 (executed or named 3 times)" in first.stdout
    assert "  b2:elsewhere  2\n  Foreign.  1\n" in first.stdout
    again = cli("feedback", "import", path, "-p", taught, "--json")
    assert again.json() == {
        "path": str(path),
        "steps": {"unchanged": 2},
        "signals": {"unchanged": 1},
        "runs": ["run-1"],
        "unknown": {"Foreign.": 1, "b2:elsewhere": 2},
    }


def test_a_broken_file_is_one_message_and_nothing_is_stored(cli: Cli, taught: Path, tmp_path: Path) -> None:
    path = log_file(tmp_path / "log.jsonl", steps())
    path.write_text(path.read_text()[:-30])
    refused = cli("feedback", "import", path, "-p", taught)
    assert (refused.code, refused.stdout) == (1, "")
    assert f"Error: {path}, line 10: the file ends in the middle of this record" in refused.stderr
    assert query(taught, "SELECT count(*) FROM feedback_step") == [(0,)]
    assert cli("feedback", "import", tmp_path / "none", "-p", taught).code == 1
    assert "There is no feedback yet" in cli("feedback", "list", "-p", taught).stdout


def test_the_way_from_a_training_to_another_seed_is_told(cli: Cli, taught: Path, tmp_path: Path) -> None:
    cli("feedback", "import", log_file(tmp_path / "log.jsonl", steps(trainable_params=100)), "-p", taught)
    embed(taught)
    play(taught)
    log = cli("seeds", "log", "-p", taught)
    lines = log.stdout.splitlines()
    assert lines[0].startswith("round 1  evicted b2:")
    assert '"Seed task 3."' in lines[0]
    assert "credit 1.272727 from 11 examples, the weakest of 4 with evidence" in lines[1]
    assert lines[2].startswith("round 1  promoted b2:")
    (promoted, *_) = [row for row in cli("seeds", "log", "-p", taught, "--json").json() if row["event"] == "promoted"]
    assert promoted["evidence"]["batch"] == 5
    assert promoted["seed_id"] in {candidate.id for candidate in BATCHES[4]}
    story = cli("seeds", "why", promoted["seed_id"][:14], "-p", taught)
    assert "in the batch of step 5 (gradient norm 3.200000, rank 1 of 10" in story.stdout
    listed = cli("feedback", "list", "-p", taught)
    assert listed.stdout.splitlines()[2].split() == ["run-1", "100", "10", "1", "10", "1.850", "1", "1", "1"]
    rows = cli("seeds", "list", "-p", taught, "--json").json()
    assert [(row["instruction"][:9], row["made"], row["kept"]) for row in rows[:3]] == [
        ("Seed task", 10, 10),
        ("Seed task", 10, 10),
        ("Seed task", 9, 9),
    ]
    everyone = cli("seeds", "list", "-p", taught, "--all")
    assert "evicted" in everyone.stdout


def embed(project: Path) -> None:
    """Give every candidate its vector, as the rounds that kept them would have."""
    from insgen.loop.assemble import Assembly

    assembly = Assembly(project)
    with assembly.open() as run:
        run.player.embedding.embed([candidate for batch in BATCHES for candidate in batch], 0, lambda done, total: None)  # noqa: ARG005 - nobody watches


def test_a_pinned_seed_stays_and_a_dropped_one_does_not_come_back(cli: Cli, taught: Path, tmp_path: Path) -> None:
    weakest, other = SEEDS[2].id, SEEDS[0].id
    assert "is now pinned." in cli("seeds", "pin", weakest, "-p", taught).stdout
    assert "is already pinned." in cli("seeds", "pin", weakest[:14], "-p", taught).stdout
    assert cli("seeds", "drop", other, "--reason", "off topic", "-p", taught, "--json").json() == {
        "id": other,
        "changed": True,
        "state": "dropped",
    }
    cli("feedback", "import", log_file(tmp_path / "log.jsonl", steps()), "-p", taught)
    embed(taught)
    play(taught)
    rows = cli("seeds", "list", "--all", "-p", taught, "--json").json()
    states = {row["id"]: (row["active"], row["pinned"], row["dropped"]) for row in rows}
    assert states[weakest] == (True, True, False)
    assert states[other] == (False, False, True)
    assert states[SEEDS[3].id] == (False, False, False)
    assert "dropped: off topic" in cli("seeds", "why", other, "-p", taught).stdout
    assert "is now in force." in cli("seeds", "drop", other, "--undo", "-p", taught).stdout
    assert "is now in force." in cli("seeds", "pin", weakest, "--undo", "-p", taught).stdout


@pytest.mark.parametrize("command", ["why", "pin", "drop"])
def test_a_seed_that_is_none_is_said(cli: Cli, taught: Path, command: str) -> None:
    refused = cli("seeds", command, "b2:nothing", "-p", taught)
    assert refused.code == 2
    assert '"b2:nothing" is no seed\'s id' in refused.stderr
    assert "`insgen seeds list --all`" in refused.stderr


def test_a_seed_that_is_not_in_force_cannot_be_pinned(cli: Cli, taught: Path) -> None:
    cli("seeds", "drop", SEEDS[0].id, "-p", taught)
    refused = cli("seeds", "pin", SEEDS[0].id, "-p", taught)
    assert refused.code == 2
    assert "is not in force, so it cannot be pinned" in refused.stderr
