"""A closed loop with a real, small model: held-out loss by training tokens, for five ways to choose what it reads next.

    python benchmarks/closed_loop.py POOL.jsonl.gz [--pool 8000] [--seeds 5] [--tokens 120000] [--every 15000]
        [--held-out 300] [--workers 2] [--model FOLDER]

POOL holds one row per line (``instruction``, ``input``, ``output``). For every seed a pool and held-out rows are drawn,
and a Llama with random weights (width 128, 2 layers, 96 tokens of context) and a tokenizer of 1,000 tokens are made.
From the same weights it is then trained on the CPU, once with each method's rows, each row once, an optimiser step per
1,000 tokens read (question and answer, without padding), so tokens *and* steps are equal for all:

- random, quality, k-center, pibe: these selectors rank the pool once; the top fills the budget, in random order.
- sedi: begins with 24 random rows as seeds. A row of the next batch is the unread one nearest to a seed drawn at
  random: that *stands for generating from the seed*, no language model writes anything here. After every 10 steps the
  policy `sedi` itself promotes 4 rows of the batch with the largest gradient norm to seeds, and evicts as many.
- seeds alone: the same without the policy, which shows what the feedback does.

Quality is that of the scorer `heuristic`. Vectors are the embedder `hashing`'s (surface of the texts, no meaning), or
with ``--model`` those of a sentence-transformers model. Printed are mean and standard deviation over the seeds of the
mean loss per held-out row, in nats per answer token, and differences from random, paired by seed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import repeat
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np
import torch
from _training import Paired, Setting, paired, read_rows, setting_of, spread

from insgen import LLM, BankView, Candidate, Embedder, Origin, Pool, Prompts, SeedContext, Selector, TrainingStep
from insgen.bank.bank import Bank
from insgen.bank.seeds import apply_changes, sync_seeds
from insgen.plugins.embedders.hashing import HashingEmbedder
from insgen.plugins.embedders.sentence_transformers import SentenceTransformersEmbedder
from insgen.plugins.scorers.heuristic import HeuristicScorer
from insgen.plugins.seed_policies.sedi import SediPolicy
from insgen.plugins.selectors.k_center import KCenterSelector
from insgen.plugins.selectors.pibe import PibeSelector
from insgen.plugins.selectors.quality import QualitySelector
from insgen.plugins.selectors.random import RandomSelector
from insgen.store import feedback, ledger, proposals
from insgen.training.small import SmallModelOptions
from insgen.training.steps import StepOptions, Training

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZE = SmallModelOptions(vocabulary=1000, width=128, layers=2, heads=4, context=96)
STEP_TOKENS, LR = 1000, 3e-3
N_SEEDS, POLICY = 24, SediPolicy(window=10, n_add=4)
SELECTORS: tuple[Selector, ...] = (RandomSelector(), QualitySelector(), KCenterSelector(), PibeSelector())
_NO_BANK = cast("BankView", None)  # none of these stages looks at the bank
_MODEL = "benchmark"


@dataclass(frozen=True)
class Ground:
    """One seed's setting, and what there is to choose by.

    :ivar budget: training tokens; ``every``: tokens from one measurement to the next.
    :ivar n_tokens: what reading each row of the pool costs, in tokens.
    """

    setting: Setting
    budget: int
    every: int
    vectors: NDArray[np.float32]
    quality: NDArray[np.float64]
    n_tokens: list[int]


class Source(Protocol):
    """Where a training's next batch comes from."""

    def batch(self) -> list[Candidate]:
        """Give rows of `STEP_TOKENS` tokens, none twice."""

    def told(self, step: TrainingStep) -> None:
        """Hear what the optimiser step on the last batch did."""


class Ranked:
    """The top of a selector's ranking of the pool, as much as the budget holds, in random order."""

    def __init__(self, selector: Selector, ground: Ground) -> None:
        pool = Pool(tuple(ground.setting.rows), ground.vectors, ground.quality, 0)
        size = min(len(pool.candidates), 2 * round(ground.budget / statistics.fmean(ground.n_tokens)))
        ranking = selector.select(pool, size, _NO_BANK, Random(ground.setting.seed), "").ranking
        places = {row.id: place for place, row in enumerate(ground.setting.rows)}
        chosen = (places[each.candidate_id] for each in ranking)
        taken = taken_until(ground.budget + STEP_TOKENS, chosen, ground)
        self._line = iter(Random(ground.setting.seed).sample(taken, len(taken)))
        self._ground = ground

    def batch(self) -> list[Candidate]:
        """Go on in the line."""
        return [self._ground.setting.rows[place] for place in taken_until(STEP_TOKENS, self._line, self._ground)]

    def told(self, step: TrainingStep) -> None:
        """Take no notice: everything was chosen before."""


