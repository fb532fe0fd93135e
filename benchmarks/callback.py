"""What `record_feedback` adds to an optimiser step of a Hugging Face `Trainer`, in per cent.

    python benchmarks/callback.py [--pairs 5] [--steps 12] [--rows 8] [--tokens 128]

A model of some 10 million parameters with random weights is trained on random tokens, twice in turn: with and without
insgen's callback, both logging every step. Printed are the medians of a step, the ratio of each pair, and, as a
measure without the machine's noise, how long insgen's own code takes for one step.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    default_data_collator,
)

from insgen import TrainingStep
from insgen.integrations.executed import KEY, ExecutedIds, IdCollator
from insgen.integrations.transformers import record_feedback
from insgen.training.records import FeedbackFile

CONFIG = LlamaConfig(
    vocab_size=8000, hidden_size=320, intermediate_size=960, num_hidden_layers=6, num_attention_heads=5
)
WARM_UP = 2
"""Steps of each run that do not count."""


class Clock(TrainerCallback):
    """Seconds from the beginning of each step to the beginning of the next."""

    def __init__(self) -> None:
        self.began: list[float] = []

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        """Note the time."""
        self.began.append(time.perf_counter())

    def step_s(self) -> float:
        """Median of a step."""
        steps = [after - before for before, after in zip(self.began, self.began[1:], strict=False)]
        return statistics.median(steps[WARM_UP:])


def rows_of(n: int, tokens: int) -> list[dict[str, Any]]:
    """Random rows with ids as long as insgen's."""
    torch.manual_seed(0)
    table = torch.randint(CONFIG.vocab_size, (n, tokens))
    return [{"id": f"b2:{place:032x}", "input_ids": row, "labels": row} for place, row in enumerate(table)]


def run(
    arguments: argparse.Namespace, model: Any, rows: list[dict[str, Any]], folder: Path, *, recorded: bool
) -> float:
    """Train once and give the median seconds of a step."""
    args = TrainingArguments(
        str(folder),
        per_device_train_batch_size=arguments.rows // 2,
        gradient_accumulation_steps=2,
        max_steps=arguments.steps + WARM_UP + 1,
        logging_steps=1,
        remove_unused_columns=False,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
    )
    clock = Clock()
    data = rows if recorded else [{key: row[key] for key in row if key != "id"} for row in rows]
    trainer = Trainer(model, args, default_data_collator, data, callbacks=[clock])
    if recorded:
        record_feedback(trainer, folder / f"{time.monotonic_ns()}.jsonl")
    trainer.train()
    return clock.step_s()


def own_s(rows: list[dict[str, Any]], folder: Path, n: int = 200) -> float:
    """Median seconds that insgen's code takes for one step of these rows in two micro-batches."""
    model, executed, file = torch.nn.Identity(), ExecutedIds(), FeedbackFile(folder / "own.jsonl")
    collate = IdCollator(lambda batch: {"labels": torch.stack([row["labels"] for row in batch])})
    executed.listen(model)
    half = len(rows) // 2
    taken = []
    for step in range(1, n + 1):
        began = time.perf_counter()
        for micro in (rows[:half], rows[half:]):
            model(0, **{KEY: collate(micro)[KEY]})
        ids, n_targets = executed.take()
        file.append(TrainingStep("run", step, tuple(ids), time.time(), 1, 2.0, 1.0, n_target_tokens=n_targets))
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--rows", type=int, default=8, help="rows of a step, in two micro-batches")
    parser.add_argument("--tokens", type=int, default=128)
    arguments = parser.parse_args()
    model = AutoModelForCausalLM.from_config(CONFIG)
    rows = rows_of(4 * arguments.rows, arguments.tokens)
    print(f"{sum(each.numel() for each in model.parameters()) / 1e6:.1f} M parameters, {arguments}")
    with tempfile.TemporaryDirectory() as name:
        pairs = []
        for number in range(arguments.pairs):
            order = (True, False) if number % 2 else (False, True)
            times = {recorded: run(arguments, model, rows, Path(name), recorded=recorded) for recorded in order}
            pairs.append((times[False], times[True]))
        own = own_s(rows[: arguments.rows], Path(name))
    plain = statistics.median(pair[0] for pair in pairs)
    ratios = sorted(100 * (recorded / bare - 1) for bare, recorded in pairs)
    print(f"a step without: median {plain * 1000:.1f} ms; with: {statistics.median(p[1] for p in pairs) * 1000:.1f} ms")
    print(f"added, pair by pair: median {statistics.median(ratios):+.2f} % ({ratios[0]:+.2f} to {ratios[-1]:+.2f})")
    print(f"insgen's own code: {own * 1000:.3f} ms a step, {100 * own / plain:.2f} %")


if __name__ == "__main__":
    main()
