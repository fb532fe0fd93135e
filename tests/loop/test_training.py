"""Training between rounds: what is trained, who is told, which model serves; killed anywhere, it goes on."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.models import answered_rows, save_model
from support.projects import contents, play, query, versions

from insgen import ConfigError, DataError
from insgen.config.load import load_config
from insgen.feedback import step_line
from insgen.loop.assemble import Assembly
from insgen.loop.check import check_project
from insgen.loop.feedback import import_feedback
from insgen.loop.preview import preview
from insgen.records import TrainingStep
from insgen.store.database import open_store

Make = Callable[..., Path]
LOOP = "[loop]\nbatch = 100\ntrain_every = 1\n"
TRAIN = '[train]\nmodel = "model"\nlr = 1e-2\nbatch_size = 4\nepochs = 1\ncheckpoint_every = 2\n'
DATA = '[[generate]]\nuse = "dataset"\npaths = ["data.jsonl"]\n'
EMBED = '[embed]\nuse = "target_model"\ntext = "alpaca"\nmax_tokens = 64\n'
SELECT = '[select]\nuse = "diverseevol"\nsize = 14\nfirst = 4\nstep = 5\ncompete = "everything"\n'
EVOLVING = LOOP + TRAIN + 'serves = ["embed"]\n' + DATA + EMBED + SELECT
PLAIN = LOOP + TRAIN + DATA + '[embed]\nuse = "hashing"\n[select]\nuse = "quality"\nsize = 8\n'
ROWS = [{"instruction": row.instruction, "input": row.input, "output": row.output} for row in answered_rows(40)]

# Kills itself at the n-th of the moments at which something is told: stages, steps of a training, blocks of vectors.
KILLED = """
import os, signal, sys
from pathlib import Path
from insgen.hooks.spec import hookimpl
from insgen.loop.assemble import Assembly

class Fuse:
    left = int(sys.argv[2])
    @hookimpl
    def insgen_stage_advanced(self, progress):
        self.left -= 1
        if self.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

assembly = Assembly(Path(sys.argv[1]))
assembly.watch(Fuse())
with assembly.open() as run:
    print(run.play().reason)
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("models") / "llama")


@pytest.fixture
def make(make_project: Make, model: Path) -> Make:
    """Write a project that has the model."""

    def made(toml: str, rows: list[dict[str, str]] = ROWS) -> Path:
        folder = make_project(toml, {"data.jsonl": rows})
        shutil.copytree(model, folder / "model")
        return folder

    return made


def told(project: Path) -> list[tuple[object, ...]]:
    """What the trainings told, without names and times."""
    return query(
        project, "SELECT round, step, loss, grad_norm, n_target_tokens FROM feedback_step ORDER BY round, step"
    )


def models_of(project: Path) -> list[str]:
    return [str(row[0]) for row in query(project, "SELECT model FROM bank_versions ORDER BY version")]


def test_rounds_of_diverseevol_select_train_and_embed_until_the_bank_is_full(make: Make) -> None:
    project = make(EVOLVING)
    assert play(project).reason == "every source is used up"

    assert query(project, "SELECT round, members, admitted, evicted FROM bank_versions") == [
        (1, 4, 4, 0),
        (2, 9, 5, 0),
        (3, 14, 5, 0),
    ]
    assert len(set(models_of(project))) == 3  # a model of its own for every round
    assert query(project, "SELECT count(DISTINCT model), count(*) FROM vectors") == [(4, 4 * 40)]
    assert sorted(each.name for each in (project / "models").iterdir()) == ["round-0001", "round-0002", "round-0003"]
    assert {row[0] for row in told(project)} == {1, 2, 3}
    trained = json.loads((project / "models" / "round-0003" / "train.json").read_text())
    assert sorted(id_ for batch in trained["plan"] for id_ in batch) == sorted(
        str(row[0]) for row in query(project, "SELECT candidate_id FROM members")
    )
    assert play(project).counters["rounds"] == 0


def test_killed_again_and_again_it_ends_as_one_that_was_left_alone(make: Make) -> None:
    alone, project = make(EVOLVING), make(EVOLVING)
    play(alone)
    codes = []
    for moments in (3, 12, 9, 14, 20, 17, 25, 200):
        done = subprocess.run(
            [sys.executable, "-c", KILLED, str(project), str(moments)], env=dict(os.environ), check=False, timeout=300
        )
        codes.append(done.returncode)
        if not done.returncode:
            break

    assert codes[-1] == 0
    assert codes.count(-signal.SIGKILL) >= 4
    assert contents(project) == contents(alone)
    assert versions(project) == versions(alone)
    assert told(project) == told(alone)
    assert not list((project / "models").rglob("*checkpoint-*"))  # optimiser states, twice the size of a model


def test_checkpoint_that_a_kill_left_beside_its_model_goes(make: Make) -> None:
    project = make(PLAIN.replace("batch = 100", "batch = 100\nrounds = 1"))
    play(project)
    left = project / "models" / "round-0001" / "checkpoint-000002"
    left.mkdir()
    (left / "optimizer.pt").write_bytes(b"")
    play(project)

    assert not left.exists()
    assert len(told(project)) == 2


def test_training_between_rounds_leaves_its_feedback_for_the_next(make: Make) -> None:
    project = make(PLAIN.replace("batch = 100", "batch = 10\nrounds = 3").replace("train_every = 1", "train_every = 2"))
    play(project)

    assert sorted(each.name for each in (project / "models").iterdir()) == ["round-0002"]
    assert [row[:2] for row in told(project)] == [(2, 1), (2, 2)]
    assert models_of(project)[0] == models_of(project)[-1]


