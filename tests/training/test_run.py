"""A training run in its folder: killed, diverged, called again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.models import answered_rows, save_model

from insgen import Candidate, ConfigError, DataError, TrainingStep
from insgen.training.checkpoints import checkpoints, step_of
from insgen.training.lora import LoraOptions
from insgen.training.run import TrainResult, TrainRun, TrainSettings
from insgen.training.steps import DivergedError, StepOptions
from insgen.training.target import ModelOptions

ROWS = answered_rows(18)
BATCHES = [ROWS[:6], ROWS[6:12], ROWS[12:]]
KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from test_run import BATCHES, settings
from insgen.training.run import TrainRun

def watch(record, total):
    if record.step == 4:
        os.kill(os.getpid(), signal.SIGKILL)

TrainRun(Path(sys.argv[3]), settings(Path(sys.argv[2]))).play(BATCHES, watch)
"""


def settings(model: Path, **changes: Any) -> TrainSettings:
    """Six steps with dropout, so that random numbers count too; a checkpoint every third."""
    plain = TrainSettings(
        ModelOptions(str(model)), optimiser=StepOptions(lr=1e-2, rows_at_once=4), epochs=2, checkpoint_every=3, round=7
    )
    return replace(plain, **changes)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("models") / "gpt2", kind="gpt2", dropout=0.2)


def play(folder: Path, chosen: TrainSettings, batches: list[list[Candidate]] = BATCHES) -> TrainResult:
    return TrainRun(folder, chosen).play(batches, lambda _record, _total: None)


