"""What the specification says of any input and of every option, on banks that evolve over rounds."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Literal

import numpy as np
import pytest
from support.pools import clustered, evolve, pool_of, random_tasks

from insgen import Candidate, Selection
from insgen.bank.bank import Bank
from insgen.bank.neighbours import Neighbours
from insgen.plugins.selectors.pibe import PibeSelector, _dense
from insgen.plugins.selectors.pibe._history import Past, history_matrix, weights
from insgen.plugins.selectors.pibe._nn import BlockSearch, IndexSearch
from insgen.plugins.selectors.pibe._round import Plan, by_matrix, by_neighbours
from insgen.plugins.selectors.pibe._schedule import Schedule
from insgen.plugins.selectors.pibe._space import Space

MakeBank = Callable[..., Bank]

PLAN = Plan(Schedule(0.5, 0.3, 0.9, 200, 15))


def arriving(*sizes: int) -> list[list[Candidate]]:
    return [random_tasks(n, seed, start=1000 * seed) for seed, n in enumerate(sizes, start=1)]


def both(make_bank: MakeBank, batches: list[list[Candidate]], **options: Any) -> tuple[list[Selection], ...]:
    bank = make_bank(kept=[each for batch in batches for each in batch])
    return tuple(evolve(PibeSelector(engine=engine, **options), batches, 40, bank) for engine in ("nn", "dense"))


@pytest.mark.parametrize(
    "options",
    [
        *({"floor_rows": rows, "mode": mode} for rows in ("all", "bank", "6000") for mode in ("addition", "nonlinear")),
        {"history": False},
        {"alpha": 0.0},
        {"inherit_by": "similarity"},
        {"quality_weight": 2.0},
        {"quality_weight": 0.0},
        {"affinity": "cosine", "damping": 0.9, "alpha": 0.9, "decay": 0.97},
        {"preference": 0.5, "neighbours": 3},
        {"max_iterations": 20, "convergence_iterations": 5},
    ],
)
def test_engines_agree_for_every_option_over_rounds(make_bank: MakeBank, options: dict[str, Any]) -> None:
    near, dense = both(make_bank, arriving(90, 60, 70), **options)
    for one, other in zip(near, dense, strict=True):
        assert [place.candidate_id for place in one.ranking] == [place.candidate_id for place in other.ranking]
        for name in ("diversity", "utility"):
            values = [[getattr(place, name) for place in each.ranking] for each in (one, other)]
            np.testing.assert_allclose(*values, rtol=0, atol=1e-9)


@pytest.mark.parametrize("engine", ["nn", "dense"])
def test_the_order_of_newcomers_changes_no_score(make_bank: MakeBank, engine: Literal["nn", "dense"]) -> None:
    first, second = arriving(70, 60)
    bank = make_bank(kept=[*first, *second])
    shuffled = list(second)
    Random(3).shuffle(shuffled)
    scores = []
    for batch in (second, shuffled):
        last = evolve(PibeSelector(engine=engine), [first, batch], 60, bank)[-1]
        scores.append({place.candidate_id: place.utility for place in last.ranking})
    assert scores[0].keys() == scores[1].keys()
    assert all(scores[1][each] == pytest.approx(score, abs=1e-9) for each, score in scores[0].items())


@pytest.mark.parametrize(
    ("mode", "gamma", "low", "high"),
    [
        ("multiply", 2.0, 1.0, 8.0),
        ("multiply", 0.5, 1.0, 2.0**1.5),
        ("addition", 3.0, 0.0, 4.0),
        ("nonlinear", 5.0, 1.0, 4.0),
    ],
)
def test_scores_stay_in_the_range_of_their_mode(
    make_bank: MakeBank, mode: Literal["multiply", "addition", "nonlinear"], gamma: float, low: float, high: float
) -> None:
    batches = arriving(60, 60)
    bank = make_bank(kept=[each for batch in batches for each in batch])
    for selection in evolve(PibeSelector(mode=mode, quality_weight=gamma), batches, 100, bank):
        assert all(low <= place.utility <= high for place in selection.ranking)


def test_no_rejected_candidate_scores_above_a_member(make_bank: MakeBank) -> None:
    batches = arriving(60, 80)
    bank = make_bank(kept=[each for batch in batches for each in batch])
    first, kept = evolve(PibeSelector(), batches, 30, bank)
    known = {each.id: each for batch in batches for each in batch}
    pool = pool_of([*(known[place.candidate_id] for place in first.ranking), *batches[1]], 30)
    everyone = PibeSelector().select(pool, 110, bank, Random(1), first.state)
    assert len(everyone.ranking) == 110
    assert everyone.ranking[:30] == kept.ranking
    assert max(place.utility for place in everyone.ranking[30:]) <= kept.ranking[-1].utility


def second_round() -> tuple[Space, Past]:
    first, bank = Space(clustered(80, 3), "euclidean"), np.arange(10, 40)
    done = by_matrix(first, None, PLAN, Random(0))
    full = done.responsibilities
    assert full is not None
    past = Past(
        done.messages.r[bank], first.vectors, full[:, bank], None, full[np.ix_(bank, bank)], done.scale, complete=True
    )
    return Space(np.concatenate([first.vectors[bank], clustered(60, 4)]), "euclidean"), past


def test_with_history_responsibilities_stay_symmetric_and_availabilities_constant_by_column() -> None:
    space, past = second_round()
    history, _ = history_matrix(past, space.vectors[30:])
    np.testing.assert_allclose(history, history.T, rtol=0, atol=1e-12)
    done = by_matrix(space, past, PLAN, Random(0))
    full = done.responsibilities
    assert full is not None
    np.testing.assert_allclose(full, full.T, rtol=0, atol=1e-12)
    assert (full[~np.eye(90, dtype=bool)] < 0).all()
    availability = np.empty((90, 90))
    _dense._new_availabilities(full, availability)
    np.testing.assert_array_equal(np.diagonal(availability), 0)
    np.testing.assert_array_equal(done.messages.a, 0)
    for column in range(90):
        off = np.delete(availability[:, column], column)
        np.testing.assert_allclose(off, min(0.0, full[column, column]), rtol=0, atol=1e-12)


def test_weights_by_similarity_favour_what_a_newcomer_resembles() -> None:
    new, previous = clustered(12, 1), clustered(30, 2)
    w = weights(new, previous, "similarity")
    cosine = new.astype(float) @ previous.astype(float).T
    np.testing.assert_allclose(w, (1 + cosine) / (1 + cosine).sum(axis=1, keepdims=True), atol=1e-7)
    np.testing.assert_array_equal(weights(np.array([[1.0, 0.0]]), np.array([[-2.0, 0.0]]), "similarity"), [[1.0]])
    space, past = second_round()
    medians = {
        by: by_matrix(space, past, Plan(PLAN.schedule, inherit_by=by), Random(0)).median  # type: ignore[arg-type]  # two names
        for by in ("distance", "similarity")
    }
    assert medians["distance"] != medians["similarity"]


@pytest.mark.parametrize("neighbours", [2, 32])
def test_an_approximate_index_gives_nearly_the_exact_scores(neighbours: int) -> None:
    vectors = clustered(3000, 7, 24)
    space, plan = Space(vectors, "euclidean"), Plan(PLAN.schedule, neighbours=neighbours, exact_history=0)
    index = Neighbours(24, exact_rows=500)
    index.add(vectors)
    assert not index.exact
    exact, rough = (
        by_neighbours(space, search, None, plan, Random(0)).messages.rep
        for search in (BlockSearch.over, lambda _: IndexSearch.over(vectors, index))
    )
    assert np.mean(np.abs(exact - rough) <= 1e-9) >= 0.995
    assert (rough >= exact - 1e-9).all()  # a missed neighbour can only make a candidate look lonelier


@pytest.mark.parametrize("k", [1, 5, 60, 400])
def test_the_k_smallest_are_found_among_ties_and_in_any_order(k: int) -> None:
    from insgen.plugins.selectors.pibe._nn import _k_smallest

    rng = np.random.default_rng(k)
    for values in (rng.standard_normal((20, 1003)), rng.integers(0, 4, (20, 1003)).astype(float), np.ones((3, 1003))):
        chosen = _k_smallest(values, k)
        assert all(len(set(row)) == k for row in chosen.tolist())
        found = np.sort(np.take_along_axis(values, chosen, axis=1), axis=1)
        np.testing.assert_array_equal(found, np.sort(values, axis=1)[:, :k])
