"""The sparse engine against the dense one: the same on a complete graph, nearly the same on a sparse one."""

from __future__ import annotations

import logging
from collections.abc import Callable
from random import Random

import numpy as np
import pytest
from support.pools import clustered, evolve, pool_of, random_tasks, tasks

from insgen.bank.bank import Bank
from insgen.plugins.selectors.pibe import PibeSelector
from insgen.plugins.selectors.pibe._history import Past
from insgen.plugins.selectors.pibe._nn import BlockSearch
from insgen.plugins.selectors.pibe._round import Outcome, Plan, by_edges, by_matrix
from insgen.plugins.selectors.pibe._schedule import Schedule
from insgen.plugins.selectors.pibe._space import Space
from insgen.plugins.selectors.pibe._sparse import edges_of
from insgen.plugins.selectors.pibe._sparse_history import EdgePast, Links

MakeBank = Callable[..., Bank]

SCHEDULE = Schedule(0.5, 0.3, 0.9, 200, 15)


def rank_correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's, by NumPy alone; ties broken by place."""
    ranks = [np.argsort(np.argsort(each, kind="stable"), kind="stable") for each in (x, y)]
    return float(np.corrcoef(*ranks)[0, 1])


def both(space: Space, preference: float | None, links: int) -> tuple[Outcome, Outcome]:
    plan = Plan(SCHEDULE, preference, links=links)
    sparse = by_edges(space, BlockSearch.over, None, plan, Random(0))
    return sparse, by_matrix(space, None, plan, Random(0))


@pytest.mark.parametrize("preference", [None, -0.9, -1.2, 0.0])
def test_a_complete_graph_gives_the_dense_scores(preference: float | None) -> None:
    space = Space(clustered(90, 3), "euclidean")
    sparse, dense = both(space, preference, 500)
    np.testing.assert_allclose(sparse.messages.rep, dense.messages.rep, rtol=0, atol=1e-9)
    np.testing.assert_allclose(sparse.messages.r, dense.messages.r, rtol=0, atol=1e-9)
    assert sparse.messages.iterations == dense.messages.iterations


def test_a_complete_graph_gives_the_dense_scores_with_a_history_too() -> None:
    plan = Plan(SCHEDULE, -1.0, links=500)
    first, bank = Space(clustered(70, 3), "euclidean"), np.arange(5, 25)
    done = by_matrix(first, None, plan, Random(0))
    full, r = done.responsibilities, done.messages.r[bank]
    assert full is not None
    columns, rows, among = full[:, bank], full[bank], full[np.ix_(bank, bank)]
    space = Space(np.concatenate([first.vectors[bank], clustered(50, 4)]), "euclidean")
    dense = by_matrix(space, Past(r, first.vectors, columns, rows, among, 1.0, complete=True), plan, Random(0))
    links = Links(np.arange(400), among.ravel())
    past = EdgePast(r, first.vectors, columns, rows, links, np.zeros(20), np.zeros(70), 1.0)
    sparse = by_edges(space, BlockSearch.over, past, plan, Random(0))
    assert sparse.median == pytest.approx(dense.median, abs=1e-12)
    np.testing.assert_allclose(sparse.messages.rep, dense.messages.rep, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("preference", "links", "bound"), [(None, 16, 0.99), (None, 64, 0.9999), (-1.2, 16, 0.99), (-0.8, 32, 0.9999)]
)
def test_near_neighbours_alone_rank_nearly_as_the_dense_engine(
    preference: float | None, links: int, bound: float
) -> None:
    sparse, dense = both(Space(clustered(600, 5), "euclidean"), preference, links)
    assert rank_correlation(sparse.messages.rep, dense.messages.rep) >= bound


