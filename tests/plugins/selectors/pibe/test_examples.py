"""The worked examples of the method's specification, figure by figure, on both engines."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest

from insgen.plugins.selectors.pibe import _dense
from insgen.plugins.selectors.pibe._combine import Mix, best_first, combine, flattened, scaled_diversity, scaled_quality
from insgen.plugins.selectors.pibe._history import Past, history_matrix, lower_median, weights
from insgen.plugins.selectors.pibe._nn import BlockSearch
from insgen.plugins.selectors.pibe._round import Outcome, Plan, by_matrix, by_neighbours
from insgen.plugins.selectors.pibe._schedule import Schedule
from insgen.plugins.selectors.pibe._space import Space

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCHEDULE = Schedule(damping=0.5, alpha=0.3, decay=0.9, max_iterations=200, convergence_iterations=15)
MULTIPLY = Mix("multiply", 1.0, 0.95)

FIRST = np.array([(1, 0), (1, 1), (3, 1), (2, 5), (6, 4), (0, 3)], dtype=float)
FIRST_QUALITY = np.array([4.6, 4.0, 3.0, 4.5, 2.0, 5.0])
SECOND = np.array([(5, 0), (2, 4.2), (7, 7), (0.5, 6)], dtype=float)
SECOND_QUALITY = np.array([3.2, 4.8, 2.4, 4.1])

engines = pytest.mark.parametrize("engine", ["nn", "dense"])


def near(expected: object) -> object:
    """Printed with six decimals."""
    return pytest.approx(np.array(expected), abs=6e-7)


def outcome(engine: str, points: NDArray[np.float64], past: Past | None = None) -> Outcome:
    space, plan = Space(points, "euclidean"), Plan(SCHEDULE)
    if engine == "dense":
        return by_matrix(space, past, plan, Random(0))
    return by_neighbours(space, BlockSearch.over, past, plan, Random(0))


def keys(
    done: Outcome,
    quality: NDArray[np.float64],
    mix: Mix,
    n_members: int,
    floor: Literal["bank", "all", "6000"] = "bank",
) -> NDArray[np.float64]:
    return combine(scaled_diversity(done.messages.rep, n_members, floor), scaled_quality(quality), mix)


class TwoRounds:
    """Example 2: its first bank, and what the second round makes of it."""

    def __init__(self, engine: str, mix: Mix) -> None:
        self.first = outcome(engine, FIRST)
        self.first_keys = keys(self.first, FIRST_QUALITY, mix, 0)
        self.bank = best_first(self.first_keys, FIRST_QUALITY)[:3]
        full = self.first.responsibilities
        assert full is not None
        r = self.first.messages.r[self.bank]
        block = full[np.ix_(self.bank, self.bank)]
        self.past = Past(r, FIRST, full[:, self.bank], None, block, self.first.scale, complete=True)
        self.second = outcome(engine, np.concatenate([FIRST[self.bank], SECOND]), self.past)
        self.quality = np.concatenate([FIRST_QUALITY[self.bank], SECOND_QUALITY])
        self._mix = mix

    def second_keys(self, floor: Literal["bank", "all", "6000"]) -> NDArray[np.float64]:
        return keys(self.second, self.quality, self._mix, 3, floor)

    def second_bank(self, floor: Literal["bank", "all", "6000"]) -> list[int]:
        rows = best_first(self.second_keys(floor), self.quality)[:3]
        return [int(self.bank[row]) if row < 3 else int(row) + 3 for row in rows]


@engines
def test_example_1_ranks_points_on_a_line(engine: str) -> None:
    quality = np.array([5, 4, 3, 4, 2.2])
    done = outcome(engine, np.array([[0.0], [1], [3], [6], [10]]))
    key = keys(done, quality, MULTIPLY, 0)
    assert done.messages.rep == near([0.199997, 0.199997, 0.399994, 0.599991, 0.799988])
    assert scaled_diversity(done.messages.rep, 0, "bank") == near([0, 0, 0.333333, 0.666667, 1])
    assert key == near([2, 1.642857, 1.714286, 2.738095, 2])
    assert best_first(key, quality)[:3].tolist() == [3, 0, 4]


@engines
def test_example_2_first_round(engine: str) -> None:
    run = TwoRounds(engine, MULTIPLY)
    messages = run.first.messages
    assert messages.iterations == 16
    assert messages.converged
    nearest = np.array([1, 1, 2, 2.828427, 4.123106, 2.236068])
    assert messages.r == pytest.approx(nearest * (1 - 2.0**-16), abs=1e-6)
    assert messages.rep == near([0.166664, 0.166664, 0.333328, 0.471397, 0.687174, 0.372672])
    assert scaled_diversity(messages.rep, 0, "bank") == near([0, 0, 0.320194, 0.585452, 1, 0.395782])
    assert scaled_quality(FIRST_QUALITY) == near([0.866667, 0.666667, 0.333333, 0.833333, 0, 1])
    assert run.first_keys == near([1.866667, 1.666667, 1.760259, 2.906661, 2.0, 2.791563])
    assert run.bank.tolist() == [3, 5, 4]


@engines
def test_example_2_history(engine: str) -> None:
    past = TwoRounds(engine, MULTIPLY).past
    w = weights(SECOND, past.vectors)
    assert w[0] == near([0, 0.136817, 0.023971, 0.293637, 0.078453, 0.467122])
    assert w[3] == near([0.419638, 0.108285, 0.277369, 0.020085, 0.173043, 0.001581])
    history, median = history_matrix(past, SECOND)
    cross = [
        [-1.477082, -4.477433, -3.295109, -4.390900],
        [-0.655577, -3.137241, -1.261605, -3.675008],
        [-4.628021, -4.513383, -5.505298, -3.874066],
    ]
    assert history[:3, 3:] == near(cross)
    assert history[3:, :3] == near(np.transpose(cross))
    among = [[2.828384, -2.828384, -4.123043], [-2.828384, 2.236034, -6.082670], [-4.123043, -6.082670, 4.123043]]
    assert history[:3, :3] == near(among)
    assert median == near(-3.675008)
    assert (history[3:, 3:] == median).all()


@engines
def test_example_2_second_round(engine: str) -> None:
    run = TwoRounds(engine, MULTIPLY)
    messages = run.second.messages
    assert run.second.median == near(-3.675008)
    assert messages.iterations == 27
    assert SCHEDULE.pull(messages.iterations - 1) == near(0.0193832)
    assert messages.r == near([0.886111, 2.328341, 3.203042, 3.792235, 0.610128, 2.872175, 1.570356])
    assert messages.rep == near([0.126588, 0.332621, 0.457578, 0.541748, 0.087158, 0.410311, 0.224337])
    assert scaled_quality(run.quality) == near([0.833333, 1, 0, 0.4, 0.933333, 0.133333, 0.7])


@engines
@pytest.mark.parametrize("floor", ["all", "6000"])
def test_example_2_floor_over_all_rows(engine: str, floor: Literal["all", "6000"]) -> None:
    run = TwoRounds(engine, MULTIPLY)
    s = scaled_diversity(run.second.messages.rep, 3, floor)
    assert s == near([0.086738, 0.539965, 0.814843, 1, 0, 0.710867, 0.301764])
    assert run.second_keys(floor) == near([1.992352, 3.079929, 1.814843, 2.8, 1.933333, 1.938982, 2.212999])
    assert run.second_bank(floor) == [5, 6, 9]


@engines
def test_example_2_floor_over_the_old_bank(engine: str) -> None:
    run = TwoRounds(engine, MULTIPLY)
    s = scaled_diversity(run.second.messages.rep, 3, "bank")
    assert s == near([0, 0.496272, 0.797258, 1, 0, 0.683406, 0.235449])
    assert run.second_keys("bank") == near([1.833333, 2.992545, 1.797258, 2.8, 1.933333, 1.907861, 2.100263])
    assert run.second_bank("bank") == [5, 6, 9]


@engines
def test_example_2_addition(engine: str) -> None:
    run = TwoRounds(engine, Mix("addition", 1.0, 0.95))
    assert run.bank.tolist() == [3, 5, 4]
    assert run.first_keys[run.bank] == near([1.418785, 1.395782, 1.0])
    assert run.second_bank("all") == [5, 6, 9]
    assert np.sort(run.second_keys("all"))[::-1][:3] == near([1.539965, 1.4, 1.001764])


@engines
def test_example_2_gamma_2(engine: str) -> None:
    run = TwoRounds(engine, Mix("multiply", 2.0, 0.95))
    assert run.bank.tolist() == [5, 3, 0]
    assert run.first_keys[run.bank] == near([5.583127, 5.328879, 3.484444])
    assert run.second.messages.iterations == 25
    assert run.second.median == near(-2.828384)
    assert run.second_bank("all") == [5, 0, 7]
    assert np.sort(run.second_keys("all"))[::-1][:3] == near([5.579471, 5.320508, 3.698225])


def test_example_3_median_preference() -> None:
    similarity = _dense.similarities(Space(FIRST, "euclidean").block(np.arange(6)), None)
    messages, _ = _dense.propagate(similarity, SCHEDULE)
    assert np.diagonal(similarity) == near([-3.383914] * 6)
    assert messages.iterations == 19
    assert messages.r == near([-2.383820, -0.556098, -1.383902, 0.591646, 0.739237, -1.147826])
    assert messages.a == near([0.000034, 4.357942, 0, 0, 0, 0.555476])
    assert messages.rep == near([-1.611508, 4.891137, -1.278619, -0.626197, -0.694177, -0.551854])
    assert messages.exemplars.tolist() == [1, 3, 4]


def test_example_3_preference_minus_4() -> None:
    similarity = _dense.similarities(Space(FIRST, "euclidean").block(np.arange(6)), -4.0)
    messages, _ = _dense.propagate(similarity, SCHEDULE)
    assert messages.iterations == 21
    assert messages.rep == near([-2.044469, 5.842936, -1.752226, -0.869830, -1.065076, -0.306701])
    assert messages.exemplars.tolist() == [1, 3, 4]


def test_example_4_nonlinear_quality() -> None:
    u = scaled_quality(np.array([2.0, 3.1, 4.4, 4.9, 1.2, 5.3, 3.8]))
    assert u == near([0.195122, 0.463415, 0.780488, 0.902439, 0, 1, 0.634146])
    assert flattened(u, 0.95) == near([0.028459, 0.165565, 0.655539, 0.819512, 0.007234, 0.901028, 0.401312])
    steps = [0.017986, 0.034445, 0.064969, 0.119203, 0.208609, 0.339244, 0.5, 0.660756, 0.791391, 0.880797, 0.935031]
    assert flattened(np.linspace(0, 1, 11), 0.9) == near(steps)


def test_example_6_lower_median() -> None:
    assert lower_median([(np.array([10.0, 1.0, 3.0, 2.0]), 1.0)]) == 2.0
