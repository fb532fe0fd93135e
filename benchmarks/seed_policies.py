"""What a seed policy is worth: kept rows per call and per dollar of `uniform`, `sedi`, `bandit` and `targeted`.

    python benchmarks/seed_policies.py --api-base http://127.0.0.1:8000/v1 --seeds seeds.jsonl

Any OpenAI-compatible server will do. Every policy plays the same rounds in a new project, once for each project seed;
equal for all are generator (`sedi`), embedder (`hashing`), filters (length, exact, ROUGE-L 0.7), scorer, and prices.
Half of the seed tasks stand as seeds, the other half are the evaluation.

What `sedi` and `targeted` listen to is measured, not invented, but on a very small model: a linear softmax model that
predicts the hashed words of a row's answer from the vector of its instruction, trained by plain gradient descent on the
kept rows of each round, in batches of 8. The gradient norms of its steps are what `sedi` hears; an evaluation item
fails, for `targeted`, when the model's loss on it is above the median loss of the first evaluation. All policies'
models are trained and evaluated alike, whether their policy listens or not. How far such signals resemble those of a
language model is not known; the yields are those of the server at the address given.

Mean and standard deviation over the project seeds; and the difference to `uniform` pair by pair (the same project
seed), with its 95 % interval by Student's t. "helps" stands where that interval lies above zero (below, for a loss).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

from insgen.feedback import step_line
from insgen.loop.assemble import Assembly
from insgen.loop.run import Run
from insgen.records import Candidate, TrainingStep
from insgen.store.costs import per_kept_row

if TYPE_CHECKING:
    from numpy.typing import NDArray

POLICIES = {
    "uniform": "",
    "sedi": "window = 4\n",
    "bandit": "",
    "targeted": "",
}
"""Policies and their options; `sedi` sees some six steps a round, so its window is shorter than the paper's ten."""

WORDS, RATE, BATCH = 512, 20.0, 8
T_95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}
"""Repeats -> Student's t, two-sided 95 %, repeats - 1 degrees of freedom."""

CONFIG = """
[project]
seed = {seed}
[llm]
model = "{model}"
api_base = "{api_base}"
input_usd_per_million = 1.0
output_usd_per_million = 2.0
[loop]
batch = {batch}
collapse = "off"
[[generate]]
use = "sedi"
[embed]
use = "hashing"
[[filter]]
use = "length"
[[filter]]
use = "exact_duplicate"
[[filter]]
use = "rouge"
limit = 0.7
[[score]]
use = "heuristic"
[select]
use = "k_center"
size = 500
[[feedback]]
use = "training-log"
[[feedback]]
use = "eval-results"
path = "evaluation.jsonl"
[seeds]
use = "{policy}"
{options}
"""


@dataclass
class Learner:
    """The small model; ``weights`` float64, shape ``(d, WORDS)``."""

    weights: NDArray[np.float64]
    steps: int = 0
    first_median: float | None = None
    written: list[TrainingStep] = field(default_factory=list)

    def train(self, ids: list[str], vectors: NDArray[np.float32], answers: list[str]) -> None:
        """One pass over new rows; each batch is a step."""
        targets = np.stack([word_shares(answer) for answer in answers]) if answers else np.empty((0, WORDS))
        for start in range(0, len(ids) - BATCH + 1, BATCH):
            part = slice(start, start + BATCH)
            x, y = vectors[part].astype("float64"), targets[part]
            gradient = x.T @ (softmax(x @ self.weights) - y) / BATCH
            loss = float(losses(x, y, self.weights).mean())
            self.weights -= RATE * gradient
            self.steps += 1
            norm = float(np.linalg.norm(gradient))
            items = (tuple(ids[part]),)
            self.written.append(TrainingStep("small", self.steps, items, float(self.steps), 0, loss, norm, "pre_clip"))

    def evaluate(self, vectors: NDArray[np.float32], answers: list[str]) -> NDArray[np.float64]:
        """Loss of each item, in nats a word."""
        return losses(vectors.astype("float64"), np.stack([word_shares(answer) for answer in answers]), self.weights)


def word_shares(text: str) -> NDArray[np.float64]:
    """How often each hashed word stands in a text, as shares."""
    shares: NDArray[np.float64] = np.zeros(WORDS)
    for word in text.lower().split():
        shares[crc32(word.encode()) % WORDS] += 1
    return shares / max(1.0, float(shares.sum()))


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Row by row."""
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = raised / raised.sum(axis=1, keepdims=True)
    return shares


def losses(x: NDArray[np.float64], y: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cross-entropy of each row."""
    found: NDArray[np.float64] = -(y * np.log(softmax(x @ weights) + 1e-12)).sum(axis=1)
    return found