def test_small_model_is_made_of_the_projects_texts_when_none_is_named(make_project: Make) -> None:
    quick = TRAIN.replace('model = "model"\n', "steps = 1\nmax_tokens = 64\n")
    project = make_project(PLAIN.replace(TRAIN, quick) + "", {"data.jsonl": ROWS})
    play(project)

    assert (project / "models" / "small" / "config.json").exists()
    assert len(told(project)) == 1


def test_outside_trainer_is_waited_for_with_the_exact_command(make: Make) -> None:
    project = make(PLAIN.replace("batch = 100", "batch = 20").replace("[train]\n", "[train]\noutside = true\n"))
    first = play(project)
    assert first.reason.startswith("it waits for the feedback of plan 1: `insgen train ")
    assert play(project).reason == first.reason
    plan = project / "models" / "plan-0001.jsonl"
    rows = [json.loads(line)["ids"] for line in plan.read_text().splitlines()]

    assert train_as_told(first.reason) == 0
    second = play(project)
    assert second.reason.startswith("it waits for the feedback of plan 2")
    assert sorted(query(project, "SELECT instruction_id FROM feedback_item")) == sorted((i,) for b in rows for i in b)

    steps = [TrainingStep("elsewhere", 1, (tuple(rows[0]),), 1.0, 2, 1.0, 0.5, "pre_clip")]
    (project / "feedback.jsonl").write_text("".join(step_line(step) + "\n" for step in steps))
    store = open_store(project / "insgen.db")
    import_feedback(store, project / "feedback.jsonl")
    store.close()
    assert play(project).reason == "there was nothing new to judge"


def train_as_told(reason: str) -> int:
    """Call the `insgen train` that stands in the reason for which a run stopped; gives its exit status."""
    said = shlex.split(reason.split("`")[1])
    start = [sys.executable, "-c", "from insgen.cli.main import main; main()"]
    return subprocess.run([*start, *said[1:], "--quiet"], env=dict(os.environ), check=False, timeout=300).returncode


def test_outside_command_trains_as_the_project_would(make: Make) -> None:
    changes = 'template = "alpaca"\nmax_tokens = 40\ndtype = "bfloat16"\nwarmup = 0.1\nsteps = 2\nlora_rank = 2\n'
    config = PLAIN.replace("batch = 100", "batch = 100\nrounds = 1") + "[project]\nseed = 5\n"
    inside, outside = (
        make(config.replace("[train]\n", f"[train]\n{each}{changes}")) for each in ("", "outside = true\n")
    )
    play(inside)

    assert train_as_told(play(outside).reason) == 0
    ours, theirs = (
        json.loads((folder / "models" / "round-0001" / "train.json").read_text())["settings"]
        for folder in (inside, outside)
    )
    assert {name for name in ours if ours[name] != theirs[name]} == {"model", "plan"}  # folder, and how it came
    play(outside)
    assert told(outside) == told(inside)


def test_outside_command_leaves_out_what_is_usual(make: Make) -> None:
    usual = PLAIN.replace("[train]\n", "[train]\noutside = true\nmax_tokens = 2048\n").replace(
        "checkpoint_every = 2\n", ""
    )
    said = play(make(usual)).reason.split("`")[1].split()

    assert [word for word in said if word.startswith("--")] == [
        "--model",
        "--batches",
        "--epochs",
        "--lr",
        "--out",
        "--seed",
    ]


def test_uncertainty_baseline_asks_the_model_just_trained(make: Make) -> None:
    config = EVOLVING.replace('["embed"]', '["embed", "select"]').replace("first = 4", 'first = 4\nby = "margin"')
    project = make(config)
    play(project)

    assert query(project, "SELECT count(*) FROM members") == [(14,)]
    margins = [row[0] for row in query(project, "SELECT utility FROM members WHERE rank > 4 ORDER BY rank")]
    assert margins[:5] == sorted(margins[:5], reverse=True)
    assert all(-5 < margin < 0 for margin in margins)  # type: ignore[operator]  # numbers


def test_pool_without_answers_is_embedded_and_then_named_as_unteachable(make: Make) -> None:
    questions = [{**row, "output": ""} for row in ROWS]
    project = make(EVOLVING.replace('"alpaca"', '"alpaca-question"'), questions)
    with pytest.raises(DataError, match="None of the 4 rows of the plan can be trained on"):
        play(project)

    assert query(project, "SELECT members FROM bank_versions") == [(4,)]


def test_check_and_preview_train_nothing(make: Make) -> None:
    project = make(EVOLVING)
    assert [finding for finding in check_project(project, ()) if not finding.ok] == []
    assert len(preview(project, (), 5).candidates) == 5
    assert not (project / "models").exists()
    play(project, rounds=1)
    assert [finding for finding in check_project(project, ()) if not finding.ok] == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (TRAIN + 'serves = ["embed"]\n', "", r"train_every: there is no \[train\]"),
        ('["embed"]', '["judge"]', "serves"),
        ("max_tokens = 64", 'path = "model"', r"path names a model, and so does \[train\] serves"),
        ("epochs = 1", "epochs = 0", "epochs is 0"),
        ('"target_model"', '"hashing"', 'there is no key "text"|there is no key'),
    ],
)
def test_config_that_cannot_be_is_refused(make: Make, old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Assembly(make(EVOLVING.replace(old, new)))


def test_train_section_is_read_with_its_defaults(make: Make) -> None:
    config, _ = load_config(make(EVOLVING))

    assert config.train is not None
    assert (config.train.epochs, config.train.serves, config.train.out) == (1, ("embed",), "models")
