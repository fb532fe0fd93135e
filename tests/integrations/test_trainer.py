"""The real `Trainer`, on a CPU: what its feedback says is what it did."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from support.models import answered_rows, save_model
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    DataCollatorForSeq2Seq,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from insgen import ConfigError, DataError, StageError, TrainingStep
from insgen.feedback import read_feedback
from insgen.integrations.transformers import planned_rows, record_feedback

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # of the libraries about one another
    pytest.mark.filterwarnings("ignore:.*pin_memory.*:UserWarning"),  # there is no GPU to pin it for
]
Rows = Sequence[dict[str, Any]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("models") / "llama")


@pytest.fixture(scope="module")
def rows(folder: Path) -> Rows:
    tokenizer = AutoTokenizer.from_pretrained(folder)

    def encode(instruction: str, output: str, id_: str) -> dict[str, Any]:
        asked, said = (tokenizer(text)["input_ids"] for text in (instruction, f"{output} </s>"))
        labels = [-100] * len(asked) + said
        return {"id": id_, "input_ids": asked + said, "attention_mask": [1] * len(labels), "labels": labels}

    return [encode(row.instruction, row.output, row.id) for row in answered_rows(24)]


@pytest.fixture
def make(folder: Path, rows: Rows, tmp_path: Path) -> Callable[..., Trainer]:
    """Make a trainer of steps of six rows; changes are those of its arguments."""
    ids = [row["id"] for row in rows]
    plan = [ids[start::4] for start in range(4)]

    def build(dataset: Any = None, model: Any = None, **changes: Any) -> Trainer:
        plain = {
            "per_device_train_batch_size": 3,
            "gradient_accumulation_steps": 2,
            "num_train_epochs": 2,
            "logging_steps": 1,
            "remove_unused_columns": False,
            "save_steps": 3,
            "learning_rate": 1e-2,
            "disable_tqdm": True,
            "report_to": [],
            "use_cpu": True,
        }
        args = TrainingArguments(str(tmp_path / "trained"), **{**plain, **changes})
        tokenizer = AutoTokenizer.from_pretrained(folder, pad_token="</s>")
        model = model or AutoModelForCausalLM.from_pretrained(folder)
        dataset = dataset if dataset is not None else planned_rows(plan, rows, args)
        return Trainer(model, args, DataCollatorForSeq2Seq(tokenizer), dataset, eval_dataset=list(rows[:3]))

    return build


def steps(path: Path) -> list[TrainingStep]:
    return [each.record for each in read_feedback(path) if isinstance(each.record, TrainingStep)]


def batches(found: Sequence[TrainingStep]) -> list[list[str]]:
    return [[id_ for micro in step.items for id_ in micro] for step in found]


@pytest.mark.parametrize("workers", [0, 2])
def test_planned_batches_are_executed_and_recorded_in_order(
    make: Callable[..., Trainer], rows: Rows, tmp_path: Path, workers: int
) -> None:
    trainer = make(dataloader_num_workers=workers, eval_strategy="steps", eval_steps=4)
    record_feedback(trainer, tmp_path / "feedback.jsonl", round=3, run_id="mine")
    trainer.train()

    found = steps(tmp_path / "feedback.jsonl")
    ids = [row["id"] for row in rows]
    assert batches(found) == [ids[start::4] for start in range(4)] * 2
    assert [len(micro) for step in found for micro in step.items] == [3, 3] * 8
    logged = [log for log in trainer.state.log_history if "loss" in log]
    assert [(step.loss, step.grad_norm, step.lr) for step in found] == [
        (log["loss"], log["grad_norm"], log["learning_rate"]) for log in logged
    ]
    assert {(step.run_id, step.round, step.grad_norm_kind, step.max_grad_norm) for step in found} == {
        ("mine", 3, "pre_clip", 1.0)
    }
    targets = {row["id"]: sum(label != -100 for label in row["labels"]) for row in rows}
    assert [step.n_target_tokens for step in found] == [sum(targets[id_] for id_ in each) for each in batches(found)]
    assert found[0].trainable_params == sum(each.numel() for each in trainer.model.parameters())


def test_shuffled_rows_are_recorded_as_executed_with_their_norm_before_clipping(
    make: Callable[..., Trainer], rows: Rows, tmp_path: Path
) -> None:
    norms: list[float] = []

    class Norms(TrainerCallback):
        def on_pre_optimizer_step(self, *_: Any, model: Any, **__: Any) -> None:
            norms.append(math.sqrt(sum(float(each.grad.double().square().sum()) for each in model.parameters())))

    def play(limit: float) -> list[TrainingStep]:
        path = tmp_path / f"{limit}.jsonl"
        trainer = make(list(rows), max_grad_norm=limit, max_steps=1)
        trainer.add_callback(Norms())
        record_feedback(trainer, path)
        trainer.train()
        return steps(path)

    clipped, free = play(0.01), play(1e9)
    assert batches(clipped) == batches(free)
    assert set(batches(free)[0]) < {row["id"] for row in rows}
    assert clipped[0].grad_norm == pytest.approx(norms[1])  # what the unclipped run measured itself
    assert norms[0] == pytest.approx(0.01, rel=1e-3)
    assert free[0].grad_norm == pytest.approx(norms[1])


def test_resumed_training_ends_with_the_records_of_one_left_alone(make: Callable[..., Trainer], tmp_path: Path) -> None:
    class Stop(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002 - a signature
            control.should_training_stop = state.global_step == 5

    whole = make()
    record_feedback(whole, tmp_path / "whole.jsonl", run_id="whole")
    whole.train()
    stopped = make()
    record_feedback(stopped, tmp_path / "feedback.jsonl")
    stopped.add_callback(Stop())
    stopped.train()
    assert len(steps(tmp_path / "feedback.jsonl")) == 5

    resumed = make()
    record_feedback(resumed, tmp_path / "feedback.jsonl")
    resumed.train(resume_from_checkpoint=str(tmp_path / "trained" / "checkpoint-3"))
    found, expected = steps(tmp_path / "feedback.jsonl"), steps(tmp_path / "whole.jsonl")
    assert [step.step for step in found] == list(range(1, 9))
    assert len({step.run_id for step in found}) == 1
    assert batches(found) == batches(expected)
    assert [step.grad_norm for step in found] == pytest.approx([step.grad_norm for step in expected], rel=1e-3)


def test_lora_is_recorded_with_its_own_parameters(make: Callable[..., Trainer], folder: Path, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(task_type="CAUSAL_LM", r=2, target_modules=["q_proj"])
    trainer = make(model=get_peft_model(AutoModelForCausalLM.from_pretrained(folder), config), num_train_epochs=1)
    record_feedback(trainer, tmp_path / "feedback.jsonl")
    trainer.train()

    assert [step.trainable_params for step in steps(tmp_path / "feedback.jsonl")] == [
        2 * 2 * (16 * 2 + 16 * 2) // 2
    ] * 4


@pytest.mark.parametrize(
    ("changes", "problem", "cure"),
    [
        ({"logging_steps": 5}, "logs by steps, every 5", "logging_steps=1"),
        ({"logging_strategy": "epoch"}, "logs by epoch", 'logging_strategy="steps"'),
        ({"remove_unused_columns": True}, "drops columns", "remove_unused_columns=False"),
    ],
)
def test_trainer_that_would_lose_something_is_refused_with_the_cure(
    make: Callable[..., Trainer], tmp_path: Path, changes: dict[str, Any], problem: str, cure: str
) -> None:
    with pytest.raises(ConfigError, match=problem) as raised:
        record_feedback(make(**changes), tmp_path / "feedback.jsonl")
    assert cure in str(raised.value)
    assert not (tmp_path / "feedback.jsonl").exists()


def test_training_set_without_ids_is_refused(make: Callable[..., Trainer], rows: Rows, tmp_path: Path) -> None:
    import datasets

    nameless = datasets.Dataset.from_list([{k: v for k, v in row.items() if k != "id"} for row in rows])
    with pytest.raises(ConfigError, match='without the column "id"'):
        record_feedback(make(nameless), tmp_path / "feedback.jsonl")
    trainer = make(list(nameless))  # a plain list does not tell its columns
    record_feedback(trainer, tmp_path / "feedback.jsonl")
    with pytest.raises(StageError, match="without ids"):
        trainer.train()


def test_norm_that_is_missing_or_not_finite_stops_the_training(make: Callable[..., Trainer], tmp_path: Path) -> None:
    class Without(Trainer):
        def log(self, logs: dict[str, float], *args: Any) -> None:
            logs.pop("grad_norm", None)
            super().log(logs, *args)

    silent = make()
    silent.__class__ = Without
    record_feedback(silent, tmp_path / "silent.jsonl")
    with pytest.raises(StageError, match="no norm of the gradient for step 1"):
        silent.train()

    wild = make(learning_rate=1e30)
    record_feedback(wild, tmp_path / "wild.jsonl")
    with pytest.raises(StageError, match="diverged at step 2"):
        wild.train()
    assert [step.step for step in steps(tmp_path / "wild.jsonl")] == [1]


def test_second_training_does_not_write_into_the_first_ones_file(make: Callable[..., Trainer], tmp_path: Path) -> None:
    for place in range(2):
        trainer = make(max_steps=1)
        record_feedback(trainer, tmp_path / "feedback.jsonl")
        with pytest.raises(ConfigError, match="is recorded already"):
            record_feedback(trainer, tmp_path / "other.jsonl")
        if place:
            with pytest.raises(DataError, match="holds the records of run"):
                trainer.train()
        else:
            trainer.train()
    assert len(steps(tmp_path / "feedback.jsonl")) == 1
