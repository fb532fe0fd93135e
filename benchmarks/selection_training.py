"""Selections made inside training, measured by what a model learns from them: held-out loss at equal update budgets.

    python benchmarks/selection_training.py POOL.jsonl.gz [--pool 8000] [--shares 0.01 0.05] [--seeds 5] [--epochs 5]
        [--held-out 200] [--episodes 8] [--methods random "RAISE, step by step"]

POOL holds one row per line (``instruction``, ``input``, ``output``). For every seed a pool and held-out rows are
drawn, and a small causal language model with random weights is made of the pool's texts. A share of the pool stands for
a budget of updates: as many optimiser steps as `--epochs` times through that share make. Every method has the same:

- the whole pool, and as many rows drawn at random;
- least confidence, and k-center by the untrained model in one go;
- DiverseEvol, which trains and embeds anew between its three rounds;
- RAISE as a set: the same number of rows, those that a policy learned on this pool puts first;
- RAISE step by step: the policy chooses every batch out of the whole pool, as the paper has it. Its policy costs
  `--episodes` trainings of the same length before (the paper has 20), which nobody else is given.

Every training begins from the same weights. Printed are mean and standard deviation over the seeds of the mean loss per
held-out row, in nats per token (lower is better), and the difference from random, paired by seed, with its 95 %
interval. For comparison the untrained model, and one trained on the whole pool once.

Last: texts per second of the embedder `target_model`, against one text per forward pass.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from random import Random

import numpy as np
import torch
from _training import Setting, paired, read_rows, setting_of, spread

from insgen import Candidate, PolicyPlan, Pool, learn_policy, rank_by_policy
from insgen.plugins.embedders.target_model import TargetModelEmbedder
from insgen.plugins.selectors.diverseevol import DiverseEvolSelector
from insgen.training.raising.applying import ApplySettings, apply_policy
from insgen.training.small import SmallModelOptions
from insgen.training.steps import StepOptions, Training
from insgen.training.target import ModelOptions, TargetModel
from insgen.training.templates import alpaca

MAX_TOKENS, BATCH, ROUNDS, LR = 128, 16, 3, 3e-3
SIZE = SmallModelOptions(vocabulary=1000, width=64, layers=2, heads=4, context=MAX_TOKENS)
METHODS = (
    "random",
    "whole pool",
    "least confidence",
    "k-center, one shot",
    "DiverseEvol",
    "RAISE, as a set",
    "RAISE, step by step",
)
OPTIMISER = StepOptions(LR, warmup=0.0, rows_at_once=BATCH)


@dataclass(frozen=True)
class Trial:
    """One seed's setting, and how long a model is trained.

    :ivar epochs: times through a choice that a training lasts.
    :ivar episodes: trainings that a policy is learned from.
    """

    setting: Setting
    epochs: float
    episodes: int

    def steps(self, n_rows: int) -> int:
        """Optimiser steps of a training on so many rows."""
        return math.ceil(self.epochs * n_rows / BATCH)

    def trained(self, rows: Sequence[Candidate], steps: int) -> TargetModel:
        """Train from the untrained weights, the rows in a new order each time through."""
        target = self.setting.untrained()
        training = Training(target, OPTIMISER, steps)
        encoded = [each for each in map(target.encode, rows) if each.n_targets]
        rng, line = Random(self.setting.seed), list[int]()
        for _ in range(steps):
            while len(line) < min(BATCH, len(encoded)):
                line += rng.sample(range(len(encoded)), len(encoded))
            training.advance([encoded[place] for place in dict.fromkeys(line[:BATCH])])
            del line[:BATCH]
        return target

    def evolved(self, size: int, by: str, *, one_shot: bool = False) -> list[Candidate]:
        """Choose by the selector `diverseevol`, in rounds with a model trained on what was chosen before each."""
        step = size if one_shot else -(-size // ROUNDS)
        members: list[Candidate] = []
        model, seed = self.setting.model, self.setting.seed
        while len(members) < size:
            chosen = {row.id for row in members}
            everyone = [*members, *(row for row in self.setting.rows if row.id not in chosen)]
            embedder = TargetModelEmbedder(path=model, max_tokens=MAX_TOKENS, batch_size=32)
            vectors = embedder.embed(["".join(piece.text for piece in alpaca(row, "")) for row in everyone])
            pool = Pool(tuple(everyone), vectors, np.zeros(len(everyone)), len(members))
            first = -(-size // ROUNDS)
            selector = DiverseEvolSelector(
                first=first,
                step=0 if one_shot else step,
                by=by,
                path=model,
                max_tokens=MAX_TOKENS,  # type: ignore[arg-type]  # by name
            )
            ranking = selector.select(pool, size, self.setting.workshop.bank(), Random(seed), "").ranking
            by_id = {row.id: row for row in self.setting.rows}
            members = [by_id[place.candidate_id] for place in ranking]
            if len(members) < size:
                model = Path(tempfile.mkdtemp(dir=self.setting.model.parent))
                self.trained(members, self.steps(len(members))).save(model)
        return members

    def policy(self, steps: int) -> Path:
        """Learn a policy on this pool, for a training of so many steps."""
        setting = self.setting
        folder = setting.model.parent / f"policy-{steps}"
        model, rounds = str(setting.model), self.episodes
        plan = PolicyPlan("small", model, rounds=rounds, steps=steps, batch=BATCH, lr=LR, seed=setting.seed)
        learn_policy(setting.rows, folder, plan)
        return folder

    def raised(self, size: int) -> list[Candidate]:
        """Choose the rows that a policy puts first."""
        rows = self.setting.rows
        return [rows[row] for row, _, _ in rank_by_policy(rows, self.policy(self.steps(size)))[:size]]

    def stepwise(self, size: int) -> TargetModel:
        """Train on what a policy chooses for every step."""
        setting, steps = self.setting, self.steps(size)
        torch.manual_seed(setting.seed)
        settings = ApplySettings(ModelOptions(str(setting.model)), OPTIMISER, steps=steps, seed=setting.seed)
        out = setting.model.parent / f"applied-{steps}"
        applied = apply_policy(setting.rows, self.policy(steps), out, settings, lambda _played: None)
        batches = [json.loads(line)["ids"] for line in applied.plan.read_text("utf-8").splitlines()]
        print(f"    its {steps} batches hold {len(set(chain(*batches)))} rows ({size} in the share)")
        return TargetModel.load(ModelOptions(str(applied.model), max_tokens=setting.max_tokens, device="cpu"))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--pool", type=int, default=8000)
    parser.add_argument("--shares", type=float, nargs="+", default=[0.01, 0.05], help="of the pool, each above 0 to 1")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--held-out", type=int, default=200)
    parser.add_argument("--epochs", type=float, default=5.0, help="times through a choice")
    parser.add_argument("--episodes", type=int, default=8, help="trainings that RAISE learns a policy from")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    plan = parser.parse_args()
    torch.set_num_threads(1)  # two are no faster for a model of this size, and far slower on a busy machine
    rows = read_rows(plan.path, plan.pool + plan.held_out)
    losses: dict[tuple[str, float], list[float]] = defaultdict(list)
    for seed in range(1, plan.seeds + 1):
        drawn = Random(seed).sample(rows, plan.pool + plan.held_out)
        with setting_of(seed, drawn, plan.held_out, SIZE) as setting:
            measure(Trial(setting, plan.epochs, plan.episodes), losses, plan)
            if seed == 1:
                throughput(setting)
    print(f"\nheld-out loss (nats per token), {plan.seeds} seeds, pool {plan.pool}, {plan.epochs:g} times a share")
    report(losses)


def measure(trial: Trial, losses: dict[tuple[str, float], list[float]], plan: argparse.Namespace) -> None:
    """Train by every method that is asked for."""
    setting = trial.setting

    def on(choose: Callable[[int], list[Candidate]]) -> Callable[[int], TargetModel]:
        return lambda size: trial.trained(choose(size), trial.steps(size))

    trainings: Sequence[Callable[[int], TargetModel]] = (
        on(lambda size: Random(setting.seed).sample(setting.rows, size)),
        on(lambda _size: setting.rows),
        on(lambda size: trial.evolved(size, "least_confidence")),
        on(lambda size: trial.evolved(size, "greedy", one_shot=True)),
        on(lambda size: trial.evolved(size, "greedy")),
        on(trial.raised),
        trial.stepwise,
    )
    methods = {name: train for name, train in zip(METHODS, trainings, strict=True) if name in plan.methods}
    for share in plan.shares:
        for name, train in methods.items():
            began = time.perf_counter()
            loss = setting.loss(train(round(share * len(setting.rows))))
            losses[name, share].append(loss)
            seconds = time.perf_counter() - began
            print(f"seed {setting.seed}  {share:4.0%}  {name:20} {loss:.4f}  {seconds:.1f} s", flush=True)
    n_rows = len(setting.rows)
    losses["whole pool once", 1.0].append(setting.loss(trial.trained(setting.rows, math.ceil(n_rows / BATCH))))
    losses["untrained", 0.0].append(setting.loss(setting.untrained()))


def report(losses: dict[tuple[str, float], list[float]]) -> None:
    """Print mean and spread, and what holds against random."""
    for (name, share), found in losses.items():
        line = f"{share:4.0%}  {name:20} {statistics.fmean(found):.4f} +- {spread(found):.4f}"
        base = losses.get(("random", share))
        if base and name != "random":
            gap = paired(found, base)
            line += f"   {gap} against random: {gap.verdict}"
        print(line)


def throughput(setting: Setting) -> None:
    """Time the embedder with and without batches."""
    texts = ["".join(piece.text for piece in alpaca(row, "")) for row in setting.rows[:256]]
    rates = {}
    for size in (1, 32):
        embedder = TargetModelEmbedder(path=setting.model, max_tokens=MAX_TOKENS, batch_size=size)
        embedder.embed(texts[:8])
        taken = []
        for _ in range(3):
            began = time.perf_counter()
            embedder.embed(texts)
            taken.append(len(texts) / (time.perf_counter() - began))
        rates[size] = statistics.median(taken)
    print(
        f"embedding: {rates[1]:.0f} texts/s one by one, {rates[32]:.0f} in batches ({rates[32] / rates[1]:.1f} times)"
    )


if __name__ == "__main__":
    main()