def records(folder: Path) -> list[dict[str, Any]]:
    """What the file says, without what differs from run to run."""
    rows = [json.loads(line) for line in (folder / "feedback.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if key not in ("time", "run_id")} for row in rows]


def executed(row: dict[str, Any]) -> list[str]:
    return sorted(id_ for micro in row["items"] for id_ in micro)


def weights(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in (folder / "model").glob("*.safetensors")}


def test_killed_run_ends_with_the_weights_and_records_of_one_left_alone(model: Path, tmp_path: Path) -> None:
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    result = play(alone, settings(model))
    command = [sys.executable, "-c", KILLED, str(Path(__file__).parent), str(model), str(killed)]
    search = {"PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(command, env={**os.environ, **search}, check=False, timeout=300)

    assert done.returncode == -signal.SIGKILL
    assert len(records(killed)) == 4
    assert list(map(step_of, checkpoints(killed))) == [3]
    again = play(killed, settings(model))
    assert (result.n_new, again.n_new, again.n_steps) == (6, 3, 6)
    assert records(killed) == records(alone)
    assert weights(killed) == weights(alone)
    before = records(killed)
    assert play(killed, settings(model)).n_new == 0
    assert (records(killed), weights(killed)) == (before, weights(alone))


def test_checkpoints_go_once_the_model_is_saved_also_after_a_kill_between_the_two(model: Path, tmp_path: Path) -> None:
    play(tmp_path / "run", settings(model))
    assert sorted(each.name for each in (tmp_path / "run").iterdir()) == ["feedback.jsonl", "model", "train.json"]

    for left in ("checkpoint-000006", ".checkpoint-000003.part"):
        (tmp_path / "run" / left).mkdir()
        (tmp_path / "run" / left / "optimizer.pt").write_bytes(b"half of it")
    assert play(tmp_path / "run", settings(model)).n_new == 0
    assert sorted(each.name for each in (tmp_path / "run").iterdir()) == ["feedback.jsonl", "model", "train.json"]


def test_records_tell_what_was_executed(model: Path, tmp_path: Path) -> None:
    result = play(tmp_path / "run", settings(model))

    rows = records(tmp_path / "run")
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [executed(row) for row in rows] == [sorted(row.id for row in batch) for batch in BATCHES * 2]
    assert all(row["grad_norm"] > 0 and row["grad_norm_kind"] == "pre_clip" and row["round"] == 7 for row in rows)
    assert all(set(row["item_loss"]) == set(executed(row)) for row in rows)
    assert result.losses == (rows[0]["loss"], rows[-1]["loss"])


def test_lora_trains_and_saves_its_matrices_alone(model: Path, tmp_path: Path) -> None:
    result = play(tmp_path / "run", settings(model, lora=LoraOptions(rank=2), epochs=1))

    assert {each.name for each in result.model.glob("adapter*")} == {"adapter_config.json", "adapter_model.safetensors"}
    assert records(tmp_path / "run")[0]["trainable_params"] < 3000


def test_diverged_run_goes_on_with_another_learning_rate(model: Path, tmp_path: Path) -> None:
    wild = settings(model, optimiser=StepOptions(lr=1e30))
    with pytest.raises(DivergedError, match="diverged at step 2 of 6"):
        play(tmp_path / "run", wild)
    assert [row["step"] for row in records(tmp_path / "run")] == [1]

    result = play(tmp_path / "run", settings(model))
    assert (result.n_new, result.n_steps) == (6, 6)
    assert [row["lr"] <= 1e-2 for row in records(tmp_path / "run")] == [True] * 6


def test_other_settings_are_refused_by_name(model: Path, tmp_path: Path) -> None:
    play(tmp_path / "run", settings(model, steps=1))

    with pytest.raises(ConfigError, match="steps was 1 and is 2, seed was 0 and is 1"):
        play(tmp_path / "run", settings(model, steps=2, seed=1))
    with pytest.raises(ConfigError, match="its plan names other rows"):
        play(tmp_path / "run", settings(model, steps=1), BATCHES[:2])


def test_folder_of_something_else_is_left_alone(model: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("all of it")
    with pytest.raises(DataError, match="not empty"):
        play(tmp_path, settings(model))
    assert [each.name for each in tmp_path.iterdir()] == ["thesis.tex"]


def test_model_that_is_not_there_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be loaded"):
        play(tmp_path / "run", settings(tmp_path / "nowhere"))
    assert not (tmp_path / "run").exists()


def test_rows_that_teach_nothing_are_left_out_and_counted(model: Path, tmp_path: Path) -> None:
    silent = Candidate("explain the pod")
    endless = Candidate("explain " + "a " * 100, output="pod")
    result = play(tmp_path / "run", settings(model, epochs=1), [[silent, endless], [*ROWS[:2], silent]])

    assert result.left_out == {"no answer": 1, "a question that fills max_tokens": 1}
    assert result.n_cut == 1
    assert [executed(row) for row in records(tmp_path / "run")] == [sorted(r.id for r in ROWS[:2])]
    with pytest.raises(DataError, match="None of the 1 rows"):
        play(tmp_path / "other", settings(model), [[silent]])


def test_damaged_checkpoint_is_named(model: Path, tmp_path: Path) -> None:
    def stop(record: TrainingStep, _total: int) -> None:
        if record.step == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        TrainRun(tmp_path / "run", settings(model)).play(BATCHES, stop)
    (checkpoints(tmp_path / "run")[-1] / "optimizer.pt").write_bytes(b"not a pickle")

    with pytest.raises(DataError, match=r"checkpoint-000003 cannot be read"):
        play(tmp_path / "run", settings(model))


def test_watcher_is_told_of_every_step(model: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    def watch(record: TrainingStep, total: int) -> None:
        seen.append((record.step, total))

    TrainRun(tmp_path / "run", settings(model)).play(BATCHES, watch)
    assert seen == [(step, 6) for step in range(1, 7)]


@pytest.mark.parametrize("rank", [0, 2])
def test_bfloat16_trains_nearly_the_same(tmp_path: Path, rank: int) -> None:
    from safetensors.torch import load_file

    folder = save_model(tmp_path / "llama")
    losses = {}
    for dtype in ("float32", "bfloat16"):
        chosen = replace(settings(folder), model=ModelOptions(str(folder), dtype=dtype), lora=LoraOptions(rank))
        result = play(tmp_path / dtype, chosen)
        losses[dtype] = [row["loss"] for row in records(tmp_path / dtype)]
        (weights,) = (load_file(each) for each in result.model.glob("*.safetensors"))
        assert {str(each.dtype) for each in weights.values()} == {"torch.float32"}  # what is trained stays exact

    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.02)
    assert losses["bfloat16"] != losses["float32"]