def test_the_graph_goes_both_ways_and_holds_everybody() -> None:
    space = Space(clustered(80, 6), "cosine")
    edges = edges_of(space, BlockSearch.over(space), 4)
    pairs = set(zip(edges.rows.tolist(), edges.columns.tolist(), strict=True))
    assert len(pairs) == len(edges.rows)
    assert {(column, row) for row, column in pairs} == pairs
    assert {(node, node) for node in range(80)} <= pairs
    np.testing.assert_array_equal(edges.rows[edges.flip], edges.columns)
    distance = space.block(np.arange(80))
    off = edges.rows != edges.columns
    np.testing.assert_allclose(
        edges.similarity[off], -distance[edges.rows[off], edges.columns[off]], rtol=0, atol=1e-12
    )
    nearest = np.argsort(distance + np.where(np.eye(80, dtype=bool), np.inf, 0.0), axis=1)[:, :4]
    assert {(row, int(column)) for row in range(80) for column in nearest[row]} <= pairs


@pytest.mark.parametrize("options", [{"preference_rule": "median"}, {"preference": -1.0}])
def test_banks_over_rounds_are_nearly_those_of_the_dense_engine(
    make_bank: MakeBank, options: dict[str, object]
) -> None:
    arriving = [random_tasks(n, seed, start=1000 * seed) for seed, n in enumerate((300, 200, 200), start=1)]
    bank = make_bank(kept=[each for batch in arriving for each in batch])
    dense, sparse = (
        evolve(PibeSelector(engine=engine, **options), arriving, 100, bank)  # type: ignore[arg-type]  # options by name
        for engine in ("dense", "sparse")
    )
    for one, other in zip(dense, sparse, strict=True):
        common = {place.candidate_id for place in one.ranking} & {place.candidate_id for place in other.ranking}
        assert len(common) >= 97


def test_a_pool_that_does_not_settle_is_reported(make_bank: MakeBank, caplog: pytest.LogCaptureFixture) -> None:
    everyone = tasks(np.repeat(clustered(1, 5), 12, axis=0), np.linspace(0, 1, 12))
    bank = make_bank(kept=everyone)
    selector = PibeSelector(engine="sparse", preference=-0.1, max_iterations=20)
    with caplog.at_level(logging.WARNING):
        selection = selector.select(pool_of(everyone), 5, bank, Random(1), "")
    assert "after 20 iterations" in caplog.text
    assert len(selection.ranking) == 5


@pytest.mark.parametrize(
    ("options", "engine"),
    [
        ({}, "nn"),
        ({"preference": 0.5}, "nn"),
        ({"preference": -0.5}, "dense"),
        ({"preference_rule": "median"}, "dense"),
        ({"preference": -0.5, "max_memory_gb": 0.0001}, "sparse"),
        ({"preference": -0.5, "engine": "sparse"}, "sparse"),
    ],
)
def test_the_engine_is_chosen_by_preference_and_size_and_named(
    make_bank: MakeBank, caplog: pytest.LogCaptureFixture, options: dict[str, object], engine: str
) -> None:
    everyone = random_tasks(60, 1)
    bank = make_bank(kept=everyone)
    with caplog.at_level(logging.INFO):
        selector = PibeSelector(**options)  # type: ignore[arg-type]  # options by name
        selection = selector.select(pool_of(everyone), 20, bank, Random(1), "")
    assert f'"engine":"{engine}"' in selection.state
    if "engine" not in options:
        assert f"with the {engine} engine" in caplog.text
        assert ("approximately" in caplog.text) == (engine == "sparse")


def test_a_dense_state_is_no_history_for_the_sparse_engine_and_it_says_so(
    make_bank: MakeBank, caplog: pytest.LogCaptureFixture
) -> None:
    arriving = [random_tasks(n, seed, start=1000 * seed) for seed, n in enumerate((80, 60), start=1)]
    known = {each.id: each for batch in arriving for each in batch}
    bank = make_bank(kept=list(known.values()))
    states = {
        engine: PibeSelector(engine=engine, preference=-1.0).select(pool_of(arriving[0]), 30, bank, Random(1), "")
        for engine in ("dense", "sparse")
    }
    for engine, other in (("dense", "sparse"), ("sparse", "dense")):
        before = states[other]
        pool = pool_of([*(known[place.candidate_id] for place in before.ranking), *arriving[1]], 30)
        selector = PibeSelector(engine=engine, preference=-1.0)
        caplog.clear()
        after = selector.select(pool, 30, bank, Random(2), before.state)
        assert "starts without history" in caplog.text
        assert after.ranking == selector.select(pool, 30, bank, Random(2), "").ranking
