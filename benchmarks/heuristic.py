"""How well the `heuristic` scorer agrees with real judges, beside plain answer length.

    python benchmarks/heuristic.py PATH [--half chosen|other|all] [--resamples 1000]

PATH is a JSON Lines file (gzip or plain). A row has ``instruction``, ``input``, ``response``, ``score_norm`` (0..1),
``source``, ``group`` (rows of one group answer the same question and may be compared) and, for a later turn of a
conversation, ``context`` (a list of messages; it stands in for the input).

For every source it prints the number of rows, Spearman's rank correlation with ``score_norm`` and, within groups, the
share of unequally judged pairs that the scorer puts in the same order (a tie counts half), for the total, every part
and the logarithm of the answer's length; for total, length and their difference also a 95 % interval by bootstrap
over questions. Then: whether `completeness` notices real answers cut at a random place; and the speed.

Questions are split into two halves by seed 0. The weights of the scorer were chosen on ``chosen``; ``other`` (the
default) is the half to quote. Empty responses are left out: the scorer has nothing to judge there.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import random
import statistics
import time
from collections import defaultdict
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insgen import Candidate, Score
from insgen.plugins.scorers.heuristic import HeuristicScorer

Values = NDArray[np.float64]
PARTS = (
    "clarity",
    "completeness",
    "substance",
    "freshness",
    "arithmetic",
    "relevance",
    "originality",
    "cleanness",
    "directness",
)


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Rows with a response, in file order."""
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    rows = [json.loads(line) for line in raw.splitlines()]
    return [row for row in rows if row["response"].strip()]


def question_of(row: dict[str, Any]) -> str:
    """What must not stand on both sides of the split: the question, over pairs and turns."""
    group: str = row["group"]
    if row.get("turn"):
        return group.rsplit("-t", 1)[0]
    return " ".join(f"{row['source']} {row['instruction']}".lower().split())


