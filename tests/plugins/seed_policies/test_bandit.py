"""The bandit: its posterior against SciPy's, its chances against an integral, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
import pytest
from scipy import integrate, stats  # type: ignore[import-untyped]  # it has none
from support.training import unit

from insgen import Candidate, ConfigError, Seed, SeedContext, Signal, StageError, TrainingSeries, TrainingStep, Yield
from insgen.bank.bank import Bank
from insgen.plugins.seed_policies._groups import draw_weighted, group
from insgen.plugins.seed_policies.bandit import BanditPolicy

MakeBank = Callable[..., Bank]
NORTH = [Candidate(f"North {n}.", vector=unit(1, 0.01 * n, 0, 0)) for n in range(3)]
SOUTH = [Candidate(f"South {n}.", vector=unit(0, 0, 1, 0.01 * n)) for n in range(2)]


@dataclass(frozen=True)
class Asked:
    """Feedback that is yields alone."""

    told: Sequence[Yield]

    def series(self) -> Sequence[TrainingSeries]:
        return ()

    def steps(self, series: TrainingSeries, after: int = 0) -> Sequence[TrainingStep]:  # noqa: ARG002 - the protocol's
        return ()

    def signals(self, name: str = "") -> Sequence[Signal]:  # noqa: ARG002 - the protocol's
        return ()

    def yields(self) -> Sequence[Yield]:
        return self.told


def context(make_bank: MakeBank, told: Sequence[Yield], round_: int = 2) -> SeedContext:
    bank = make_bank(kept=[*NORTH, *SOUTH], seeds=[*NORTH, *SOUTH])
    return SeedContext(round_, bank.seeds(), frozenset(), Asked(told), bank, "", Random(3))  # type: ignore[arg-type]  # a list, not an iterator


def asked(seeds: Sequence[Candidate], kept: int, usd: float, generator: str = "sedi", round_: int = 1) -> Yield:
    return Yield(round_, generator, tuple(seed.id for seed in seeds), kept, usd, 1.0)


def test_posterior_is_the_gamma_of_counts_and_dollars(make_bank: MakeBank) -> None:
    told = [asked(NORTH[:2], 8, 0.01), asked([NORTH[0], SOUTH[0]], 4, 0.02), asked(SOUTH, 1, 0.02)]
    made = BanditPolicy(groups=2, prior=2.0, discount=1.0).update(context(make_bank, told))
    north, south = made.notes
    rate = 13 / 0.05
    for note, kept, usd in ((north, 8 + 2, 0.01 + 0.01), (south, 2 + 1, 0.01 + 0.02)):
        exact = stats.gamma(2 + kept, scale=1 / (2 / rate + usd))
        assert note["kept"] == pytest.approx(kept)
        assert note["USD"] == pytest.approx(usd)
        assert note["kept per USD"] == pytest.approx(exact.mean())
        assert note["5 %"] == pytest.approx(exact.ppf(0.05), rel=0.05)
        assert note["95 %"] == pytest.approx(exact.ppf(0.95), rel=0.05)


def test_chance_is_that_of_the_larger_rate(make_bank: MakeBank) -> None:
    told = [asked(NORTH, 6, 0.02), asked(SOUTH, 4, 0.02)]
    made = BanditPolicy(groups=2, discount=1.0).update(context(make_bank, told))
    rate = 10 / 0.04
    north, south = (stats.gamma(1 + kept, scale=1 / (1 / rate + 0.02)) for kept in (6, 4))
    exact, _ = integrate.quad(lambda x: north.pdf(x) * south.cdf(x), 0, 5000, limit=200)
    assert made.notes[0]["chance to be best"] == pytest.approx(exact, abs=0.03)
    weights = made.weights["sedi"]
    chance = float(made.notes[0]["chance to be best"])
    assert weights[NORTH[0].id] == pytest.approx(0.1 / 5 + 0.9 * chance / 3)
    assert sum(weights.values()) == pytest.approx(1)


def test_every_generator_has_weights_of_its_own(make_bank: MakeBank) -> None:
    told = [
        asked(NORTH, 40, 0.02),
        asked(SOUTH, 2, 0.02),
        asked(NORTH, 2, 0.02, "evol"),
        asked(SOUTH, 40, 0.02, "evol"),
    ]
    weights = BanditPolicy(groups=2).update(context(make_bank, told)).weights
    assert weights["sedi"][NORTH[0].id] > 5 * weights["sedi"][SOUTH[0].id]
    assert weights["evol"][SOUTH[0].id] > 5 * weights["evol"][NORTH[0].id]


def test_old_rounds_are_forgotten(make_bank: MakeBank) -> None:
    told = [asked(NORTH, 40, 0.02), asked(SOUTH, 10, 0.02, round_=10)]
    note = BanditPolicy(groups=2, discount=0.5).update(context(make_bank, told, 11)).notes[0]
    assert note["kept"] == pytest.approx(40 * 0.5**9)


def test_seeds_that_are_gone_count_for_no_group(make_bank: MakeBank) -> None:
    made = BanditPolicy(groups=2).update(context(make_bank, [asked([NORTH[0], Candidate("Gone.")], 8, 0.02)]))
    assert made.notes[0]["kept"] == pytest.approx(4)


def test_the_same_round_gives_the_same_weights_again(make_bank: MakeBank) -> None:
    told = [asked(NORTH, 6, 0.02), asked(SOUTH, 4, 0.02)]
    one, two = (BanditPolicy().update(context(make_bank, told)) for _ in range(2))
    assert (one.weights, one.state, one.notes) == (two.weights, two.state, two.notes)
    assert json.loads(one.state)["round"] == 2


def test_without_a_price_it_says_what_to_do(make_bank: MakeBank) -> None:
    free = [asked(NORTH, 6, 0.0)]
    with pytest.raises(StageError, match=r'(?s)no question has cost anything.*per = "call"'):
        BanditPolicy().update(context(make_bank, free))
    assert BanditPolicy(groups=2, per="call").update(context(make_bank, free)).notes[0]["call"] == pytest.approx(1)


def test_nothing_asked_changes_nothing(make_bank: MakeBank) -> None:
    made = BanditPolicy().update(context(make_bank, ()))
    assert (made.weights, made.notes, made.state) == ({}, (), "")


@pytest.mark.parametrize("options", [{"groups": 0}, {"explore": 1.1}, {"discount": 0.0}, {"prior": 0.0}])
def test_senseless_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(options))} is "):
        BanditPolicy(**options)  # type: ignore[arg-type]  # options by name


def test_weighted_draws_have_the_shares_of_the_weights() -> None:
    seeds = [Seed(str(n), "x", weight=weight) for n, weight in enumerate((1.0, 2.0, 5.0, 0.0))]
    rng = Random(2)
    first = [draw_weighted(2, seeds, rng)[0].id for _ in range(4000)]
    assert [first.count(str(n)) / 4000 for n in range(4)] == pytest.approx([0.125, 0.25, 0.625, 0], abs=0.03)
    everyone = draw_weighted(9, seeds, rng)
    assert everyone[-1].id == "3"
    assert len({seed.id for seed in everyone}) == 4


def test_groups_are_numbered_by_their_first_rows_and_repeat() -> None:
    vectors = np.stack([unit(0, 1, 0, 0), unit(1, 0, 0, 0), unit(1, 0.1, 0, 0), unit(0, 1, 0.1, 0)])
    found = group(vectors, 2)
    assert found.labels.tolist() == [0, 1, 1, 0]
    assert found.nearest(vectors).tolist() == [0, 1, 1, 0]
    assert group(np.stack([unit(1, 0, 0, 0)] * 3), 5).labels.tolist() == [0, 0, 0]


def test_it_finds_the_group_that_yields_more(make_bank: MakeBank) -> None:
    rng, told, share = Random(5), list[Yield](), []
    policy = BanditPolicy(groups=2)
    place = context(make_bank, ())
    for round_ in range(1, 16):
        again = SeedContext(round_, place.seeds, frozenset(), Asked(told), place.bank, "", Random(round_))  # type: ignore[arg-type]  # as above
        weights = policy.update(again).weights.get("sedi", {})
        seeds = [Seed(seed.id, seed.instruction, weight=weights.get(seed.id, 1.0)) for seed in place.seeds]
        for _ in range(6):
            drawn = policy.draw(1, seeds, (), rng)[0]
            north = drawn.instruction.startswith("North")
            share.append(north)
            told.append(Yield(round_, "sedi", (drawn.id,), rng.randint(0, 4) + (0 if north else 6), 0.01, 1.0))
    assert sum(share[-30:]) < 8  # the north is three of five seeds: an even draw would give some 18