def play(folder: Path, rounds: int, items: list[dict[str, str]]) -> dict[str, float]:
    """Play a project, with training and evaluation after every round."""
    with Assembly(folder).open(max_rounds=1) as run:
        vectors = run.player.bank.embed([item["instruction"] for item in items])
        learner, seen, final = Learner(np.zeros((vectors.shape[1], WORDS))), 0, np.zeros(1)
        for number in range(1, rounds + 1):
            run.play()
            seen = learn(run, learner, seen)
            (folder / "feedback.jsonl").write_text("".join(f"{step_line(step)}\n" for step in learner.written))
            final = learner.evaluate(vectors, [item["output"] for item in items])
            write_results(folder / "evaluation.jsonl", items, final, learner, number)
        conn = run.player.store.conn
        each = per_kept_row(conn)
        changed = conn.execute("SELECT count(*) FROM seed_events WHERE round > 0").fetchone()[0]
    if each is None:
        raise SystemExit("No row was kept.")
    figures = {"kept/call": 1 / each["calls"], "kept/USD": 1 / each["usd"]}
    return figures | {"eval loss": float(final.mean()), "seed changes": changed}


def learn(run: Run, learner: Learner, seen: int) -> int:
    """Train on what was kept since the last round."""
    rows: list[Candidate] = list(run.player.bank.kept(seen))
    ids = [row.id for row in rows]
    learner.train(list(ids), run.player.bank.vectors(ids), [row.output for row in rows])
    return seen + len(rows)


def write_results(
    path: Path, items: list[dict[str, str]], found: NDArray[np.float64], learner: Learner, number: int
) -> None:
    """Write the evaluation anew; the time of a file is what tells a newer one."""
    if learner.first_median is None:
        learner.first_median = float(np.median(found))
    lines = [
        json.dumps({"text": item["instruction"], "score": int(loss <= learner.first_median), "tags": ["benchmark"]})
        for item, loss in zip(items, found.tolist(), strict=True)
    ]
    path.write_text(f"{' ' * number}\n" + "\n".join(lines) + "\n")
    os.utime(path, (number, number))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--api-base", required=True)
    parser.add_argument("--seeds", type=Path, required=True, help="seed tasks with outputs, JSONL, 40 or more")
    parser.add_argument("--model", default="openai/any")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=5, help="project seeds, 2 to 10")
    parser.add_argument("--batch", type=int, default=64, help="tasks asked for in a round")
    asked = parser.parse_args()
    tasks = [json.loads(line) for line in asked.seeds.read_text(encoding="utf-8").splitlines() if line.strip()]
    seeds, items = tasks[::2], tasks[1::2]
    found: dict[str, list[dict[str, float]]] = {policy: [] for policy in POLICIES}
    with tempfile.TemporaryDirectory() as temporary:
        for seed in range(1, asked.repeats + 1):
            for policy, options in POLICIES.items():
                folder = Path(temporary) / f"{policy}-{seed}"
                folder.mkdir()
                filled = CONFIG.format(**vars(asked) | {"seed": seed, "policy": policy, "options": options})
                (folder / "insgen.toml").write_text(filled, encoding="utf-8")
                (folder / "seeds.jsonl").write_text(
                    "".join(json.dumps(task) + "\n" for task in seeds), encoding="utf-8"
                )
                found[policy].append(play(folder, asked.rounds, items))
                print(policy, seed, {name: round(value, 4) for name, value in found[policy][-1].items()}, flush=True)
    print_tables(found, asked.repeats)


def print_tables(found: dict[str, list[dict[str, float]]], repeats: int) -> None:
    """Means and spreads, and what differs from `uniform`."""
    for name in found["uniform"][0]:
        print(f"\n{name:<14} {'mean':>10} {'spread':>9} {'minus uniform':>14} {'95 % interval':>22}")
        base = [run[name] for run in found["uniform"]]
        for policy, runs in found.items():
            values = [run[name] for run in runs]
            line = f"{policy:<14} {statistics.mean(values):>10.4g} {statistics.stdev(values):>9.3g}"
            if policy != "uniform":
                differences = [value - other for value, other in zip(values, base, strict=True)]
                middle = statistics.mean(differences)
                half = T_95[repeats] * statistics.stdev(differences) / repeats**0.5
                better = -middle if name == "eval loss" else middle
                said = "helps" if better > half else "HURTS" if -better > half else "no difference shown"
                line += f" {middle:>14.4g} {f'{middle - half:.4g} to {middle + half:.4g}':>22}"
                line += f"  {said}" if name != "seed changes" else ""
            print(line)


if __name__ == "__main__":
    main()
