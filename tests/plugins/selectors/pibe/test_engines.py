"""Both engines against each other, against scikit-learn and against what the specification says of any input."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.pools import clustered

from insgen.bank.neighbours import Neighbours
from insgen.plugins.selectors.pibe import _dense, _nn
from insgen.plugins.selectors.pibe._combine import Mix, Mode, best_first, combine, scaled_diversity, scaled_quality
from insgen.plugins.selectors.pibe._history import Past
from insgen.plugins.selectors.pibe._nn import BlockSearch, IndexSearch, NeighbourGraph
from insgen.plugins.selectors.pibe._round import Outcome, Plan, by_matrix, by_neighbours
from insgen.plugins.selectors.pibe._schedule import Schedule
from insgen.plugins.selectors.pibe._space import Affinity, Space, distances

if TYPE_CHECKING:
    from numpy.typing import NDArray

PLAN = Plan(Schedule(0.5, 0.3, 0.9, 200, 15))


def propagated(engine: str, space: Space, past: Past | None = None, plan: Plan = PLAN) -> Outcome:
    if engine == "dense":
        return by_matrix(space, past, plan, Random(0))
    return by_neighbours(space, BlockSearch.over, past, plan, Random(0))


def past_of(done: Outcome, space: Space, bank: NDArray[np.int64]) -> Past:
    full = done.responsibilities
    assert full is not None
    return Past(done.messages.r[bank], space.vectors, full[:, bank], None, full[np.ix_(bank, bank)], done.scale, True)


def rounds(
    engine: str, batches: list[NDArray[np.float32]], affinity: Affinity, mix: Mix, plan: Plan
) -> list[NDArray[np.float64]]:
    """Rank batch after batch with a bank of 60; the keys of every round, and the bank at the end."""
    rng = np.random.default_rng(99)
    vectors, quality = np.empty((0, batches[0].shape[1]), dtype=np.float32), np.empty(0)
    past, found = None, []
    for batch in batches:
        n_members = len(vectors)
        space = Space(np.concatenate([vectors, batch]), affinity)
        quality = np.concatenate([quality, rng.uniform(size=len(batch))])
        done = propagated(engine, space, past, plan)
        key = combine(scaled_diversity(done.messages.rep, n_members, "bank"), scaled_quality(quality), mix)
        bank = best_first(key, quality)[:60]
        past = past_of(done, space, bank)
        vectors, quality = space.vectors[bank], quality[bank]
        found += [key, done.messages.rep]
    return [*found, vectors.astype(np.float64)]


@pytest.mark.parametrize("mode", ["multiply", "addition", "nonlinear"])
@pytest.mark.parametrize(("affinity", "damping", "alpha"), [("euclidean", 0.5, 0.3), ("cosine", 0.9, 0.9)])
def test_engines_agree_over_four_rounds_with_history(
    mode: Mode, affinity: Affinity, damping: float, alpha: float
) -> None:
    batches = [clustered(n, seed) for n, seed in ((220, 1), (150, 2), (170, 3), (40, 4))]
    plan = Plan(Schedule(damping, alpha, 0.9, 200, 15), neighbours=32, exact_history=300)
    mix = Mix(mode, 1.0, 0.95)
    for near, dense in zip(
        rounds("nn", batches, affinity, mix, plan), rounds("dense", batches, affinity, mix, plan), strict=True
    ):
        np.testing.assert_allclose(near, dense, rtol=0, atol=1e-9)


def test_few_neighbours_are_asked_for_more_until_they_settle() -> None:
    first, second = Space(clustered(200, 1), "euclidean"), clustered(150, 2)
    bank = np.arange(60)
    past = past_of(propagated("nn", first), first, bank)
    space = Space(np.concatenate([first.vectors[bank], second, second[:40]]), "euclidean")
    dense = propagated("dense", space, past)
    near = propagated("nn", space, past, Plan(PLAN.schedule, neighbours=2))
    assert near.n_asked_again > 0
    np.testing.assert_allclose(near.messages.rep, dense.messages.rep, rtol=0, atol=1e-9)
    assert near.messages.iterations == dense.messages.iterations


def test_rows_that_need_too_many_neighbours_are_measured_against_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_nn, "_MAX_ENTRIES", 0)
    space = Space(clustered(90, 3), "euclidean")
    graph = NeighbourGraph(space, BlockSearch.over(space), 1)
    a = -np.random.default_rng(0).uniform(0, 3, size=90)
    offers = distances(space.vectors, space.vectors, "euclidean") - a
    np.fill_diagonal(offers, np.inf)
    np.testing.assert_allclose(graph.best_offers(a), offers.min(axis=1), rtol=0, atol=1e-12)


@pytest.mark.parametrize("affinity", ["euclidean", "cosine"])
def test_the_banks_index_finds_what_the_block_search_finds(affinity: Affinity) -> None:
    vectors = clustered(150, 8)
    vectors[100:140] = vectors[:40]
    vectors[140:] = vectors[0]
    space = Space(vectors, affinity)
    index = Neighbours(vectors.shape[1])
    index.add(vectors)
    offers = [
        NeighbourGraph(space, search, 5).best_offers(np.zeros(150))
        for search in (BlockSearch.over(space), IndexSearch.over(vectors, index))
    ]
    np.testing.assert_array_equal(offers[0], offers[1])


@pytest.mark.parametrize("engine", ["nn", "dense"])
def test_without_history_diversity_is_the_distance_to_the_nearest_other(engine: str) -> None:
    vectors = clustered(120, 5).astype(np.float64) * 3.0 + 1.0
    done = propagated(engine, Space(vectors, "euclidean"))
    nearest = np.array(
        [min(np.linalg.norm(x - y) for j, y in enumerate(vectors) if j != i) for i, x in enumerate(vectors)]
    )
    factor = 0.9999847412109375
    assert factor == 1 - 2.0**-16
    assert done.messages.iterations == 16
    np.testing.assert_allclose(done.messages.r, factor * nearest, rtol=1e-12)
    np.testing.assert_allclose(done.messages.rep, factor * nearest / 120, rtol=1e-9)


def test_collapsed_messages_are_symmetric_and_nobody_is_available() -> None:
    space = Space(clustered(80, 6), "euclidean")
    full = propagated("dense", space).responsibilities
    worked_out = propagated("nn", space).responsibilities
    assert full is not None
    assert worked_out is not None
    np.testing.assert_allclose(full, full.T, atol=1e-12)
    np.testing.assert_allclose(worked_out, full, atol=1e-9)
    assert (full[~np.eye(80, dtype=bool)] < 0).all()


@pytest.mark.parametrize("preference", [0.25, 2.0])
def test_engines_agree_for_preferences_above_zero(preference: float) -> None:
    plan = Plan(PLAN.schedule, preference)
    first = Space(clustered(150, 11), "euclidean")
    pasts = {engine: past_of(propagated(engine, first, None, plan), first, np.arange(50)) for engine in ("nn", "dense")}
    second = Space(np.concatenate([first.vectors[:50], clustered(90, 12)]), "euclidean")
    near, dense = (propagated(engine, second, pasts[engine], plan).messages.rep for engine in ("nn", "dense"))
    np.testing.assert_allclose(near, dense, rtol=0, atol=1e-9)


@pytest.mark.parametrize("engine", ["nn", "dense"])
def test_copies_get_no_diversity(engine: str) -> None:
    vectors = clustered(60, 7)
    vectors[50:] = vectors[:10]
    rep = propagated(engine, Space(vectors, "euclidean")).messages.rep
    s = scaled_diversity(rep, 0, "bank")
    np.testing.assert_allclose(s[:10], 0, atol=1e-12)
    np.testing.assert_allclose(s[50:], 0, atol=1e-12)
    assert (s[10:50] > 0.01).all()


def test_many_copies_with_a_history_are_scored_as_by_the_dense_engine() -> None:
    first = Space(clustered(60, 7), "euclidean")
    past = past_of(propagated("dense", first), first, np.arange(30))
    batch = clustered(90, 8)
    batch[10:60], batch[60:63], batch[70:72] = batch[5], batch[6], first.vectors[3]
    space, plan = Space(np.concatenate([first.vectors[:30], batch]), "euclidean"), Plan(PLAN.schedule, neighbours=4)
    near, dense = (propagated(engine, space, past, plan) for engine in ("nn", "dense"))
    np.testing.assert_allclose(near.messages.rep, dense.messages.rep, rtol=0, atol=1e-9)
    assert near.messages.iterations == dense.messages.iterations


@pytest.mark.parametrize("engine", ["nn", "dense"])
def test_a_pool_of_copies_ends_without_converging(engine: str) -> None:
    done = propagated(engine, Space(np.ones((5, 3)), "euclidean"), plan=Plan(Schedule(0.5, 0.3, 0.9, 30, 15)))
    assert not done.messages.converged
    assert done.messages.iterations == 30
    np.testing.assert_array_equal(done.messages.rep, np.zeros(5))


def test_near_copies_keep_their_true_distance() -> None:
    vectors = clustered(30, 9).astype(np.float64)
    vectors[1] = vectors[0]
    vectors[1, 0] += 1e-11
    space = Space(vectors, "euclidean")
    assert space.block(np.arange(30))[0, 1] == pytest.approx(1e-11, rel=1e-4)
    assert space.edges(np.array([0]), np.array([[1]]))[0, 0] == pytest.approx(1e-11, rel=1e-4)


@pytest.mark.parametrize("engine", ["nn", "dense"])
def test_candidates_alike_in_neighbour_and_history_get_the_same_score(engine: str) -> None:
    first = Space(clustered(60, 13), "euclidean")
    past = past_of(propagated(engine, first), first, np.arange(20))
    batch = clustered(40, 14)
    batch[1] = batch[0]  # both have a copy as their nearest, and are newcomers
    rep = propagated(engine, Space(np.concatenate([first.vectors[:20], batch]), "euclidean"), past).messages.rep
    assert rep[20] == pytest.approx(rep[21], abs=1e-12)


@pytest.mark.parametrize("preference", [None, -0.8, -1.2])
def test_dense_engine_finds_the_exemplars_of_scikit_learn(preference: float | None) -> None:
    from sklearn.cluster import AffinityPropagation

    space = Space(clustered(120, 21), "euclidean")
    similarity = _dense.similarities(space.block(np.arange(120)), preference)
    reference = AffinityPropagation(
        damping=0.5, max_iter=200, convergence_iter=15, affinity="precomputed", random_state=0,
        preference=float(similarity[0, 0]),
    ).fit(similarity)  # fmt: skip
    messages, responsibilities = _dense.propagate(similarity, PLAN.schedule)
    assert messages.converged
    assert messages.iterations == reference.n_iter_
    positive = np.maximum(responsibilities, 0)
    np.fill_diagonal(positive, np.diagonal(responsibilities))
    exemplars = np.flatnonzero(positive.sum(axis=0) > 0)  # what availability settles to, plus responsibility
    label = similarity[:, exemplars].argmax(axis=1)
    label[exemplars] = np.arange(len(exemplars))
    centers = reference.cluster_centers_indices_  # scikit-learn reports each cluster's medoid; of two members, either
    assert sorted(label[centers]) == list(range(len(exemplars)))
    for center in centers:
        rows = np.flatnonzero(label == label[center])
        totals = similarity[np.ix_(rows, rows)].sum(axis=0)
        assert totals[rows == center][0] == pytest.approx(totals.max())


def test_tie_noise_is_seeded_and_within_rounding() -> None:
    plain = _dense.similarities(Space(clustered(20, 1), "euclidean").block(np.arange(20)), 0.0)
    shaken = [plain.copy() for _ in range(3)]
    for copy, seed in zip(shaken, (1, 1, 2), strict=True):
        _dense.add_tie_noise(copy, seed)
    np.testing.assert_array_equal(shaken[0], shaken[1])
    assert (shaken[0] != shaken[2]).any()
    np.testing.assert_allclose(shaken[0], plain, rtol=1e-14, atol=1e-300)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.floats(0.01, 100.0), gain=st.floats(0.1, 50.0), shift=st.floats(-5, 5))
def test_rotation_scale_and_units_of_quality_change_nothing(seed: int, scale: float, gain: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.standard_normal((16, 16)))
    points, quality = clustered(70, seed).astype(np.float64), rng.uniform(size=70)

    def second_round(vectors: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
        first = Space(vectors[:40], "euclidean")
        past = past_of(propagated("nn", first), first, np.arange(15))
        rows = np.r_[:15, 40:70]
        done = propagated("nn", Space(vectors[rows], "euclidean"), past)
        return combine(
            scaled_diversity(done.messages.rep, 15, "bank"), scaled_quality(values[rows]), Mix("multiply", 1.0, 0.95)
        )

    np.testing.assert_allclose(
        second_round(scale * points @ turn, gain * quality + shift), second_round(points, quality), rtol=0, atol=1e-7
    )
