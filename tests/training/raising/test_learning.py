"""Advantages, probabilities of picks and losses: RAISE's worked numbers, to the digits given."""

from __future__ import annotations

import math
from itertools import pairwise, permutations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from insgen.training.raising.learning import actor_loss, advantages, critic_loss, log_probability

DIGITS = 5e-7
LOSSES = (1.20, 1.05, 1.00, 1.02, 0.95)
REWARDS = [before - after for before, after in pairwise(LOSSES)]
VALUES = (0.10, 0.08, 0.05, 0.04)
# two classes, one behind the other, and one pick in each
OLD = torch.tensor([0.2, 0.5, -0.1, 1.0, 0.0, 0.3], dtype=torch.float64)
NEW = torch.tensor([0.4, 0.3, 0.0, 0.9, 0.1, 0.6], dtype=torch.float64)
CLASSES = [torch.tensor([0, 1, 2]), torch.tensor([3, 4, 5])]
PICKS = torch.tensor([1, 3])


def log_p(scores: torch.Tensor, kind: str = "product") -> torch.Tensor:
    return log_probability(scores, CLASSES, PICKS, kind)


def test_g1_rewards_sum_to_the_gain() -> None:
    assert pytest.approx([0.15, 0.05, -0.02, 0.07]) == REWARDS
    assert sum(REWARDS) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("gae_lambda", "advantage", "returns"),
    [
        (1.0, [0.147819, 0.018807, -0.000700, 0.030000], [0.247819, 0.098807, 0.049300, 0.070000]),
        (0.95, [0.145607, 0.017445, -0.002185, 0.030000], [0.245607, 0.097445, 0.047815, 0.070000]),
        (0.0, [0.129200, 0.019500, -0.030400, 0.030000], [0.2292, 0.0995, 0.0196, 0.07]),  # the deltas themselves
    ],
)
def test_g1_advantages_and_returns(gae_lambda: float, advantage: list[float], returns: list[float]) -> None:
    made, worth = advantages(REWARDS, VALUES, 0.99, gae_lambda)

    assert made == pytest.approx(advantage, abs=DIGITS)
    assert worth == pytest.approx(returns, abs=DIGITS)


def test_g1_the_sum_does_not_end_one_step_early_as_printed() -> None:
    made, _ = advantages(REWARDS, VALUES, 0.99, 1.0)

    assert abs(made - [0.118710, -0.010596, -0.030400, 0.0]).min() > 0.02


def test_g1_critic_loss() -> None:
    _, returns = advantages(REWARDS, VALUES, 0.99, 1.0)

    assert float(critic_loss(torch.tensor(VALUES, dtype=torch.float64), torch.from_numpy(returns))) == pytest.approx(
        0.005776, abs=DIGITS
    )


@given(
    st.lists(st.tuples(st.floats(-5, 5), st.floats(-5, 5)), min_size=1, max_size=12),
    st.floats(0, 1),
)
def test_with_lambda_1_a_return_is_the_discounted_reward_to_go(steps: list[tuple[float, float]], gamma: float) -> None:
    rewards, values = [step[0] for step in steps], [step[1] for step in steps]
    _, returns = advantages(rewards, values, gamma, 1.0)

    to_go = [sum(gamma**later * each for later, each in enumerate(rewards[at:])) for at in range(len(rewards))]
    assert returns == pytest.approx(to_go, abs=1e-9)


def test_g2_probabilities_and_ratio() -> None:
    for scores, printed in (
        (OLD, [0.323554, 0.436752, 0.239694, 0.536347, 0.197311, 0.266342]),
        (NEW, [0.388326, 0.351372, 0.260303, 0.456590, 0.205159, 0.338250]),
    ):
        each = [float(log_probability(scores, CLASSES, torch.tensor([row]), "product").exp()) for row in range(6)]
        assert each == pytest.approx(printed, abs=DIGITS)
    assert float((log_p(NEW) - log_p(OLD)).exp()) == pytest.approx(0.684878, abs=DIGITS)


