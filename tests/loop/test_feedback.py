"""Feedback in a run: taken in before the round, followed by the seed policy, safe to kill; silent without feedback."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.llm_project import llm_project, writes
from support.projects import COMPARED, contents, play, query, versions
from support.training import log_file

from insgen.errors import DataError, StageError
from insgen.feedback import read_feedback
from insgen.loop.feedback import Listener, import_feedback
from insgen.records import TrainingStep
from insgen.store.database import open_store

if TYPE_CHECKING:
    from insgen.testing.llm_server import LlmServer

SEDI = '[seeds]\nuse = "sedi"\nwindow = 3\n'
LOG = '[[feedback]]\nuse = "training-log"\npath = "feedback.jsonl"\n'
TABLES = [
    *(table for table in COMPARED if table != "vectors"),
    "seeds",
    "seed_events",
    "feedback_step",
    "feedback_item",
]


@pytest.fixture
def make(make_project: Callable[..., Path], llm_server: LlmServer) -> Callable[..., Path]:
    """A project that asks a server for tasks, and was run for two rounds."""
    llm_server.reply = writes

    def build(extra: str, played: bool = True) -> Path:
        toml, files = llm_project(llm_server, "rounds = 4")
        project = make_project(toml + extra, files)
        if played:
            play(project, rounds=2)
        return project

    return build


def trained(project: Path, n: int = 3, norms: Sequence[float] = (1.0, 5.0, 2.0), **changes: Any) -> list[TrainingStep]:
    """Steps over the kept instructions, three by three."""
    ids = [row[0] for row in query(project, "SELECT candidate_id FROM kept ORDER BY id")]
    made = []
    for step in range(1, n + 1):
        items = (tuple(ids[3 * (step - 1) % len(ids) :][:3]),)
        norm = norms[(step - 1) % len(norms)]
        told = {"time": float(step), "grad_norm": norm, "grad_norm_kind": "pre_clip", **changes}
        made.append(TrainingStep("run-1", step, items, **told))
    return made


def test_feedback_between_rounds_changes_the_seeds_of_the_next_prompts(
    make: Callable[..., Path], llm_server: LlmServer
) -> None:
    project = make(SEDI + LOG)
    log_file(project / "feedback.jsonl", trained(project))
    before = len(llm_server.asked)
    play(project, rounds=1)
    (promoted, _, evicted, why) = query(
        project,
        "SELECT p.seed_id, p.reason, e.seed_id, e.reason FROM seed_events p, seed_events e"
        " WHERE p.event = 'promoted' AND e.event = 'evicted'",
    )[0]
    text = query(project, "SELECT instruction FROM seeds WHERE id = ?", promoted)[0][0]
    gone = query(project, "SELECT instruction FROM seeds WHERE id = ?", evicted)[0][0]
    prompts = [asked.text for asked in llm_server.asked[before:] if asked.text.startswith("WRITE")]
    assert any(text in prompt for prompt in prompts)
    assert not any(gone in prompt for prompt in prompts)
    assert "steps 1 to 3 of the training run-1" in why
    assert query(project, "SELECT round, event FROM seed_events WHERE round > 0") == [(3, "promoted"), (3, "evicted")]
    assert query(project, "SELECT count(*) FROM seeds WHERE active") == [(2,)]


@pytest.mark.parametrize("extra", ["", LOG])
def test_without_feedback_the_loop_is_that_of_the_uniform_policy_byte_for_byte(
    make: Callable[..., Path], extra: str
) -> None:
    plain, steered = make("", False), make(SEDI + extra, False)
    for project in (plain, steered):
        play(project)
    assert contents(plain, [*TABLES, "vectors"]) == contents(steered, [*TABLES, "vectors"])
    assert versions(plain) == versions(steered)
    assert query(steered, "SELECT count(*) FROM kept")[0][0] > 20


def test_an_imported_file_does_what_the_log_does(make: Callable[..., Path]) -> None:
    project = make(SEDI)
    read, imported = project, Path(shutil.copytree(project, project.parent / "imported"))
    with (read / "insgen.toml").open("a") as config:
        config.write(LOG)
    log_file(read / "feedback.jsonl", trained(read))
    store = open_store(imported / "insgen.db")
    told = import_feedback(store, read / "feedback.jsonl")
    store.close()
    assert (dict(told.steps), told.runs, dict(told.unknown)) == ({"new": 3}, ["run-1"], {})
    for each in (read, imported):
        play(each, rounds=1)
    kept = [table for table in TABLES if table != "positions"]
    assert contents(read, kept) == contents(imported, kept)


@pytest.mark.parametrize("where", ["_read", "_update", "draw"])
def test_a_run_killed_around_the_feedback_goes_on_to_the_same_bank(
    make: Callable[..., Path], where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make(SEDI + LOG)
    log_file(project / "feedback.jsonl", trained(project))
    killed = Path(shutil.copytree(project, project.parent / "killed"))
    play(project, rounds=1)
    with monkeypatch.context() as patch:
        kill_after(patch, where)
        with pytest.raises(KeyboardInterrupt):
            play(killed, rounds=1)
    play(killed, rounds=1)
    assert contents(killed, [*TABLES, "vectors"]) == contents(project, [*TABLES, "vectors"])
    assert versions(killed) == versions(project)


def kill_after(patch: pytest.MonkeyPatch, where: str) -> None:
    """Let the process end once a step of listening is done, as Ctrl-C would."""
    from insgen.hooks import call

    owner: Any = call if where == "draw" else Listener
    name = "draw_seeds" if where == "draw" else where
    work = getattr(owner, name)

    def ended(*arguments: Any) -> None:
        work(*arguments)
        raise KeyboardInterrupt

    patch.setattr(owner, name, ended)


def test_feedback_that_the_policy_cannot_use_stops_the_run_and_is_kept(make: Callable[..., Path]) -> None:
    project = make(SEDI + LOG)
    log_file(project / "feedback.jsonl", trained(project, grad_norm=None))
    with pytest.raises(StageError, match="has no gradient norm"):
        play(project, rounds=1)
    assert query(project, "SELECT max(round) FROM rounds") == [(2,)]
    assert query(project, "SELECT count(*) FROM feedback_step") == [(3,)]
    log_file(project / "feedback.jsonl", [*trained(project, time=9.0)])
    assert play(project, rounds=1).counters["rounds"] == 1
    assert query(project, "SELECT count(*) FROM seed_events WHERE event = 'evicted'") == [(1,)]


def test_a_broken_line_stops_the_run_and_what_stood_before_it_counts_once_mended(make: Callable[..., Path]) -> None:
    project = make(SEDI + LOG)
    path = log_file(project / "feedback.jsonl", trained(project))
    whole = path.read_text()
    path.write_text(whole.replace('"step": 3', '"step": "3"'))
    with pytest.raises(DataError, match=r"feedback.jsonl, line 3: \"step\" is '3'"):
        play(project, rounds=1)
    path.write_text(whole)
    play(project, rounds=1)
    assert query(project, "SELECT count(*) FROM seed_events WHERE event = 'evicted'") == [(1,)]


def test_the_log_is_found_from_wherever_the_run_is_started(
    make: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make(SEDI + LOG)
    log_file(project / "feedback.jsonl", trained(project))
    monkeypatch.chdir(project.parent)
    play(Path(project.name), rounds=1)
    assert query(project, "SELECT count(*) FROM feedback_step") == [(3,)]


def test_import_is_all_or_nothing_and_repeats_do_no_harm(make: Callable[..., Path]) -> None:
    project = make(SEDI)
    path = log_file(project / "log.jsonl", trained(project, 4))
    store = open_store(project / "insgen.db")
    good = path.read_text()
    path.write_text(good + "oops\n")
    with pytest.raises(DataError, match="line 5"):
        import_feedback(store, path)
    assert store.conn.execute("SELECT count(*) FROM feedback_step").fetchone() == (0,)
    path.write_text(good)
    assert dict(import_feedback(store, path).steps) == {"new": 4}
    assert dict(import_feedback(store, path).steps) == {"unchanged": 4}
    resumed = json.loads(good.splitlines()[3]) | {"time": 99.0, "grad_norm": 7.0}
    path.write_text(good + json.dumps(resumed) + "\n")
    assert dict(import_feedback(store, path).steps) == {"unchanged": 4, "overwritten": 1}
    assert dict(import_feedback(store, path).steps) == {"unchanged": 4, "outdated": 1}
    assert len(list(read_feedback(path))) == 5
    path.write_text("\n\n")
    with pytest.raises(DataError, match="holds no record"):
        import_feedback(store, path)
    store.close()
