"""Selections made inside training, measured by what a model learns from them: held-out loss at equal update budgets.

    python benchmarks/selection_training.py POOL.jsonl.gz [--pool 1000] [--seeds 5] [--steps 40] [--held-out 200]
        [--raise]

POOL holds one row per line (``instruction``, ``input``, ``output``). For every seed a pool and held-out rows are
drawn, a small causal language model with random weights is made of the pool's texts, and every method chooses 1 % and
5 % of the pool: at random; least confidence; k-center in one go, by the untrained model; DiverseEvol, which trains and
embeds anew between its three rounds; RAISE, by a policy learned with the ``small`` preset (with ``--raise``: minutes
more per seed). On each choice, and on the whole pool, a model is then trained from the same weights for the same number
of optimiser steps. Printed are mean and standard deviation over the seeds of the mean loss per held-out row, in nats
per token (lower is better), and for how many seeds a method beats random.

Last: texts per second of the embedder `target_model`, against one text per forward pass.
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch

from insgen import Candidate, PolicyPlan, Pool, learn_policy, rank_by_policy
from insgen.plugins.embedders.target_model import TargetModelEmbedder
from insgen.plugins.selectors.diverseevol import DiverseEvolSelector
from insgen.testing import Workshop
from insgen.training.small import SmallModelOptions, make_small_model, texts_of
from insgen.training.steps import StepOptions, Training
from insgen.training.target import ModelOptions, TargetModel
from insgen.training.templates import alpaca

MAX_TOKENS, BATCH, ROUNDS, LR = 128, 16, 3, 3e-3
SHARES = (0.01, 0.05)
SIZE = SmallModelOptions(vocabulary=1000, width=64, layers=2, heads=4, context=MAX_TOKENS)


@dataclass
class Setting:
    """One seed's pool, held-out rows and untrained model.

    :ivar model: folder of the untrained model.
    """

    seed: int
    steps: int
    rows: list[Candidate]
    held_out: list[Candidate]
    model: Path
    workshop: Workshop

    def trained(self, rows: Sequence[Candidate]) -> TargetModel:
        """Train from the untrained weights, the rows in a new order each time through."""
        torch.manual_seed(self.seed)
        target = TargetModel.load(ModelOptions(str(self.model), max_tokens=MAX_TOKENS))
        training = Training(target, StepOptions(LR, rows_at_once=BATCH), self.steps)
        encoded = [each for each in map(target.encode, rows) if each.n_targets]
        rng, line = Random(self.seed), list[int]()
        for _ in range(self.steps):
            while len(line) < min(BATCH, len(encoded)):
                line += rng.sample(range(len(encoded)), len(encoded))
            training.advance([encoded[place] for place in dict.fromkeys(line[:BATCH])])
            del line[:BATCH]
        return target

    def loss(self, target: TargetModel) -> float:
        """Mean loss of the held-out rows."""
        losses = target.losses([target.encode(row) for row in self.held_out])
        return statistics.fmean(loss for loss in losses if loss is not None)

    def evolved(self, size: int, by: str, *, one_shot: bool = False) -> list[Candidate]:
        """Choose by the selector `diverseevol`, in rounds with a model trained on what was chosen before each."""
        step = size if one_shot else -(-size // ROUNDS)
        members: list[Candidate] = []
        model = self.model
        while len(members) < size:
            chosen = {row.id for row in members}
            everyone = [*members, *(row for row in self.rows if row.id not in chosen)]
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
            ranking = selector.select(pool, size, self.workshop.bank(), Random(self.seed), "").ranking
            by_id = {row.id: row for row in self.rows}
            members = [by_id[place.candidate_id] for place in ranking]
            if len(members) < size:
                model = Path(tempfile.mkdtemp(dir=self.model.parent))
                self.trained(members).save(model)
        return members

    def raised(self, size: int) -> list[Candidate]:
        """Choose by a policy that was learned on this pool, once."""
        folder = self.model.parent / "policy"
        learn_policy(self.rows, folder, PolicyPlan("small", str(self.model), lr=LR, seed=self.seed))
        return [self.rows[row] for row, _, _ in rank_by_policy(self.rows, folder)[:size]]


def read_rows(path: Path, need: int) -> list[Candidate]:
    """Read rows with answers, each once."""
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        made = [Candidate(row["instruction"], row.get("input") or "", row["output"]) for row in map(json.loads, file)]
    rows = list({row.id: row for row in made if row.output and len(row.instruction + row.input) < 200}.values())
    if len(rows) < need:
        sys.exit(f"{path} holds {len(rows)} usable rows; expected at least {need}")
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--pool", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--held-out", type=int, default=200)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--raise", dest="with_raise", action="store_true")
    chosen = parser.parse_args()
    torch.set_num_threads(2)
    rows = read_rows(chosen.path, chosen.pool + chosen.held_out)
    losses: dict[tuple[str, float], list[float]] = defaultdict(list)
    for seed in range(1, chosen.seeds + 1):
        drawn = Random(seed).sample(rows, chosen.pool + chosen.held_out)
        pool = drawn[chosen.held_out :]
        with tempfile.TemporaryDirectory() as folder, Workshop(Path(folder)) as workshop:
            model = make_small_model(Path(folder) / "small", texts_of(pool), SIZE)
            setting = Setting(seed, chosen.steps, pool, drawn[: chosen.held_out], model, workshop)
            measure(setting, losses, with_raise=chosen.with_raise)
            if seed == 1:
                throughput(setting)
    print(f"\nheld-out loss (nats per token), {chosen.seeds} seeds, pool {chosen.pool}, {chosen.steps} steps each")
    report(losses)


def measure(setting: Setting, losses: dict[tuple[str, float], list[float]], *, with_raise: bool) -> None:
    """Train on every method's choice."""
    methods: dict[str, Callable[[int], list[Candidate]]] = {
        "random": lambda size: Random(setting.seed).sample(setting.rows, size),
        "least confidence": lambda size: setting.evolved(size, "least_confidence"),
        "k-center, one shot": lambda size: setting.evolved(size, "greedy", one_shot=True),
        "DiverseEvol": lambda size: setting.evolved(size, "greedy"),
    }
    if with_raise:
        methods["RAISE"] = setting.raised
    for share in SHARES:
        for name, choose in methods.items():
            began = time.perf_counter()
            loss = setting.loss(setting.trained(choose(round(share * len(setting.rows)))))
            losses[name, share].append(loss)
            seconds = time.perf_counter() - began
            print(f"seed {setting.seed}  {share:4.0%}  {name:20} {loss:.4f}  {seconds:.1f} s", flush=True)
    losses["full data", 1.0].append(setting.loss(setting.trained(setting.rows)))
    losses["untrained", 0.0].append(setting.loss(TargetModel.load(ModelOptions(str(setting.model)))))


def report(losses: dict[tuple[str, float], list[float]]) -> None:
    """Print mean and spread, and what holds against random."""
    for (name, share), found in losses.items():
        spread = statistics.stdev(found) if len(found) > 1 else 0.0
        line = f"{share:4.0%}  {name:20} {statistics.fmean(found):.4f} +- {spread:.4f}"
        base = losses.get(("random", share))
        if base and name != "random":
            gains = [ours - theirs for ours, theirs in zip(found, base, strict=True)]
            better, even = sum(gain < 0 for gain in gains), abs(statistics.fmean(gains)) < (spread or 1e9) / 2
            verdict = "no clear difference" if even else "better" if statistics.fmean(gains) < 0 else "worse"
            line += f"   {statistics.fmean(gains):+.4f} against random, better for {better} of {len(gains)}: {verdict}"
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
