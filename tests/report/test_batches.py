"""Batch composition: the worked example of the method, its properties, and the file."""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insgen.errors import InsgenError
from insgen.report.batches import cluster, deal, diversity, plan_batches, write_plan

if TYPE_CHECKING:
    from numpy.typing import NDArray

LABELS = "AAAAABBBCCDD"
COMPASS = {"A": (1.0, 0.0), "B": (0.0, 1.0), "C": (-1.0, 0.0), "D": (0.0, -1.0)}


def compass(labels: str) -> NDArray[np.float32]:
    return np.array([COMPASS[label] for label in labels], dtype=np.float32)


def by_pairs(vectors: NDArray[np.float32]) -> float:
    pairs = [1 - float(a @ b) for a, b in itertools.combinations(vectors.astype(np.float64), 2)]
    return sum(pairs) / len(pairs)


def unit(n: int, d: int, seed: int) -> NDArray[np.float32]:
    made = np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def test_worked_example_is_dealt_as_in_the_specification() -> None:
    batches = deal(["ABCD".index(label) for label in LABELS], 4, range(12))
    assert ["".join(LABELS[row] for row in batch) for batch in batches] == ["AABC", "AABD", "ABCD"]


def test_worked_example_has_the_diversity_of_the_specification() -> None:
    found = [diversity(compass(batch)) for batch in ("AABC", "AABD", "ABCD")]
    assert found == pytest.approx([1.166667, 1.0, 1.333333], abs=5e-7)
    assert sum(each or 0 for each in found) / 3 == pytest.approx(1.166667, abs=5e-7)
    assert diversity(compass(LABELS)) == pytest.approx(1.015152, abs=5e-7)


def test_clusters_of_the_worked_example_are_found_from_its_vectors() -> None:
    labels = cluster(compass(LABELS), 4, seed=0)
    assert len(set(zip(LABELS, labels, strict=True))) == len(set(labels)) == 4


def test_whole_plan_of_the_worked_example_reaches_the_mean_of_the_specification() -> None:
    plan = plan_batches(compass(LABELS), size=4, clusters=4, seed=3)
    for batch in plan.batches:
        held = Counter(LABELS[row] for row in batch)
        assert all(held[label] in (LABELS.count(label) // 3, math.ceil(LABELS.count(label) / 3)) for label in "ABCD")
    assert plan.figures()["mean_diversity"] > plan.figures()["random_diversity"]


@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.integers(1, 8))
@settings(max_examples=50, deadline=None)
def test_diversity_is_the_mean_over_all_pairs(seed: int, n: int, d: int) -> None:
    vectors = unit(n, d, seed)
    assert diversity(vectors) == pytest.approx(by_pairs(vectors), abs=1e-6)


def test_a_batch_of_one_has_no_diversity() -> None:
    assert diversity(compass("A")) is None
    assert plan_batches(compass("A"), 4, 4, 0).figures() == {
        "batches": 1, "rows": 1, "mean_diversity": None, "random_diversity": None,
    }  # fmt: skip


@given(st.lists(st.integers(0, 9), min_size=1, max_size=200), st.integers(1, 50), st.randoms(use_true_random=False))
def test_every_row_is_dealt_once_and_clusters_are_spread_evenly(labels: list[int], size: int, rng: object) -> None:
    order = list(range(len(labels)))
    rng.shuffle(order)  # type: ignore[attr-defined]  # Hypothesis' Random
    batches = deal(labels, size, order)
    assert sorted(row for batch in batches for row in batch) == list(range(len(labels)))
    assert len(batches) == math.ceil(len(labels) / size)
    assert {len(batch) for batch in batches} <= {len(labels) // len(batches), math.ceil(len(labels) / len(batches))}
    assert max(map(len, batches)) <= size
    for label in set(labels):
        share = labels.count(label) / len(batches)
        held = {sum(labels[row] == label for row in batch) for batch in batches}
        assert held <= {math.floor(share), math.ceil(share)}


def test_the_same_seed_gives_the_same_plan_and_another_seed_another() -> None:
    vectors = unit(200, 16, seed=5)
    assert plan_batches(vectors, 32, 32, seed=1) == plan_batches(vectors, 32, 32, seed=1)
    assert plan_batches(vectors, 32, 32, seed=1).batches != plan_batches(vectors, 32, 32, seed=2).batches


def test_clustered_rows_make_batches_more_diverse_than_random_ones() -> None:
    centres = unit(8, 32, seed=2)
    noisy = np.repeat(centres, 24, axis=0) + 0.05 * unit(192, 32, seed=3)
    vectors = (noisy / np.linalg.norm(noisy, axis=1, keepdims=True)).astype(np.float32)
    told = plan_batches(vectors, size=8, clusters=8, seed=0).figures()
    assert told["mean_diversity"] == pytest.approx(by_pairs(centres), abs=0.02)  # one of each
    assert told["mean_diversity"] > told["random_diversity"] + 0.05


def test_equal_rows_are_one_cluster(recwarn: pytest.WarningsRecorder) -> None:
    plan = plan_batches(compass("AAAAAB"), size=4, clusters=4, seed=0)
    assert sorted(row for batch in plan.batches for row in batch) == list(range(6))
    assert not recwarn.list


def test_file_has_one_line_a_batch_in_order(tmp_path: Path) -> None:
    ids = [f"b2:{number}" for number in range(12)]
    plan = write_plan(ids, compass(LABELS), tmp_path / "plan.jsonl", size=4)
    rows = [json.loads(line) for line in (tmp_path / "plan.jsonl").read_text().splitlines()]
    assert [row["ids"] for row in rows] == [[ids[place] for place in batch] for batch in plan.batches]
    assert [(row["schema"], row["batch"]) for row in rows] == [("insgen.batches/1", number) for number in (1, 2, 3)]
    assert [row["diversity"] for row in rows] == list(plan.diversity)
    assert [path.name for path in tmp_path.iterdir()] == ["plan.jsonl"]


def test_trouble_with_the_file_says_what_to_do(tmp_path: Path) -> None:
    place = tmp_path / "plan.jsonl"
    place.write_text("mine")
    with pytest.raises(InsgenError, match="is there already"):
        write_plan(["b2:1"], compass("A"), place, size=4)
    assert place.read_text() == "mine"
    write_plan(["b2:1"], compass("A"), place, size=4, force=True)
    assert json.loads(place.read_text())["ids"] == ["b2:1"]
    with pytest.raises(InsgenError, match="could not be written"):
        write_plan(["b2:1"], compass("A"), tmp_path / "no" / "plan.jsonl", size=4)
    with pytest.raises(InsgenError, match="the bank has no members"):
        write_plan([], compass(""), tmp_path / "other.jsonl", size=4)