@pytest.mark.parametrize(
    ("advantage", "loss", "gradient"),
    [
        (0.147819, -0.101238, [0.039313, -0.065666, 0.026352, -0.055014, 0.020770, 0.034244]),
        (-0.05, 0.040000, [0.0] * 6),
    ],
)
def test_g2_actor_loss_and_its_gradient(advantage: float, loss: float, gradient: list[float]) -> None:
    scores = NEW.clone().requires_grad_()
    made = actor_loss(log_p(scores)[None], log_p(OLD)[None], torch.tensor([advantage], dtype=torch.float64), 0.2)
    made.backward()

    assert float(made.detach()) == pytest.approx(loss, abs=DIGITS)
    assert scores.grad is not None
    assert scores.grad.tolist() == pytest.approx(gradient, abs=DIGITS)


def test_g3_two_picks_with_and_without_replacement() -> None:
    scores = torch.tensor([1.0, 0.5, 0.0, -0.5], dtype=torch.float64)
    one, two = [torch.arange(4)], torch.tensor([0, 1])

    each = [float(log_probability(scores, one, torch.tensor([row]), "product").exp()) for row in range(4)]
    assert each == pytest.approx([0.455054, 0.276004, 0.167405, 0.101536], abs=DIGITS)
    assert float(log_probability(scores, one, two, "product").exp()) == pytest.approx(0.125597, abs=DIGITS)
    assert float(log_probability(scores, one, two, "plackett_luce").exp()) == pytest.approx(0.230476, abs=DIGITS)
    assert float(log_probability(scores, one, two, "mean").exp()) == pytest.approx(math.sqrt(0.125597), abs=1e-5)


def test_a_ratio_of_1_02_per_pick_saturates_clipping_in_a_product_and_not_in_a_mean() -> None:
    old = torch.zeros(200, dtype=torch.float64)
    rows = [torch.arange(200)]
    for n, printed in ((8, 1.1717), (32, 1.8845), (128, 12.6131)):
        picks, new = torch.arange(n), old.clone()
        share = 1.02 / 200
        new[:n], new[n:] = math.log(share), math.log((1 - n * share) / (200 - n))
        ratios = {
            kind: float((log_probability(new, rows, picks, kind) - log_probability(old, rows, picks, kind)).exp())
            for kind in ("product", "mean")
        }
        assert ratios == pytest.approx({"product": printed, "mean": 1.02}, abs=5e-5)


def test_plackett_luce_over_all_orders_of_a_class_is_1() -> None:
    scores = torch.tensor([0.3, -1.0, 2.0, 0.7], dtype=torch.float64)
    total = sum(
        float(log_probability(scores, [torch.arange(4)], torch.tensor(order), "plackett_luce").exp())
        for order in permutations(range(4))
    )
    assert total == pytest.approx(1.0)


@pytest.mark.parametrize("kind", ["product", "mean", "plackett_luce"])
def test_g4_a_constant_added_to_a_class_changes_no_ratio(kind: str) -> None:
    shifted = NEW + torch.tensor([3.0, 3.0, 3.0, -7.0, -7.0, -7.0], dtype=torch.float64)

    assert float(log_p(shifted, kind)) == pytest.approx(float(log_p(NEW, kind)), abs=1e-12)
    assert float((log_p(NEW, kind) - log_p(NEW, kind)).exp()) == 1.0


@pytest.mark.parametrize("kind", ["product", "plackett_luce"])
def test_gradients_are_those_of_finite_differences(kind: str) -> None:
    picks = torch.tensor([4, 0, 2, 3])
    assert torch.autograd.gradcheck(
        lambda scores: log_probability(scores, CLASSES, picks, kind), (NEW.clone().requires_grad_(),)
    )


def test_picks_of_a_whole_class_have_a_probability_and_a_gradient() -> None:
    scores = torch.tensor(np.linspace(-1, 1, 3)).requires_grad_()
    made = log_probability(scores, [torch.arange(3)], torch.tensor([2, 1, 0]), "plackett_luce")
    made.backward()

    assert scores.grad is not None
    assert torch.isfinite(scores.grad).all()
