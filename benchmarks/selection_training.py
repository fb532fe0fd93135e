"""Selections made inside training, measured by what a model learns from them: held-out loss at equal update budgets.

    python benchmarks/selection_training.py POOL.jsonl.gz [--pool 2000] [--shares 0.05 0.25] [--seeds 5] [--steps 100]
        [--held-out 200] [--raise]

POOL holds one row per line (``instruction``, ``input``, ``output``). For every seed a pool and held-out rows are
drawn, a small causal language model with random weights is made of the pool's texts, and every method chooses the same
shares of the pool: at random; least confidence; k-center in one go, by the untrained model; DiverseEvol, which trains
and embeds anew between its three rounds; RAISE, by a policy learned with the ``small`` preset (with ``--raise``:
minutes more per seed). The papers choose 1 % to 5 % for models that know a language already; one that knows nothing
needs more, hence the defaults. On each choice, and on the whole pool, a model is then trained from the same weights for
the same number of optimiser steps. Printed are mean and standard deviation over the seeds of the mean loss per held-out
row, in nats per token (lower is better), and the difference from random, paired by seed, with its 95 % interval.

Last: texts per second of the embedder `target_model`, against one text per forward pass.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch
from _training import Setting, paired, read_rows, setting_of, spread

from insgen import Candidate, PolicyPlan, Pool, learn_policy, rank_by_policy
from insgen.plugins.embedders.target_model import TargetModelEmbedder
from insgen.plugins.selectors.diverseevol import DiverseEvolSelector
from insgen.training.small import SmallModelOptions
from insgen.training.steps import StepOptions, Training
from insgen.training.target import TargetModel
from insgen.training.templates import alpaca

MAX_TOKENS, BATCH, ROUNDS, LR = 128, 16, 3, 3e-3
SIZE = SmallModelOptions(vocabulary=1000, width=64, layers=2, heads=4, context=MAX_TOKENS)


@dataclass(frozen=True)
class Trial:
    """One seed's setting, and how long a model is trained on a choice.

    :ivar steps: optimiser steps of each training.
    """

    setting: Setting
    steps: int

    def trained(self, rows: Sequence[Candidate]) -> TargetModel:
        """Train from the untrained weights, the rows in a new order each time through."""
        target = self.setting.untrained()
        training = Training(target, StepOptions(LR, rows_at_once=BATCH), self.steps)
        encoded = [each for each in map(target.encode, rows) if each.n_targets]
        rng, line = Random(self.setting.seed), list[int]()
        for _ in range(self.steps):
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
                self.trained(members).save(model)
        return members

    def raised(self, size: int) -> list[Candidate]:
        """Choose by a policy that was learned on this pool, once."""
        rows, model = self.setting.rows, self.setting.model
        folder = model.parent / "policy"
        learn_policy(rows, folder, PolicyPlan("small", str(model), lr=LR, seed=self.setting.seed))
        return [rows[row] for row, _, _ in rank_by_policy(rows, folder)[:size]]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--pool", type=int, default=2000)
    parser.add_argument("--shares", type=float, nargs="+", default=[0.05, 0.25], help="of the pool, each above 0 to 1")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--held-out", type=int, default=200)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--raise", dest="with_raise", action="store_true")
    plan = parser.parse_args()
    torch.set_num_threads(1)  # two are no faster for a model of this size, and far slower on a busy machine
    rows = read_rows(plan.path, plan.pool + plan.held_out)
    losses: dict[tuple[str, float], list[float]] = defaultdict(list)
    for seed in range(1, plan.seeds + 1):
        drawn = Random(seed).sample(rows, plan.pool + plan.held_out)
        with setting_of(seed, drawn, plan.held_out, SIZE) as setting:
            measure(Trial(setting, plan.steps), losses, plan)
            if seed == 1:
                throughput(setting)
    print(f"\nheld-out loss (nats per token), {plan.seeds} seeds, pool {plan.pool}, {plan.steps} steps each")
    report(losses)


def measure(trial: Trial, losses: dict[tuple[str, float], list[float]], plan: argparse.Namespace) -> None:
    """Train on every method's choice."""
    setting = trial.setting
    methods: dict[str, Callable[[int], list[Candidate]]] = {
        "random": lambda size: Random(setting.seed).sample(setting.rows, size),
        "least confidence": lambda size: trial.evolved(size, "least_confidence"),
        "k-center, one shot": lambda size: trial.evolved(size, "greedy", one_shot=True),
        "DiverseEvol": lambda size: trial.evolved(size, "greedy"),
    }
    if plan.with_raise:
        methods["RAISE"] = trial.raised
    for share in plan.shares:
        for name, choose in methods.items():
            began = time.perf_counter()
            loss = setting.loss(trial.trained(choose(round(share * len(setting.rows)))))
            losses[name, share].append(loss)
            seconds = time.perf_counter() - began
            print(f"seed {setting.seed}  {share:4.0%}  {name:20} {loss:.4f}  {seconds:.1f} s", flush=True)
    losses["full data", 1.0].append(setting.loss(trial.trained(setting.rows)))
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