class NearSeeds:
    """Unread rows nearest to seeds; with ``listens``, the policy `sedi` changes the seeds by what training tells."""

    def __init__(self, ground: Ground, *, listens: bool) -> None:
        self._ground, self._listens, self._state = ground, listens, ""
        self._rng = Random(ground.setting.seed)
        self._unread = np.ones(len(ground.vectors), dtype=bool)
        self._places = {str(row.id): place for place, row in enumerate(ground.setting.rows)}
        self._store = ground.setting.workshop.store()
        self._bank = Bank(self._store.conn, _MODEL, ground.vectors.shape[1])
        self._given: list[Candidate] = []
        with self._store.atomic() as conn:
            by_id = {row.id: vector for row, vector in zip(ground.setting.rows, ground.vectors, strict=True)}
            ledger.add_vectors(conn, _MODEL, 0, by_id)
            sync_seeds(conn, self._rng.sample(ground.setting.rows, N_SEEDS), 0, "pool")

    def batch(self) -> list[Candidate]:
        """Draw a seed for each row."""
        self._given, used = [], 0
        seeds = self._bank.seeds()
        while used < STEP_TOKENS:
            (seed,) = POLICY.draw(1, seeds, [], self._rng)
            similarity = self._ground.vectors @ self._ground.vectors[self._places[seed.id]]
            place = int(np.where(self._unread, similarity, -2.0).argmax())
            self._unread[place] = False
            self._given.append(replace(self._ground.setting.rows[place], origin=Origin("pool", seed_ids=(seed.id,))))
            used += self._ground.n_tokens[place]
        return self._given

    def told(self, step: TrainingStep) -> None:
        """Store the step and its rows; ask the policy, which waits for whole windows."""
        if not self._listens:
            return
        with self._store.atomic() as conn:
            proposals.add_proposals(conn, self._given, step.step)
            ledger.add_kept(conn, step.step, self._given)
            feedback.add_step(conn, step)
        view = feedback.StoredFeedback(self._store.conn)
        made = POLICY.update(
            SeedContext(step.step, self._bank.seeds(), frozenset(), view, self._bank, self._state, self._rng)
        )
        self._state = made.state
        with self._store.atomic() as conn:
            apply_changes(conn, step.step, made.changes)


METHODS: dict[str, Callable[[Ground], Source]] = {
    **{each.name: partial(Ranked, each) for each in SELECTORS},
    "sedi": partial(NearSeeds, listens=True),
    "seeds alone": partial(NearSeeds, listens=False),
}


def taken_until(budget: int, places: Iterable[int], ground: Ground) -> list[int]:
    """Take places in order until their rows fill the budget."""
    taken, used = list[int](), 0
    for place in places:
        taken.append(place)
        used += ground.n_tokens[place]
        if used >= budget:
            return taken
    sys.exit(f"the rows chosen hold {used:,} tokens; expected {budget:,}: take a larger --pool or fewer --tokens")