def halve(rows: list[dict[str, Any]], half: str) -> list[dict[str, Any]]:
    """Rows of one half of the questions."""
    questions = sorted({question_of(row) for row in rows})
    random.Random(0).shuffle(questions)
    chosen = set(questions[: len(questions) // 2])
    return [row for row in rows if half == "all" or (question_of(row) in chosen) == (half == "chosen")]


def candidate_of(row: dict[str, Any]) -> Candidate:
    """What the scorer is given."""
    context = "\n".join(message["content"] for message in row.get("context") or [])
    return Candidate(row["instruction"], row["input"] or context, row["response"])


def score(candidates: list[Candidate]) -> list[Score]:
    """Score with the default options."""
    return list(HeuristicScorer().score(candidates, None, None, None))  # type: ignore[arg-type]  # none of them is used


def ranks(values: Values) -> Values:
    """Ranks from 0, equal values sharing their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts + 1) / 2)[inverse]


def spearman(x: Values, y: Values) -> float:
    """Spearman's rank correlation, -1 to 1; NaN where one side is constant."""
    x, y = ranks(x), ranks(y)
    x, y = x - x.mean(), y - y.mean()
    norm = math.sqrt(float((x @ x) * (y @ y)))
    return float(x @ y) / norm if norm else math.nan


class Source:
    """The rows of one source: judgements, groups of pairs, questions."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.judged = np.array([row["score_norm"] for row in rows], dtype=np.float64)
        groups: dict[str, list[int]] = defaultdict(list)
        questions: dict[str, list[int]] = defaultdict(list)
        for i, row in enumerate(rows):
            groups[row["group"]].append(i)
            questions[question_of(row)].append(i)
        self.questions = [np.array(members) for members in questions.values()]
        number = {i: q for q, members in enumerate(self.questions) for i in members.tolist()}
        pairs = [pair for members in groups.values() for pair in combinations(members, 2)]
        unequal = [(a, b) for a, b in pairs if self.judged[a] != self.judged[b]]
        self.pairs = np.array(unequal, dtype=np.int64).reshape(-1, 2)
        self.pair_question = np.array([number[a] for a, _ in self.pairs.tolist()], dtype=np.int64)

    def agreements(self, values: Values) -> Values:
        """Per pair: 1 same order, 0.5 tie, 0 other order; NaN where a value is missing."""
        a, b = self.pairs[:, 0], self.pairs[:, 1]
        return (np.sign(values[a] - values[b]) * np.sign(self.judged[a] - self.judged[b]) + 1) / 2

    def measure(self, values: Values) -> tuple[float, float, int]:
        """Rank correlation, mean agreement, and how many rows have a value."""
        known = np.isfinite(values)
        pairs = self.agreements(values)
        pairs = pairs[np.isfinite(pairs)]
        rho = spearman(values[known], self.judged[known]) if known.sum() > 2 else math.nan
        return rho, float(pairs.mean()) if len(pairs) else math.nan, int(known.sum())

    def resample(self, total: Values, length: Values, n: int) -> Values:
        """Draw questions anew n times: rho of total, of length, and their agreements; shape ``(n, 4)``."""
        rng = np.random.default_rng(0)
        right, right_length = self.agreements(total), self.agreements(length)
        drawn = np.empty((n, 4))
        for row in drawn:
            picks = rng.integers(len(self.questions), size=len(self.questions))
            rows = np.concatenate([self.questions[q] for q in picks])
            weight = np.bincount(picks, minlength=len(self.questions))[self.pair_question]
            row[:2] = spearman(total[rows], self.judged[rows]), spearman(length[rows], self.judged[rows])
            n_pairs = weight.sum()
            row[2:] = (right @ weight / n_pairs, right_length @ weight / n_pairs) if n_pairs else (math.nan, math.nan)
        return drawn


def report(name: str, rows: list[dict[str, Any]], n_resamples: int) -> None:
    """Print the table of one source."""
    candidates = [candidate_of(row) for row in rows]
    scores = score(candidates)
    source = Source(rows)
    total = np.array([math.nan if s.value is None else s.value for s in scores])
    length = np.array([math.log1p(len(c.output)) for c in candidates])
    drawn = source.resample(total, length, n_resamples)
    drawn = np.column_stack([drawn, drawn[:, 0] - drawn[:, 1], drawn[:, 2] - drawn[:, 3]])
    low, high = np.nanpercentile(drawn, [2.5, 97.5], axis=0)
    print(f"\n{name}: {len(rows)} rows, {len(source.questions)} questions, {len(source.pairs)} comparable pairs")
    print("                    rho  [95 %]          agreement  [95 %]")
    (rho, right, _), (rho_length, right_length, _) = source.measure(total), source.measure(length)
    for label, rho_k, right_k, k, m in (
        ("total", rho, right, 0, 2),
        ("log length", rho_length, right_length, 1, 3),
        ("total - length", rho - rho_length, right - right_length, 4, 5),
    ):
        print(
            f"  {label:<14} {rho_k:6.3f}  [{low[k]:6.3f},{high[k]:6.3f}]"
            f"  {right_k:6.3f}  [{low[m]:6.3f},{high[m]:6.3f}]"
        )
    for part in PARTS:
        rho, right, n_known = source.measure(np.array([s.parts.get(part, math.nan) for s in scores]))
        print(f"  {part:<14} {rho:6.3f}                   {right:6.3f}                   ({n_known} judged)")


def report_cuts(rows: list[dict[str, Any]]) -> None:
    """Cut well judged answers at a random place and see whether `completeness` falls."""
    rng = random.Random(0)
    good = [c for c in map(candidate_of, (r for r in rows if r["score_norm"] >= 0.75)) if len(c.output.split()) >= 40]
    cut = [Candidate(c.instruction, c.input, c.output[: int(len(c.output) * rng.uniform(0.3, 0.9))]) for c in good]
    whole, rest = (np.array([s.parts["completeness"] for s in score(side)]) for side in (good, cut))
    print(
        f"\ncut at a random place: {len(good)} answers of >= 40 words judged >= 0.75; completeness is lower for "
        f"{(rest < whole).mean():.1%} of the cuts, below 0.5 for {(rest < 0.5).mean():.1%} of the cuts and "
        f"{(whole < 0.5).mean():.1%} of the whole answers"
    )


def report_speed(rows: list[dict[str, Any]]) -> None:
    """Time five passes over all rows, in seconds of processor time."""
    candidates = [candidate_of(row) for row in rows]
    n_signs = statistics.fmean(len(c.instruction) + len(c.input) + len(c.output) for c in candidates)
    rates = []
    for _ in range(5):
        start = time.process_time()
        score(candidates)
        rates.append(len(candidates) / (time.process_time() - start))
    print(
        f"speed: {statistics.median(rates):.0f} candidates per CPU second (from {min(rates):.0f} to {max(rates):.0f}), "
        f"{n_signs:.0f} signs each"
    )


def main() -> None:
    """Read the arguments and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("path", type=Path)
    parser.add_argument("--half", choices=["chosen", "other", "all"], default="other")
    parser.add_argument("--resamples", type=int, default=1000)
    args = parser.parse_args()
    rows = halve(read_rows(args.path), args.half)
    print(f"half: {args.half}, {len(rows)} rows")
    for name in dict.fromkeys(row["source"] for row in rows):
        report(name, [row for row in rows if row["source"] == name], args.resamples)
    report_cuts(rows)
    report_speed(rows)


if __name__ == "__main__":
    main()
