"""The state and the buffer: columns in order, scaling, and states rebuilt bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from insgen.training.raising.choosing import Classes
from insgen.training.raising.episode import Choice, Episode, Table
from insgen.training.raising.state import Scaling, column_groups, column_names, fuse

RAW = np.random.default_rng(1).normal(5, 3, (50, 36)).astype(np.float32)
IDS = tuple(f"b2:{row:03d}" for row in range(50))


def table(kind: str = "standard") -> Table:
    scaling = Scaling.fit(kind, RAW)
    return Table(IDS, scaling.static(RAW), scaling, Classes(np.arange(50) % 2, IDS))


def test_columns_stand_in_the_papers_order() -> None:
    groups = column_groups(32)

    assert len(column_names(32)) == 39
    assert [groups[name].stop - groups[name].start for name in groups] == [2, 4, 32, 1]
    assert list(groups) == ["stage", "difficulty", "semantics", "availability"]
    assert column_names(32)[2:6] == ("tokens of x", "tokens of y", "log p(y|x)", "log p(y)")


def test_state_has_39_columns_and_a_stage_that_is_the_same_for_all_rows() -> None:
    counts = np.arange(50, dtype=np.float32)
    state = fuse(RAW, (-1.25, 0.5), counts)

    assert state.shape == (50, 39)
    assert state.dtype == np.float32
    assert (state[:, 0] == -1.25).all()
    assert (state[:, 1] == 0.5).all()
    assert (state[:, 2:38] == RAW).all()
    assert (state[:, 38] == counts).all()


def test_standard_scaling_standardises_logs_and_divides() -> None:
    scaling = Scaling.fit("standard", RAW)
    static = scaling.static(RAW).astype(np.float64)

    assert np.allclose(static.mean(axis=0), 0, atol=1e-6)
    assert np.allclose(static.std(axis=0), 1, atol=1e-6)
    assert scaling.perf(-1.5, -3.0) == -0.5
    assert scaling.availability(np.array([0, 1, 3], dtype=np.int32)) == pytest.approx(np.log([1, 2, 4]))


def test_no_scaling_leaves_numbers_as_they_are() -> None:
    scaling = Scaling.fit("none", RAW)

    assert (scaling.static(RAW) == RAW).all()
    assert scaling.perf(-1.5, -3.0) == -1.5
    assert scaling.availability(np.array([0, 3], dtype=np.int32)).tolist() == [0, 3]


def test_a_column_that_is_the_same_everywhere_and_a_first_loss_of_0_divide_nothing() -> None:
    same = RAW.copy()
    same[:, 3] = 7.0
    scaling = Scaling.fit("standard", same)

    assert (scaling.static(same)[:, 3] == 0).all()
    assert scaling.perf(-0.5, 0.0) == -0.5


def test_rebuilt_states_are_those_that_were_seen_and_choices_survive_their_file() -> None:
    random = np.random.default_rng(2)
    live = Episode(table(), 6)
    counts = np.zeros(50, dtype=np.int32)
    seen = []
    for step, perf in enumerate((-1.2, -1.05, -1.0, -1.02, -0.95, -0.9), start=1):
        state = live.state(step, perf, live.counts())
        assert (live.counts() == counts).all()
        seen.append(state.copy())
        picks = random.choice(50, size=8, replace=False)
        live.choices.append(Choice(step, perf, picks, random.normal(), random.normal(), random.normal()))
        counts[picks] += 1

    kept = Episode(live.table, 6, [Choice.read(choice.line()) for choice in live.choices])
    assert all((one == other).all() for one, other in zip(kept.states(), seen, strict=True))
    assert [c.log_p for c in kept.choices] == [c.log_p for c in live.choices]
    assert (seen[0][:, 38] == 0).all()
    changed = np.flatnonzero(seen[1][:, 38] != seen[0][:, 38])
    assert sorted(changed) == sorted(live.choices[0].picks)


def test_buffer_grows_by_the_picks_of_a_step_alone() -> None:
    episode = Episode(table(), 100)
    static = 50 * 36 * 4
    assert episode.nbytes == static
    for step in range(1, 101):
        episode.choices.append(Choice(step, -1.0, np.arange(8), 0.0, 0.0))
    assert episode.nbytes <= static + 100 * (8 * 8 + 64)
    assert episode.nbytes < 50 * 39 * 4 * 100 / 20
