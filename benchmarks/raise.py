"""What RAISE costs beside training: choosing the rows of a step, learning from an episode, and the episode in memory.

    python benchmarks/raise.py [--rows 52000] [--steps 49] [--batch 32] [--repeats 15]

Over random columns, two threads. Printed are median and range of one choice (state put together, every row scored, the
best of each class taken, critic and probabilities included), of one PPO update (four passes over all steps), and the
bytes of an episode as it is kept beside those of one that keeps every state.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
import torch

from insgen.training.raising.dialogue import Dialogue
from insgen.training.raising.episode import Table
from insgen.training.raising.learner import Learner
from insgen.training.raising.options import RaiseOptions
from insgen.training.raising.policy import Policy, PolicyFacts
from insgen.training.raising.run import class_centres
from insgen.training.raising.state import Scaling


def spread(seconds: list[float]) -> str:
    """Median and range, in milliseconds."""
    low, middle, high = (1000 * each for each in (min(seconds), statistics.median(seconds), max(seconds)))
    return f"{middle:.1f} ms ({low:.1f}-{high:.1f}, n {len(seconds)})"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    for name, default in (("rows", 52_000), ("steps", 49), ("batch", 32), ("repeats", 15)):
        parser.add_argument(f"--{name}", type=int, default=default)
    chosen = parser.parse_args()
    torch.set_num_threads(2)
    options = RaiseOptions(batch=chosen.batch)
    raw = np.random.default_rng(0).normal(3, 2, (chosen.rows, 4 + options.semantics)).astype(np.float32)
    scaling = Scaling.fit("standard", raw)
    static = scaling.static(raw)
    facts = PolicyFacts(options.semantics, options.hidden, "standard", "b2:none", "none", n_rows=chosen.rows)
    policy = Policy(facts, scaling, class_centres(static, options.classes, 0))
    ids = tuple(f"b2:{row:08d}" for row in range(chosen.rows))
    table = Table(ids, static, scaling, policy.classes(static, ids))

    dialogue = Dialogue(policy, table, options, chosen.steps)
    choosing = []
    for step in range(1, chosen.steps + 1):
        began = time.perf_counter()
        rows = dialogue.propose(step, -2.0 + 0.01 * step)
        choosing.append(time.perf_counter() - began)
        dialogue.report(step, -2.0 + 0.01 * (step + 1), rows)
    print(f"N = {chosen.rows}, B = {chosen.batch}, T = {chosen.steps}, {torch.get_num_threads()} threads")
    print(f"one choice                    {spread(choosing[1:])}")

    learning = []
    for _ in range(max(1, chosen.repeats // 5)):
        began = time.perf_counter()
        Learner(policy, options).learn(dialogue.episode)
        learning.append(time.perf_counter() - began)
    print(f"one PPO update, {options.ppo_epochs} passes      {spread(learning)}")
    kept = dialogue.episode.nbytes
    naive = chosen.rows * (options.semantics + 7) * 4 * chosen.steps
    print(f"an episode                    {kept:,} bytes; with every state {naive:,} ({naive / kept:.1f} times)")


if __name__ == "__main__":
    main()
