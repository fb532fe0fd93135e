"""DiverseEvol as a selector: the specification's worked examples, and the properties it lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from support.models import answered_rows, save_model
from support.pools import clustered, evolve, pool_of, random_tasks, tasks

from insgen import Candidate, ConfigError, StageError
from insgen.bank.bank import Bank
from insgen.plugins.selectors._uncertainty import MEASURES, unsureness, unsureness_of
from insgen.plugins.selectors._whitening import unit_rows, whiten
from insgen.plugins.selectors.diverseevol import DiverseEvolSelector

MakeBank = Callable[..., Bank]
LOGITS = [
    [(2, 1, 0), (0, 3, -1)],
    [(1, 1, 1), (0.5, 0, 0)],
    [(4, -1, 0), (2, 1.5, 0)],
]
ROWS = np.array([(2, 0), (0, 1), (1, 3), (4, 2), (3, 5)], dtype=float)


def ids(candidates: Sequence[Candidate]) -> list[str]:
    return [each.id for each in candidates]


def test_vectors_that_stay_make_many_rounds_one(make_bank: MakeBank) -> None:
    rows = random_tasks(60, 3)
    bank = make_bank()
    by_steps = DiverseEvolSelector(first=5, step=5)
    members: list[Candidate] = []
    for round_ in range(5):
        rest = [row for row in rows if row.id not in ids(members)]
        chosen = by_steps.select(pool_of([*members, *rest], len(members)), 22, bank, Random(1 + round_), "")
        known = {row.id: row for row in rows}
        before, members = ids(members), [known[place.candidate_id] for place in chosen.ranking]
        assert ids(members)[: len(before)] == before  # nobody goes, and the order of the picks stays
        assert len(members) == min(22, 5 * (round_ + 1))
    at_once = DiverseEvolSelector(first=5).select(pool_of(rows), 22, bank, Random(1), "")

    assert [place.candidate_id for place in at_once.ranking] == ids(members)


def test_gaps_of_a_round_never_grow_and_cover_what_is_left(make_bank: MakeBank) -> None:
    rows = random_tasks(80, 4)
    chosen = DiverseEvolSelector(first=10).select(pool_of(rows), 30, make_bank(), Random(2), "")

    gaps = [place.diversity for place in chosen.ranking[10:]]
    assert gaps == sorted(gaps, reverse=True)
    known = {row.id: row.vector for row in rows}
    centers = np.stack([known[place.candidate_id] for place in chosen.ranking])  # type: ignore[misc]  # all have vectors
    nearest = np.sqrt(((pool_of(rows).vectors[:, None] - centers[None]) ** 2).sum(axis=2)).min(axis=1)
    assert nearest.max() <= gaps[-1] + 1e-6


def test_first_rows_are_random_shared_by_all_rules_and_come_from_the_seed(make_bank: MakeBank) -> None:
    pool, bank = pool_of(random_tasks(50, 5)), make_bank()

    def start(by: str, seed: int) -> list[str]:
        made = DiverseEvolSelector(first=7, step=3, by=by).select(pool, 20, bank, Random(seed), "")  # type: ignore[arg-type]  # by name
        return [place.candidate_id for place in made.ranking]

    assert len(start("greedy", 1)) == 7
    assert start("greedy", 1) == start("batch_topn", 1) == start("random", 1) == start("entropy", 1)
    assert start("greedy", 1) != start("greedy", 2)


def test_both_readings_agree_on_the_first_pick_alone(make_bank: MakeBank) -> None:
    rows = tasks(clustered(40, 6), [0.0] * 40)
    picks = {}
    for by in ("greedy", "batch_topn"):
        made = DiverseEvolSelector(step=9, by=by).select(pool_of(rows, 2), 11, make_bank(), Random(1), "")  # type: ignore[arg-type]  # by name
        picks[by] = [place.candidate_id for place in made.ranking[2:]]

    assert picks["greedy"][0] == picks["batch_topn"][0]
    assert picks["greedy"] != picks["batch_topn"]


def test_new_vectors_change_the_picks_and_not_the_figures_of_members(make_bank: MakeBank) -> None:
    rows = random_tasks(30, 7)
    selector = DiverseEvolSelector(first=4, step=4)
    first = selector.select(pool_of(rows), 8, make_bank(), Random(1), "")
    members = [next(row for row in rows if row.id == place.candidate_id) for place in first.ranking]
    bank = make_bank(members=members)
    turned = [row.embedded(vector) for row, vector in zip(rows, clustered(30, 8), strict=True)]
    by_id = {row.id: row for row in turned}
    rest = [row for row in turned if row.id not in ids(members)]
    later = selector.select(pool_of([by_id[id_] for id_ in ids(members)] + rest, 4), 8, bank, Random(2), "")

    known = {member.candidate.id: (member.diversity, member.utility) for member in bank.members()}
    assert {p.candidate_id: (p.diversity, p.utility) for p in later.ranking[:4]} == known
    assert len({place.candidate_id for place in later.ranking}) == 8


def test_random_baseline_draws_from_what_is_left(make_bank: MakeBank) -> None:
    selector = DiverseEvolSelector(first=3, step=5, by="random")
    chosen = evolve(selector, [random_tasks(20, 1), random_tasks(20, 2, start=20)], 8, make_bank())

    assert [len(each.ranking) for each in chosen] == [3, 8]


def test_pool_smaller_than_what_is_wanted_is_taken_whole(make_bank: MakeBank) -> None:
    for by in ("greedy", "batch_topn", "random"):
        selector = DiverseEvolSelector(first=50, step=10, by=by)  # type: ignore[arg-type]  # by name
        assert len(selector.select(pool_of(random_tasks(6, 1)), 100, make_bank(), Random(1), "").ranking) == 6


def test_example_4_uncertainty() -> None:
    found = {name: [unsureness(torch.tensor(each).float(), name) for each in LOGITS] for name in MEASURES}

    assert found["least_confidence"] == pytest.approx([-2.5, -0.75, -3.0])
    assert found["margin"] == pytest.approx([-2.0, -0.25, -2.25])
    assert found["entropy"] == pytest.approx([0.553354, 1.083529, 0.506767], abs=1e-6)
    assert all(sorted(range(3), key=lambda row, name=name: -found[name][row]) == [1, 0, 2] for name in MEASURES)  # type: ignore[misc]  # bound at once


def test_entropy_of_a_certain_model_is_zero_and_never_nan() -> None:
    assert unsureness(torch.tensor([[1e4, 0.0, -1e4], [0.0, -1e4, 0.0]]), "entropy") == pytest.approx(np.log(2) / 2)


def test_example_5_whitening() -> None:
    gram = (made := unit_rows(whiten(ROWS))) @ made.T
    one = unit_rows(whiten(ROWS, 1))[:, 0]

    assert gram[0] == pytest.approx([1, 0.171499, -0.722315, 0.399043, -0.901975], abs=1e-6)
    assert one * one[2] == pytest.approx([-1, -1, 1, 1, 1])


def test_whitened_columns_have_the_identity_as_covariance() -> None:
    made = whiten(np.random.default_rng(1).standard_normal((40, 6)) @ np.diag([1, 2, 3, 4, 5, 0.0]))

    assert made.shape == (40, 5)  # a direction without variance is left out
    np.testing.assert_allclose(np.cov(made.T), np.eye(5), atol=1e-9)


def test_whitening_picks_other_rows_and_bears_rows_that_are_all_alike(make_bank: MakeBank) -> None:
    rows = random_tasks(60, 9)
    chosen = [
        DiverseEvolSelector(first=5, whiten=whiten_).select(pool_of(rows), 15, make_bank(), Random(1), "")
        for whiten_ in (-1, 0, 3)
    ]
    assert len({tuple(place.candidate_id for place in each.ranking) for each in chosen}) == 3
    alike = [row.embedded(rows[0].vector) for row in rows]  # type: ignore[arg-type]  # all have vectors
    assert len(DiverseEvolSelector(whiten=0).select(pool_of(alike), 9, make_bank(), Random(1), "").ranking) == 9


@pytest.mark.parametrize("measure", MEASURES)
def test_uncertainty_asks_the_model(measure: str, make_bank: MakeBank, tmp_path: Path) -> None:
    from insgen.training.target import ModelOptions, TargetModel

    folder = save_model(tmp_path / "model")
    rows = [row.embedded(v).judged(0.0) for row, v in zip(answered_rows(20), clustered(20, 1), strict=True)]
    selector = DiverseEvolSelector(step=4, by=measure, path=folder)  # type: ignore[arg-type]  # by name
    made = selector.select(pool_of(rows, 3), 10, make_bank(), Random(1), "")

    unsure = unsureness_of(TargetModel.load(ModelOptions(str(folder))), rows, measure)
    expected = sorted(range(3, 20), key=lambda row: -unsure[row])[:4]
    assert [place.candidate_id for place in made.ranking[3:]] == [rows[row].id for row in expected]
    assert [place.utility for place in made.ranking[3:]] == pytest.approx([unsure[row] for row in expected], abs=1e-5)


def test_uncertainty_is_that_of_rows_laid_out_as_they_are_trained_on(make_bank: MakeBank, tmp_path: Path) -> None:
    from insgen.training.target import ModelOptions, TargetModel

    folder = save_model(tmp_path / "model", chat=True)
    rows = [row.embedded(v).judged(0.0) for row, v in zip(answered_rows(12), clustered(12, 1), strict=True)]
    utilities = []
    for template, laid_out in (("alpaca", "alpaca"), ("chat", "chat"), ("auto", "chat")):
        selector = DiverseEvolSelector(by="margin", path=folder, template=template)  # type: ignore[arg-type]  # by name
        made = selector.select(pool_of(rows, 3), 12, make_bank(), Random(1), "")
        unsure = unsureness_of(TargetModel.load(ModelOptions(str(folder), template=laid_out)), rows, "margin")
        assert [place.utility for place in made.ranking[3:]] == pytest.approx(
            sorted(unsure[3:], reverse=True), abs=1e-5
        )
        utilities.append([place.utility for place in made.ranking])
    assert utilities[0] != utilities[1] == utilities[2]


def test_uncertainty_without_a_model_says_where_to_name_one(make_bank: MakeBank) -> None:
    with pytest.raises(StageError, match=r"asks a model, and none is given(.|\n)*serves"):
        DiverseEvolSelector(by="margin").select(pool_of(random_tasks(9, 1)), 5, make_bank(), Random(1), "")


@pytest.mark.parametrize("options", [{"first": -1}, {"step": -1}, {"whiten": -2}, {"max_tokens": 0}])
def test_impossible_options_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="Expected a whole number"):
        DiverseEvolSelector(**options)  # type: ignore[arg-type]  # options by name