def curve(source: Source, ground: Ground) -> list[float]:
    """Train until the budget is spent; give the held-out loss before, and whenever ``every`` tokens more were read."""
    target = ground.setting.untrained()
    training = Training(target, StepOptions(LR, rows_at_once=64), -(-ground.budget // STEP_TOKENS))
    losses, used = [ground.setting.loss(target)], 0
    while used < ground.budget:
        encoded = [target.encode(row) for row in source.batch()]
        used += sum(len(each.tokens) for each in encoded)
        outcome = training.advance([each for each in encoded if each.n_targets])
        source.told(training.record(outcome, "benchmark", 1))
        while len(losses) <= used // ground.every and len(losses) <= ground.budget // ground.every:
            losses.append(ground.setting.loss(target))
    return losses


def ground_of(setting: Setting, budget: int, every: int, embedder: Embedder) -> Ground:
    """Embed, score and count the pool."""
    target = setting.untrained()
    vectors = embedder.embed(["\n".join(filter(None, (row.instruction, row.input))) for row in setting.rows])
    scores = HeuristicScorer().score(setting.rows, _NO_BANK, cast("LLM", None), cast("Prompts", None))
    quality = np.array([score.value for score in scores], dtype=np.float64)
    n_tokens = [len(target.encode(row).tokens) for row in setting.rows]
    if sum(n_tokens) < 2 * budget:
        sys.exit(f"the pool holds {sum(n_tokens):,} tokens; expected twice the budget, or there is little to choose")
    return Ground(setting, budget, every, vectors, quality, n_tokens)


def curves_of(seed: int, plan: argparse.Namespace, rows: list[Candidate]) -> dict[str, list[float]]:
    """Give one seed's curve for every method."""
    torch.set_num_threads(1)  # the seeds run side by side, and the number of cores changes no sum
    embedder: Embedder = SentenceTransformersEmbedder(model=str(plan.model)) if plan.model else HashingEmbedder()
    curves = {}
    with setting_of(seed, Random(seed).sample(rows, plan.pool + plan.held_out), plan.held_out, SIZE) as setting:
        ground = ground_of(setting, plan.tokens, plan.every, embedder)
        for name, source in METHODS.items():
            began = time.perf_counter()
            curves[name] = curve(source(ground), ground)
            print(f"seed {seed}  {name:12} {curves[name][-1]:.4f}  {time.perf_counter() - began:.1f} s", flush=True)
    return curves


def report(curves: dict[str, list[list[float]]], every: int) -> None:
    """Print the curves, and what holds against random."""
    print(f"\n{'tokens':>8}" + "".join(f"{name:>18}" for name in curves))
    for place in range(len(curves["random"][0])):
        column = ([curve[place] for curve in found] for found in curves.values())
        cells = (f"{statistics.fmean(losses):.4f} +- {spread(losses):.4f}" for losses in column)
        print(f"{place * every:>8,}" + "".join(f"{cell:>18}" for cell in cells))
    print("\nfall of the loss per 1,000 training tokens, over the whole budget (nats)")
    for name, found in curves.items():
        falls = [(curve[0] - curve[-1]) / (len(curve) - 1) / every * 1000 for curve in found]
        print(f"  {name:12} {statistics.fmean(falls):.5f} +- {spread(falls):.5f}")
    measures: dict[str, Callable[[list[float]], float]] = {
        "mean loss on the way": lambda curve: statistics.fmean(curve[1:]),
        "loss at the end": lambda curve: curve[-1],
    }
    for what, measure in measures.items():
        by_name = {name: [measure(curve) for curve in found] for name, found in curves.items()}
        print(f"\n{what}: differences paired by seed, with 95 % interval (each for itself)")
        for name, base in [(name, "random") for name in by_name if name != "random"] + [("sedi", "seeds alone")]:
            print(f"  {name:12} against {base:12} {in_words(paired(by_name[name], by_name[base]), base)}")
    print(
        "\nHeld-out rows are drawn as random rows are: a choice that changes the mix of tasks has that against it here."
    )


def in_words(gap: Paired, base: str) -> str:
    """Say what an interval allows to say."""
    if gap.verdict == "no difference shown":
        return f"{gap}  no difference from {base} is shown by {gap.n} seeds"
    return f"{gap}  {gap.verdict} than {base} by {abs(gap.mean):.3f} nats"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--pool", type=int, default=8000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=120_000)
    parser.add_argument("--every", type=int, default=15_000)
    parser.add_argument("--held-out", type=int, default=300)
    parser.add_argument("--model", type=Path, help="a sentence-transformers model")
    parser.add_argument("--workers", type=int, default=2, help="seeds at once, one thread each")
    plan = parser.parse_args()
    rows = read_rows(plan.path, plan.pool + plan.held_out)
    seeds = range(1, plan.seeds + 1)
    began = time.perf_counter()
    with ProcessPoolExecutor(plan.workers, multiprocessing.get_context("spawn")) as workers:
        found = list(workers.map(curves_of, seeds, repeat(plan), repeat(rows)))
    print(f"\n{plan.seeds} seeds, pool {plan.pool:,}, held out {plan.held_out}, {time.perf_counter() - began:.0f} s")
    print(f"vectors: {plan.model or HashingEmbedder().identity}")
    report({name: [each[name] for each in found] for name in METHODS}, plan.every)


if __name__ == "__main__":
    main()
