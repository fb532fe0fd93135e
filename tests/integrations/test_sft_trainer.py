"""TRL's `SFTTrainer`: the same three lines; packed rows are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest
from support.models import answered_rows, save_model
from transformers import AutoTokenizer

from insgen import ConfigError, TrainingStep
from insgen.feedback import read_feedback
from insgen.integrations.transformers import record_feedback

pytest.importorskip("trl")
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # of the libraries about one another
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*pin_memory.*:UserWarning"),  # there is no GPU to pin it for
    pytest.mark.filterwarnings("ignore:.*experimental.*:UserWarning"),
]
ROWS = answered_rows(16)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Any]:
    from trl import SFTConfig, SFTTrainer

    folder = save_model(tmp_path / "llama")
    rows = [{"id": row.id, "prompt": f"{row.instruction} ", "completion": f"{row.output} </s>"} for row in ROWS]

    def build(peft_config: Any = None, **changes: Any) -> Any:
        plain = {
            "per_device_train_batch_size": 2,
            "gradient_accumulation_steps": 2,
            "max_steps": 4,
            "max_length": 64,
            "logging_steps": 1,
            "remove_unused_columns": False,
            "report_to": [],
            "disable_tqdm": True,
            "use_cpu": True,
            "bf16": False,
        }
        return SFTTrainer(
            str(folder),
            SFTConfig(str(tmp_path / "trained"), **{**plain, **changes}),
            train_dataset=datasets.Dataset.from_list(rows),
            processing_class=AutoTokenizer.from_pretrained(folder, pad_token="</s>"),
            peft_config=peft_config,
        )

    return build


def recorded(path: Path) -> list[TrainingStep]:
    return [each.record for each in read_feedback(path) if isinstance(each.record, TrainingStep)]


@pytest.mark.parametrize("changes", [{}, {"dataloader_num_workers": 2}, {"label_smoothing_factor": 0.1}])
def test_every_row_of_an_epoch_is_recorded_once(make: Callable[..., Any], tmp_path: Path, changes: Any) -> None:
    trainer = make(**changes)
    record_feedback(trainer, tmp_path / "feedback.jsonl")
    trainer.train()

    found = recorded(tmp_path / "feedback.jsonl")
    logged = [log for log in trainer.state.log_history if "loss" in log]
    assert [[len(micro) for micro in step.items] for step in found] == [[2, 2]] * 4
    assert sorted(id_ for step in found for micro in step.items for id_ in micro) == sorted(row.id for row in ROWS)
    assert [step.grad_norm for step in found] == [log["grad_norm"] for log in logged]
    answers = {row.id: len(row.output.split()) + 1 for row in ROWS}
    assert [step.n_target_tokens for step in found] == [
        sum(answers[id_] for micro in step.items for id_ in micro) for step in found
    ]


def test_lora_is_recorded_with_its_own_parameters(make: Callable[..., Any], tmp_path: Path) -> None:
    from peft import LoraConfig

    trainer = make(LoraConfig(task_type="CAUSAL_LM", r=2, target_modules=["q_proj"]), max_steps=1)
    record_feedback(trainer, tmp_path / "feedback.jsonl")
    trainer.train()

    assert [step.trainable_params for step in recorded(tmp_path / "feedback.jsonl")] == [2 * 2 * (16 + 16)]


def test_packed_rows_are_refused(make: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="packs several rows into one") as raised:
        record_feedback(make(packing=True, packing_strategy="wrapped"), tmp_path / "feedback.jsonl")
    assert "packing=False" in str(raised.value)
