"""Two real processes that train together over gloo: one file, with what both executed."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from support.models import answered_rows, save_model

from insgen import ConfigError, TrainingStep
from insgen.feedback import read_feedback

SCRIPT = """
import json, sys
from transformers import AutoModelForCausalLM, AutoTokenizer, DataCollatorForSeq2Seq, Trainer, TrainingArguments
from insgen.integrations.transformers import planned_rows, record_feedback

model, rows, plan, out, workers = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(model, pad_token="</s>")
args = TrainingArguments(
    out + "/trained", per_device_train_batch_size=2, gradient_accumulation_steps=2, num_train_epochs=1,
    logging_steps=1, remove_unused_columns=False, use_cpu=True, ddp_backend="gloo", report_to=[], disable_tqdm=True,
    save_strategy="no", accelerator_config={"dispatch_batches": False}, dataloader_num_workers=int(workers),
)
rows = planned_rows(json.loads(plan), json.loads(rows), args)
trainer = Trainer(AutoModelForCausalLM.from_pretrained(model), args, DataCollatorForSeq2Seq(tokenizer), rows)
record_feedback(trainer, out + "/feedback.jsonl")
trainer.train()
if args.process_index == 0:
    print(json.dumps([log for log in trainer.state.log_history if "loss" in log]))
"""


def test_first_process_writes_once_what_both_executed(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    model = save_model(tmp_path / "llama")
    tokenizer = AutoTokenizer.from_pretrained(model)
    rows = []
    for row in answered_rows(24):
        tokens = tokenizer(f"{row.instruction} {row.output}")["input_ids"]
        rows.append({"id": row.id, "input_ids": tokens, "attention_mask": [1] * len(tokens), "labels": tokens})
    ids = [row["id"] for row in rows]
    plan = [ids[start::3] for start in range(3)]  # batches of 8 = 2 rows x 2 micro-batches x 2 processes

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", SCRIPT, str(model), json.dumps(rows), json.dumps(plan), str(tmp_path), "2"]
    both = [
        subprocess.Popen(
            command,
            env={**os.environ, **shared, "RANK": rank, "LOCAL_RANK": rank},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in ("0", "1")
    ]
    told = [each.communicate(timeout=300) for each in both]
    assert [each.returncode for each in both] == [0, 0], told[0][1] + told[1][1]

    found = [each.record for each in read_feedback(tmp_path / "feedback.jsonl")]
    assert all(isinstance(step, TrainingStep) for step in found)
    steps = [step for step in found if isinstance(step, TrainingStep)]
    assert [[id_ for micro in step.items for id_ in micro] for step in steps] == plan  # ranks in turn: planned order
    assert [[len(micro) for micro in step.items] for step in steps] == [[2, 2, 2, 2]] * 3
    logged = json.loads(told[0][0].splitlines()[-1])
    assert [(step.loss, step.grad_norm) for step in steps] == [(log["loss"], log["grad_norm"]) for log in logged]
    targets = {row["id"]: len(row["labels"]) - 1 for row in rows}
    assert [step.n_target_tokens for step in steps] == [sum(targets[id_] for id_ in batch) for batch in plan]


def test_rows_that_one_process_would_cut_up_for_all_are_refused() -> None:
    from types import SimpleNamespace

    from insgen.integrations.planned import planned_rows

    mixing = SimpleNamespace(
        train_batch_size=1,
        world_size=2,
        gradient_accumulation_steps=1,
        accelerator_config=SimpleNamespace(dispatch_batches=None),
    )
    with pytest.raises(ConfigError, match='"dispatch_batches": False'):
        planned_rows([["a", "b"]], [{"id": "a"}, {"id": "b"}], mixing)
