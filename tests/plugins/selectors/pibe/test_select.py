"""PIBE as a stage: from a pool and a state to a ranking and the next state, on a real bank."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Literal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.pools import clustered, evolve, pool_of, random_tasks, tasks

from insgen import Candidate, ConfigError, StageError
from insgen.bank.bank import Bank
from insgen.plugins.selectors.pibe import PibeSelector

MakeBank = Callable[..., Bank]


def batches(*sizes: int) -> list[list[Candidate]]:
    return [random_tasks(n, seed, start=1000 * seed) for seed, n in enumerate(sizes, start=1)]


def ranked(selection: object) -> list[tuple[str, float]]:
    return [(place.candidate_id, place.utility) for place in selection.ranking]  # type: ignore[attr-defined]  # a Selection


@pytest.mark.parametrize("mode", ["multiply", "addition", "nonlinear"])
def test_engines_keep_the_same_bank_through_the_store(
    make_bank: MakeBank, mode: Literal["multiply", "addition", "nonlinear"]
) -> None:
    arriving = batches(200, 120, 120, 90)
    bank = make_bank(kept=[each for batch in arriving for each in batch])
    near, dense = (evolve(PibeSelector(engine=engine, mode=mode), arriving, 70, bank) for engine in ("nn", "dense"))
    for one, other in zip(near, dense, strict=True):
        assert [place.candidate_id for place in one.ranking] == [place.candidate_id for place in other.ranking]
        np.testing.assert_allclose([p.utility for p in one.ranking], [p.utility for p in other.ranking], atol=1e-9)


def test_history_favours_members(make_bank: MakeBank) -> None:
    arriving = batches(200, 200)
    bank = make_bank(kept=[each for batch in arriving for each in batch])
    old = {each.id for each in arriving[0]}
    stayed = {
        history: sum(
            place.candidate_id in old
            for place in evolve(PibeSelector(history=history, quality_weight=0.0), arriving, 60, bank)[1].ranking
        )
        for history in (True, False)
    }
    assert stayed[True] > stayed[False]


@pytest.mark.parametrize("reservoir", [60, 5000])
def test_estimated_history_keeps_nearly_the_same_bank(make_bank: MakeBank, reservoir: int) -> None:
    arriving = batches(400, 300, 300)
    bank = make_bank(kept=[each for batch in arriving for each in batch])
    exact = evolve(PibeSelector(engine="dense"), arriving, 120, bank)[-1]
    rough = evolve(PibeSelector(exact_history=0, reservoir=reservoir), arriving, 120, bank)[-1]
    common = {place.candidate_id for place in exact.ranking} & {place.candidate_id for place in rough.ranking}
    assert len(common) >= 118


def test_estimated_history_is_exact_in_the_second_round(make_bank: MakeBank) -> None:
    arriving = batches(400, 300)
    bank = make_bank(kept=[each for batch in arriving for each in batch])
    dense = evolve(PibeSelector(engine="dense"), arriving, 120, bank)[-1]
    near = evolve(PibeSelector(exact_history=0), arriving, 120, bank)[-1]
    assert [p.candidate_id for p in near.ranking] == [p.candidate_id for p in dense.ranking]
    np.testing.assert_allclose([p.utility for p in near.ranking], [p.utility for p in dense.ranking], atol=1e-9)


@pytest.mark.parametrize(
    "selector", [PibeSelector(), PibeSelector(preference=-0.6), PibeSelector(preference_rule="median")]
)
def test_a_resumed_run_ends_with_the_same_bank(make_bank: MakeBank, selector: PibeSelector) -> None:
    arriving = batches(150, 90, 80)
    bank = make_bank(kept=[each for batch in arriving for each in batch])
    undisturbed = evolve(selector, arriving, 50, bank)
    known = {each.id: each for batch in arriving for each in batch}
    pool = pool_of([*(known[place.candidate_id] for place in undisturbed[1].ranking), *arriving[2]], 50)
    resumed = replace(selector).select(pool, 50, bank, Random(7), undisturbed[1].state)
    assert resumed == undisturbed[2]


@pytest.mark.parametrize("state", ["", "nonsense", "[1, 2]", '{"format": "random 1", "keys": {}}'])
def test_a_foreign_state_is_no_history(make_bank: MakeBank, state: str) -> None:
    everyone = random_tasks(90, 1)
    bank = make_bank(kept=everyone)
    fresh = PibeSelector(history=False).select(pool_of(everyone, 30), 40, bank, Random(1), "")
    assert ranked(PibeSelector().select(pool_of(everyone, 30), 40, bank, Random(1), state)) == ranked(fresh)


def test_a_changed_bank_or_setting_starts_without_history(make_bank: MakeBank) -> None:
    first, second = batches(120, 80)
    bank = make_bank(kept=[*first, *second])
    selection = PibeSelector().select(pool_of(first), 40, bank, Random(1), "")
    known = {each.id: each for each in first}
    members = [known[place.candidate_id] for place in selection.ranking]

    def after(selector: PibeSelector, members: list[Candidate], state: str) -> list[tuple[str, float]]:
        return ranked(selector.select(pool_of([*members, *second], len(members)), 40, bank, Random(2), state))

    remembered = after(PibeSelector(), members, selection.state)
    assert remembered != after(PibeSelector(), members, "")
    assert after(PibeSelector(), members[1:], selection.state) == after(PibeSelector(), members[1:], "")
    cosine = PibeSelector(affinity="cosine")
    assert after(cosine, members, selection.state) == after(cosine, members, "")


def test_candidates_without_vectors_of_this_model_are_no_history(make_bank: MakeBank) -> None:
    first, second = batches(100, 60)
    selection = PibeSelector().select(pool_of(first), 30, make_bank(kept=first), Random(1), "")
    known = {each.id: each for each in first}
    pool = pool_of([*(known[place.candidate_id] for place in selection.ranking), *second], 30)
    other_model = make_bank(kept=second)
    assert ranked(PibeSelector().select(pool, 30, other_model, Random(2), selection.state)) == ranked(
        PibeSelector().select(pool, 30, other_model, Random(2), "")
    )


def test_alpha_0_scores_as_without_history_but_for_the_floor(make_bank: MakeBank) -> None:
    everyone = random_tasks(90, 3)
    bank = make_bank(kept=everyone)
    later = PibeSelector(alpha=0.0, floor_rows="all").select(pool_of(everyone, 30), 90, bank, Random(1), "")
    first = PibeSelector().select(pool_of(everyone), 90, bank, Random(1), "")
    assert ranked(later) == ranked(first)


def test_equal_quality_leaves_diversity_to_decide(make_bank: MakeBank) -> None:
    everyone = tasks(clustered(40, 4), np.full(40, 0.5))
    selection = PibeSelector().select(pool_of(everyone), 40, make_bank(kept=everyone), Random(1), "")
    assert [place.utility for place in selection.ranking] == pytest.approx([1 + p.diversity for p in selection.ranking])
    assert selection.ranking[0].diversity == 1.0


def test_ties_go_to_higher_quality_then_to_age(make_bank: MakeBank) -> None:
    vectors = np.repeat(clustered(1, 5), 4, axis=0)
    everyone = tasks(vectors, [0.2, 0.9, 0.2, 0.9])
    selection = PibeSelector(quality_weight=0.0).select(pool_of(everyone), 4, make_bank(kept=everyone), Random(1), "")
    assert [place.candidate_id for place in selection.ranking] == [everyone[row].id for row in (1, 3, 0, 2)]


@pytest.mark.parametrize("engine", ["nn", "dense"])
def test_a_bank_grows_from_a_single_candidate(make_bank: MakeBank, engine: Literal["nn", "dense"]) -> None:
    arriving = batches(1, 1, 3)
    bank = make_bank(kept=[each for batch in arriving for each in batch])
    sizes = [len(each.ranking) for each in evolve(PibeSelector(engine=engine), arriving, 4, bank)]
    assert sizes == [1, 2, 4]


def test_no_places_and_no_candidates_give_an_empty_ranking(make_bank: MakeBank) -> None:
    everyone = random_tasks(5, 1)
    assert PibeSelector().select(pool_of(everyone), 0, make_bank(kept=everyone), Random(1), "").ranking == ()


def test_dense_engine_refuses_what_does_not_fit_into_memory(make_bank: MakeBank) -> None:
    everyone = random_tasks(600, 1)
    with pytest.raises(StageError, match=r"would take 0\.0202 GB for 600 candidates"):
        PibeSelector(engine="dense", max_memory_gb=0.02).select(pool_of(everyone), 10, make_bank(), Random(1), "")


def test_dense_engine_refuses_a_history_it_cannot_hand_on(make_bank: MakeBank) -> None:
    everyone = random_tasks(2100, 1)
    with pytest.raises(StageError, match="hand 4200000 responsibilities on"):
        PibeSelector(engine="dense", preference=-1.0).select(pool_of(everyone), 1000, make_bank(), Random(1), "")


@pytest.mark.parametrize(
    ("option", "value"),
    [("damping", 1.0), ("alpha", 1.5), ("decay", 0.0), ("quality_weight", -1.0), ("nonlinear_quantile", 0.3),
     ("neighbours", 0), ("max_iterations", 0), ("convergence_iterations", 0), ("reservoir", 0), ("exact_history", -1),
     ("max_memory_gb", 0.0)],
)  # fmt: skip
def test_options_out_of_range_are_refused_by_name(option: str, value: float) -> None:
    with pytest.raises(ConfigError, match=option):
        PibeSelector(**{option: value})  # type: ignore[arg-type]  # one option by name


@pytest.mark.parametrize("options", [{"preference": -0.1}, {"preference_rule": "median"}, {"tie_noise": True}])
def test_nn_engine_refuses_what_only_the_dense_one_can_do(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match='engine = "dense"'):
        PibeSelector(engine="nn", **options)  # type: ignore[arg-type]  # options by name


modes = st.sampled_from(["multiply", "addition", "nonlinear"])
bounds = {"multiply": (1.0, 4.0), "addition": (0.0, 2.0), "nonlinear": (1.0, 4.0)}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), n=st.integers(1, 60), size=st.integers(0, 70), copies=st.integers(0, 10), mode=modes)
def test_every_ranking_keeps_the_promises(
    make_bank: MakeBank, seed: int, n: int, size: int, copies: int, mode: Literal["multiply", "addition", "nonlinear"]
) -> None:
    vectors = clustered(n, seed)
    vectors[: min(copies, n)] = vectors[-1]
    everyone = tasks(vectors, np.random.default_rng(seed).integers(0, 4, size=n) / 4)
    bank, pool = make_bank(), pool_of(everyone, min(n, seed % 5))
    selector = PibeSelector(mode=mode)
    selection = selector.select(pool, size, bank, Random(seed), "")
    ids = [place.candidate_id for place in selection.ranking]
    assert len(ids) == min(size, n)
    assert len(set(ids)) == len(ids)
    utilities = [place.utility for place in selection.ranking]
    assert utilities == sorted(utilities, reverse=True)
    low, high = bounds[mode]
    assert all(low <= utility <= high for utility in utilities)
    assert all(0 <= place.diversity <= 1 for place in selection.ranking)
    whole = selector.select(pool, n, bank, Random(seed + 1), "")
    assert whole.ranking[: len(ids)] == selection.ranking
