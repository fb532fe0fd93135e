"""The selector `raise`: a policy that was learned, or one learned from the first pool."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from support.models import answered_rows, save_model
from support.pools import pool_of

from insgen import Candidate, ConfigError, PolicyPlan, Selection, StageError, learn_policy
from insgen.bank.bank import Bank
from insgen.plugins.selectors.raise_policy import RaiseSelector
from insgen.testing.samples import unit_vectors


def ready(rows: list[Candidate]) -> list[Candidate]:
    """As after a round: with vectors and a quality."""
    vectors = unit_vectors([row.id for row in rows])
    return [row.embedded(vector).judged(0.5) for row, vector in zip(rows, vectors, strict=True)]


ROWS = ready(answered_rows(40))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("models") / "llama", width=32)


@pytest.fixture
def select(make_bank: Callable[..., Bank]) -> Callable[..., Selection]:
    bank = make_bank()

    def call(selector: RaiseSelector, rows: list[Candidate], size: int = 20, state: str = "") -> Selection:
        return selector.select(pool_of(rows), size, bank, Random(11), state)

    return call


def learning(model: Path, folder: Path, **changes: Any) -> RaiseSelector:
    options: dict[str, Any] = {"rounds": 1, "steps": 2, "batch": 6, "device": "cpu", **changes}
    return RaiseSelector(learn_in=folder, model=str(model), **options)


def ids(made: Selection) -> list[str]:
    return [place.candidate_id for place in made.ranking]


def test_first_round_learns_a_policy_and_later_ones_use_it(
    model: Path, tmp_path: Path, select: Callable[..., Selection]
) -> None:
    selector = learning(model, tmp_path / "raise")
    first = select(selector, ROWS[:34])
    (folder,) = (tmp_path / "raise").iterdir()
    learned = (folder / "policy.safetensors").read_bytes()

    assert json.loads(first.state) == {"policy": folder.name}
    assert ids(select(selector, ROWS[:34])) == ids(first)
    later = select(selector, ROWS, state=first.state)
    assert later.state == first.state
    assert [each.name for each in (tmp_path / "raise").iterdir()] == [folder.name]
    assert (folder / "policy.safetensors").read_bytes() == learned
    assert set(ids(later)) - set(ids(first))


def test_every_prefix_is_the_choice_for_its_size_and_utility_is_the_key(
    model: Path, tmp_path: Path, select: Callable[..., Selection]
) -> None:
    selector = learning(model, tmp_path / "raise", rounds=0)
    whole = select(selector, ROWS, 60)

    assert len(whole.ranking) == 40
    assert ids(select(selector, ROWS, 7)) == ids(whole)[:7]
    utilities = [place.utility for place in whole.ranking]
    assert utilities == sorted(utilities, reverse=True)
    assert select(selector, ROWS, 0).ranking == ()


def test_a_policy_by_its_folder(model: Path, tmp_path: Path, select: Callable[..., Selection]) -> None:
    learn_policy(ROWS, tmp_path / "policy", PolicyPlan(model=str(model), rounds=0, batch=6))
    made = select(
        RaiseSelector(policy=tmp_path / "policy", device="cpu"), [*ROWS, *ready([Candidate("explain a volume")])], 41
    )

    assert len(made.ranking) == 41
    assert made.state == ""
    last = made.ranking[-1]  # without an answer there is no value: behind the last of the largest class
    assert last.candidate_id == Candidate("explain a volume").id
    assert last.utility == -(1 / last.diversity - 1)
    assert last.utility < made.ranking[-2].utility


def test_a_policy_that_is_gone_is_learned_anew_with_a_warning(
    model: Path, tmp_path: Path, select: Callable[..., Selection], caplog: pytest.LogCaptureFixture
) -> None:
    made = select(learning(model, tmp_path / "raise", rounds=0), ROWS, state='{"policy": "0123"}')

    assert "the policy 0123 is gone" in caplog.text
    assert json.loads(made.state)["policy"] != "0123"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "neither policy nor learn_in is named"),
        ({"policy": Path("a"), "learn_in": Path("b")}, "policy and learn_in are both named"),
        ({"policy": Path("a"), "rounds": -2}, "rounds = -2 is impossible"),
        ({"policy": Path("a"), "batch": 3, "classes": 4}, "at most the batch, 3"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RaiseSelector(**options)


def test_too_small_a_pool_and_a_missing_policy_stop_the_round(
    model: Path, tmp_path: Path, select: Callable[..., Selection]
) -> None:
    with pytest.raises(StageError, match="holds 4 rows to learn from, one choice takes 6"):
        select(learning(model, tmp_path / "raise"), ROWS[:5])
    with pytest.raises(StageError, match="cannot be read as a policy"):
        select(RaiseSelector(policy=tmp_path / "nowhere"), ROWS)
