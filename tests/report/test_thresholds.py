"""Thresholds: against scikit-learn's ROC curve, against a bootstrap written out, and what is refused."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_curve  # type: ignore[import-untyped]  # it has none

from insgen.errors import ConfigError
from insgen.report.thresholds import place


def labels(seed: int, n: int = 50, ties: bool = False) -> tuple[list[float], list[bool]]:
    rng = random.Random(seed)
    good = [n_ < n // 2 for n_ in range(n)]
    values = [rng.gauss(0.6 if each else 0.4, 0.15) for each in good]
    return ([round(value, 1) for value in values] if ties else values), good


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_threshold_is_where_youdens_index_is_largest(seed: int, ties: bool) -> None:
    values, good = labels(seed, ties=ties)
    placed = place(values, good, 0, n_resamples=10)
    false_rate, true_rate, _ = roc_curve(good, values)
    assert placed.accuracy == pytest.approx((1 + (true_rate - false_rate).max()) / 2)
    passed = [value > placed.threshold for value in values]
    assert balanced_accuracy_score(good, passed) == pytest.approx(placed.accuracy)
    assert (placed.n_good, placed.n_bad) == (25, 25)


def test_of_equally_good_places_the_one_with_most_room_is_taken() -> None:
    values = [0.1, 0.2, 0.25, 0.28, 0.3, 0.8, 0.85, 0.9, 0.95, 1.0]
    placed = place(values, [value > 0.5 for value in values], 0, n_resamples=10)
    assert placed.threshold == pytest.approx(0.55)
    assert placed.accuracy == 1.0


def test_interval_is_the_percentile_bootstraps() -> None:
    values, good = labels(3, 60)
    placed = place(values, good, seed=1)
    rng, found = random.Random(9), list[float]()
    by_label = {each: [v for v, g in zip(values, good, strict=True) if g is each] for each in (True, False)}
    for _ in range(2000):
        passing, failing = (rng.choices(by_label[each], k=len(by_label[each])) for each in (True, False))
        seen = sorted({*passing, *failing})
        cuts = [(low + high) / 2 for low, high in pairwise(seen)]
        gaps = [high - low for low, high in pairwise(seen)]
        worth = [sum(v > cut for v in passing) / 30 + sum(v < cut for v in failing) / 30 for cut in cuts]
        best = max(worth)
        widest = max((gap, -n) for n, gap in enumerate(gaps) if worth[n] > best - 1e-9)
        found.append(cuts[-widest[1]])
    low, high = np.quantile(found, (0.025, 0.975))
    assert placed.low == pytest.approx(low, abs=0.03)
    assert placed.high == pytest.approx(high, abs=0.03)
    assert placed.low <= placed.threshold <= placed.high


def test_the_same_seed_gives_the_same_interval() -> None:
    values, good = labels(4)
    assert place(values, good, 5) == place(values, good, 5)


@pytest.mark.parametrize("good", [[], [True] * 50, [False] * 50, [True] * 40 + [False] * 4])
def test_too_few_of_either_kind_are_refused(good: list[bool]) -> None:
    with pytest.raises(ConfigError, match=rf"There are {sum(good)} labels for passing and {len(good) - sum(good)}"):
        place([n / 50 for n in range(len(good))], good, 0)


def test_values_that_are_all_alike_say_nothing() -> None:
    placed = place([0.5] * 20, [n < 10 for n in range(20)], 0, n_resamples=20)
    assert (placed.threshold, placed.accuracy) == (0.5, 0.5)
