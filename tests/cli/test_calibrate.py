"""`insgen calibrate`: thresholds from labels that were stored, and what it says without them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sklearn.metrics import roc_curve  # type: ignore[import-untyped]  # it has none
from support.cli import Result
from support.projects import query

from insgen.loop.assemble import Assembly
from insgen.loop.reviewing import Review, pairs_to_label
from insgen.store.database import open_store

Cli = Callable[..., Result]


@pytest.fixture
def labelled(project: Path) -> Path:
    """Who judges here calls pairs above 0.7 the same, and accepts the upper two thirds; some labels are odd."""
    store = open_store(project / "insgen.db")
    session = Review(store, "me", overrules=False)
    for n, pair in enumerate(pairs_to_label(store, "me", "random", 1)):
        session.tell_apart(pair, different=(pair.similarity < 0.7) != (n % 9 == 0))
    rows = store.conn.execute("SELECT candidate_id FROM kept ORDER BY quality DESC").fetchall()
    for n, (id_,) in enumerate(rows):
        good = (n < 2 * len(rows) / 3) != (n % 10 == 4)
        (session.accept if good else session.reject)(id_)
    store.close()
    return project


def test_thresholds_are_those_of_the_roc_curve(cli: Cli, labelled: Path) -> None:
    told = cli("calibrate", "-p", labelled, "--json").json()
    quality = told["placed"]["quality"]
    data = query(
        labelled,
        "SELECT k.quality, s.value > 0 FROM kept k JOIN signals s ON s.candidate_id = k.candidate_id"
        " WHERE name = 'verdict'",
    )
    false_rate, true_rate, _ = roc_curve([good for _, good in data], [value for value, _ in data])
    assert quality["accuracy"] == pytest.approx((1 + (true_rate - false_rate).max()) / 2)
    assert (quality["n_good"] + quality["n_bad"]) == len(data)
    assert set(told["placed"]) == {"near_duplicate", "quality", "heuristic"}
    near = told["placed"]["near_duplicate"]
    assert near["low"] <= near["threshold"] <= near["high"]
    assert 0.55 < near["threshold"] < 0.85


def test_lines_for_the_config_load(cli: Cli, labelled: Path) -> None:
    told = cli("calibrate", "-p", labelled).stdout
    assert "balanced accuracy" in told
    lines = told.splitlines()
    start = lines.index("[select]")
    assert lines[start + 1].startswith("min_quality = 0.")
    assert lines[start - 3 : start - 1] == ["[[filter]]", 'use = "near_duplicate"']
    threshold = lines[start + 1].partition(" = ")[2]
    checked = cli("status", labelled)
    assert checked.code == 0

    assert Assembly(labelled, [f"select.min_quality={threshold}"]).config.select[0].min_quality == float(threshold)


def test_the_seed_decides_the_interval(cli: Cli, labelled: Path) -> None:
    one, two = (cli("calibrate", "-p", labelled, "--seed", 3, "--json").json() for _ in range(2))
    assert one == two


def test_too_few_labels_are_said(cli: Cli, project: Path) -> None:
    refused = cli("calibrate", "-p", project)
    assert refused.code == 2
    assert "quality: There are 0 labels for passing and 0 against." in refused.stderr
    assert "insgen review" in refused.stderr


def test_labels_of_one_kind_are_not_enough(cli: Cli, project: Path) -> None:
    store = open_store(project / "insgen.db")
    session = Review(store, "me", overrules=False)
    for (id_,) in store.conn.execute("SELECT candidate_id FROM kept").fetchall():
        session.accept(id_)
    store.close()
    refused = cli("calibrate", "-p", project)
    assert refused.code == 2
    assert "labels for passing and 0 against" in refused.stderr
