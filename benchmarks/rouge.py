"""Measure the `rouge` filter against the `rouge_score` package: same decisions, and how much faster.

    python benchmarks/rouge.py                          a synthetic pool
    python benchmarks/rouge.py --pool FILE.jsonl.gz     real texts: rows with instruction, input and output

The pool is the file's distinct instructions; while they are fewer than ``--size``, first sentences of outputs and
inputs (4 to 60 words) are added, then copies of all these with every sixth word exchanged for one of another text.
Candidates are 200 texts left out of the pool and 200 pool texts with every sixth word exchanged, so that some are new
and some are not. The reference gets its tokens ready-made: only its scoring is timed. Tokens are the reference's.

Checked, and the exit status is 1 when a check fails: 200 decisions against the first 1,000 texts, those of the timed
sample against all of them, and every exact tie at 0.7 and 0.85 of texts of up to 150 words; at least 1,000 times the
reference's speed; and a cost that grows more slowly than the pool.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rouge_score import rouge_scorer

from insgen import Candidate, Seed
from insgen.plugins.filters.rouge import RougeFilter

SIZES = (1_000, 5_000, 10_000, 25_000, 50_000)
LIMITS = (0.7, 0.85)
TARGET_RATIO = 1_000.0


class Texts:
    """A bank of which the filter sees only what was ever kept."""

    version = 0

    def __init__(self, texts: Sequence[str]) -> None:
        self._kept = [Candidate(text) for text in texts]
        self.n_kept = len(self._kept)

    def kept(self, start: int = 0) -> Iterator[Candidate]:
        """Give the texts as candidates, oldest first."""
        return iter(self._kept[start:])

    def seeds(self) -> Sequence[Seed]:
        """Give no seeds."""
        return ()


def tokens(text: str) -> list[str]:
    """Split as rouge_score 0.1.2 does without its stemmer."""
    return re.sub(r"[^a-z0-9]+", " ", text.lower()).split()


def read_texts(path: Path) -> list[str]:
    """Read instructions first, then first sentences of outputs and inputs."""
    raw = path.read_bytes()
    lines = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode().split("\n")
    rows = [json.loads(line) for line in lines if line.strip()]
    texts = [row["instruction"] for row in rows]
    for part in ("output", "input"):
        sentences = (re.split(r"(?<=[.!?])\s", row.get(part, "").strip(), maxsplit=1)[0] for row in rows)
        texts += [sentence for sentence in sentences if 4 <= len(tokens(sentence)) <= 60]
    return texts


def make_texts(n: int, rng: random.Random) -> list[str]:
    """Make texts of Zipf-distributed words, 17 words long on average."""
    words = [f"w{number}" for number in range(30_000)]
    weights = [1 / (rank + 3) for rank in range(len(words))]
    drawn = iter(rng.choices(words, weights, k=40 * n))
    return [" ".join(next(drawn) for _ in range(min(40, 4 + int(rng.expovariate(1 / 13))))) for _ in range(n)]


def distinct(texts: Sequence[str]) -> list[str]:
    """Drop repeats by their tokens, and texts without any."""
    by_tokens = {tuple(tokens(text)): text for text in reversed(texts)}
    by_tokens.pop((), None)
    return list(reversed(by_tokens.values()))


def edit(text: str, others: Sequence[str], rng: random.Random) -> str:
    """Exchange every sixth word, at least one, for a word of another text."""
    words = tokens(text)
    for place in rng.sample(range(len(words)), max(1, len(words) // 6)):
        words[place] = rng.choice(tokens(rng.choice(others)))
    return " ".join(words)


def build(texts: list[str], size: int, rng: random.Random) -> tuple[list[str], list[str]]:
    """Give the pool, shuffled, and the candidates."""
    texts = distinct(texts)
    left_out = set(rng.sample(range(len(texts)), 200))
    new = [texts[row] for row in sorted(left_out)]
    pool = [text for row, text in enumerate(texts) if row not in left_out][:size]
    n_own = len(pool)
    while len(pool) < size:
        pool = distinct([*pool, *(edit(rng.choice(pool[:n_own]), pool[:n_own], rng) for _ in range(size - len(pool)))])
    rng.shuffle(pool)
    print(f"pool: {size:,} texts, {n_own:,} as they stand, {size - n_own:,} edited; ", end="")
    print(f"{statistics.mean(len(tokens(text)) for text in pool):.1f} words on average")
    candidates = [*new, *(edit(text, pool, rng) for text in rng.sample(pool[:1000], 200))]
    rng.shuffle(candidates)
    return pool, candidates


def time_ours(pool: Sequence[str], candidates: Sequence[str], limit: float) -> tuple[list[bool], list[float]]:
    """Judge each candidate on its own, so that none counts against the next: kept or not, and milliseconds."""
    bank: Any = Texts(pool)
    judge = RougeFilter(limit=limit, tokens="ascii")
    judge.filter([Candidate(text) for text in candidates], bank)  # builds the index
    kept, spent_ms = [], []
    for text in candidates:
        candidate = Candidate(text)
        _ = candidate.id  # not the filter's work
        start = time.perf_counter()
        verdict = judge.filter([candidate], bank)[0]
        spent_ms.append((time.perf_counter() - start) * 1e3)
        kept.append(verdict.kept)
    return kept, spent_ms


def time_reference(pool: Sequence[str], candidates: Sequence[str]) -> tuple[list[float], list[float]]:
    """Score each candidate against the whole pool: the highest F, and milliseconds."""
    split = [tokens(text) for text in pool]
    highest, spent_ms = [], []
    for text in candidates:
        words = tokens(text)
        start = time.perf_counter()
        highest.append(max(rouge_scorer._score_lcs(words, other).fmeasure for other in split))
        spent_ms.append((time.perf_counter() - start) * 1e3)
    return highest, spent_ms


def check_ties(limit_numerator: int, limit_denominator: int) -> tuple[int, int, int]:
    """Compare all exact ties of texts of up to 150 words: how many, rejected by the reference, decided otherwise."""
    limit = limit_numerator / limit_denominator
    n_ties = n_rejected = n_wrong = 0
    for n_a in range(1, 151):
        for n_b in range(1, 151):
            n_common, rest = divmod(limit_numerator * (n_a + n_b), 2 * limit_denominator)
            if rest or n_common > min(n_a, n_b):
                continue
            common = [f"c{word}" for word in range(n_common)]
            a = " ".join(common + [f"a{word}" for word in range(n_a - n_common)])
            b = " ".join(common + [f"b{word}" for word in range(n_b - n_common)])
            rejected = rouge_scorer._score_lcs(tokens(a), tokens(b)).fmeasure > limit
            bank: Any = Texts([b])
            kept = RougeFilter(limit=limit, tokens="ascii").filter([Candidate(a)], bank)[0].kept
            n_ties += 1
            n_rejected += rejected
            n_wrong += kept == rejected
    return n_ties, n_rejected, n_wrong


def spread(spent_ms: Sequence[float]) -> str:
    """Show median, mean, 99th percentile and maximum."""
    ordered = sorted(spent_ms)
    late = ordered[int(0.99 * (len(ordered) - 1))]
    return (
        f"median {statistics.median(ordered):.4f} ms, mean {statistics.mean(ordered):.4f}, p99 {late:.4f}, "
        f"max {ordered[-1]:.4f}"
    )


def run(pool: Sequence[str], candidates: Sequence[str], n_sample: int) -> bool:
    """Print all figures; say whether every check held."""
    held = True
    for numerator, denominator in ((7, 10), (17, 20)):
        n_ties, n_rejected, n_wrong = check_ties(numerator, denominator)
        print(
            f"ties at {numerator / denominator}: {n_ties}, reference rejects {n_rejected}, decided otherwise {n_wrong}"
        )
        held &= n_wrong == 0
    highest_few, _ = time_reference(pool[:1000], candidates[:200])
    highest, reference_ms = time_reference(pool, candidates[:n_sample])
    print(f"rouge_score, {len(pool):,} texts, {n_sample} candidates: {spread(reference_ms)}")
    for limit in LIMITS:
        kept_few, _ = time_ours(pool[:1000], candidates[:200], limit)
        n_differ = sum((f <= limit) != ours for f, ours in zip(highest_few, kept_few, strict=True))
        kept, costs_ms = time_sizes(pool, candidates, limit)
        n_differ += sum((f <= limit) != ours for f, ours in zip(highest, kept, strict=False))
        print(f"  limit {limit}: {n_differ} of {200 + n_sample} decisions differ", end="")
        held &= compare(costs_ms, reference_ms) and n_differ == 0
    return held


def time_sizes(
    pool: Sequence[str], candidates: Sequence[str], limit: float
) -> tuple[list[bool], dict[int, list[float]]]:
    """Print the cost at growing sizes: the decisions at the full size, and milliseconds by size."""
    kept: list[bool] = []
    costs_ms = {}
    for size in [*(size for size in SIZES if size < len(pool)), len(pool)]:
        kept, costs_ms[size] = time_ours(pool[:size], candidates, limit)
        print(f"  limit {limit}, {size:>6,} texts: {spread(costs_ms[size])}, kept {sum(kept)} of {len(kept)}")
    return kept, costs_ms


def compare(costs_ms: dict[int, list[float]], reference_ms: Sequence[float]) -> bool:
    """Print the speed ratio and the growth by medians and by means; say whether both are as wanted."""
    smallest, largest = min(costs_ms), max(costs_ms)
    held = True
    for word, middle in (("median", statistics.median), ("mean", statistics.mean)):
        ratio = middle(reference_ms) / middle(costs_ms[largest])
        growth = middle(costs_ms[largest]) / middle(costs_ms[smallest])
        print(
            f"; by {word} {ratio:,.0f} times as fast, cost x{growth:.1f} for a pool x{largest / smallest:.0f}", end=""
        )
        held &= ratio >= TARGET_RATIO and growth < largest / smallest
    print()
    return held


def main() -> int:
    """Read the arguments, build the pool and run the checks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pool", type=Path, help="JSONL or JSONL.GZ of instructions; a synthetic pool by default")
    parser.add_argument("--size", type=int, default=50_000, help="texts in the pool (default 50,000)")
    parser.add_argument("--sample", type=int, default=12, help="candidates scored by the reference (default 12)")
    arguments = parser.parse_args()
    rng = random.Random(0)
    texts = read_texts(arguments.pool) if arguments.pool else make_texts(arguments.size + 200, rng)
    pool, candidates = build(texts, arguments.size, rng)
    held = run(pool, candidates, arguments.sample)
    print("all checks hold" if held else "A CHECK FAILED")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
