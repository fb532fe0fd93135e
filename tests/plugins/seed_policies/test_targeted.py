"""The targeted policy: regions, Wilson's interval, weights, promotion out of failing regions, and going back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

import pytest
from scipy.stats import binomtest  # type: ignore[import-untyped]  # it has none
from support.training import events, unit

from insgen import Candidate, CandidateId, ConfigError, SeedContext, SeedUpdate, Signal
from insgen.bank.bank import Bank
from insgen.bank.seeds import apply_changes
from insgen.plugins.seed_policies._failures import items_of, regions_of, wilson
from insgen.plugins.seed_policies.targeted import TargetedPolicy
from insgen.store import feedback

MakeBank = Callable[..., Bank]
NORTH = [Candidate(f"North {n}.", output="N", vector=unit(1, 0.1 * n, 0, 0), quality=0.5) for n in range(4)]
SOUTH = [Candidate(f"South {n}.", output="S", vector=unit(0, 0, 1, 0.1 * n), quality=0.9) for n in range(4)]
SEEDS = [NORTH[0], SOUTH[0]]
POLICY = TargetedPolicy(regions=2, n_add=1)


def results(failed_north: int, passed_north: int, passed_south: int, time: float = 1.0) -> list[Signal]:
    """Evaluations of members: the last of the north fails so often, the others pass."""
    counts = [(NORTH[3], 1.0, failed_north), (NORTH[2], -1.0, passed_north), (SOUTH[2], -1.0, passed_south)]
    return [
        Signal(one.id, f"eval:t{n}", value, "evaluation", time=time)
        for one, value, count in counts
        for n in range(count)
    ]


class World:
    """A bank with its feedback."""

    def __init__(self, make_bank: MakeBank) -> None:
        self.bank = make_bank([*NORTH, *SOUTH], seeds=SEEDS)
        self.conn = self.bank._conn  # the fixture's own store; writing needs its connection
        self.state = ""

    def hear(self, signals: Sequence[Signal]) -> None:
        self.conn.execute("DELETE FROM signals")
        for signal in signals:
            feedback.add_signal(self.conn, 1, "0", signal)

    def update(self, policy: TargetedPolicy = POLICY, dropped: frozenset[str] = frozenset()) -> SeedUpdate:
        view = feedback.StoredFeedback(self.conn)
        seeds = self.bank.seeds()
        made = policy.update(SeedContext(2, seeds, dropped, view, self.bank, self.state, Random(1)))
        apply_changes(self.conn, 2, made.changes)
        self.state = made.state
        return made


@pytest.fixture
def world(make_bank: MakeBank) -> World:
    return World(make_bank)


@pytest.mark.parametrize(("k", "n"), [(0, 3), (3, 3), (1, 7), (30, 40), (5, 1000)])
def test_interval_is_wilsons(k: int, n: int) -> None:
    exact = binomtest(k, n).proportion_ci(method="wilson")
    assert list(wilson(k, n)) == pytest.approx([exact.low, exact.high])


def test_without_items_the_interval_says_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


def test_a_failing_region_gets_weight_and_seeds(world: World) -> None:
    world.hear(results(8, 2, 10))
    made = world.update()
    low, _ = wilson(8, 10)
    assert events(made) == [("weighted", SOUTH[0].id), ("promoted", NORTH[3].id)]
    weights = {seed.id: seed.weight for seed in world.bank.seeds()}
    assert weights == {NORTH[0].id: 1.0, SOUTH[0].id: 0.2, NORTH[3].id: 1.0}
    promoted = made.changes[1]
    assert promoted.evidence["low"] == pytest.approx(low)
    assert promoted.evidence["nearest_to"] == 8
    assert "8 of 10 items failed" in promoted.reason
    assert [note["fails"] for note in made.notes] == ["yes", ""]


def test_a_small_region_does_not_scream(world: World) -> None:
    world.hear([*results(1, 0, 0), *(Signal(SOUTH[2].id, f"eval:u{n}", 1.0 - 2 * (n % 2), "x") for n in range(40))])
    made = world.update()
    assert all(change.event == "weighted" for change in made.changes)
    assert all(note["fails"] == "" for note in made.notes)


def test_where_everything_fails_alike_nobody_is_promoted(world: World) -> None:
    world.hear([Signal(one.id, f"eval:{n}", 1.0) for one in (*NORTH, *SOUTH) for n in range(5)])
    assert "promoted" not in [change.event for change in world.update().changes]


def test_the_same_results_act_once_and_new_ones_again(world: World) -> None:
    world.hear(results(8, 2, 10))
    world.update()
    assert world.update().changes == ()
    world.hear(results(0, 10, 10, time=2.0))
    made = world.update()
    assert ("evicted", NORTH[3].id) in events(made)
    assert [seed.weight for seed in world.bank.seeds()] == [1.0, 1.0]


def test_dropped_poor_and_pinned_ones_are_left_as_they_are(world: World) -> None:
    world.hear(results(8, 2, 10))
    assert "promoted" not in [c.event for c in world.update(dropped=frozenset({NORTH[3].id})).changes]
    world.state = ""
    picky = TargetedPolicy(regions=2, n_add=1, min_quality=0.8)
    assert "promoted" not in [c.event for c in world.update(picky).changes]
    world.state = ""
    assert "promoted" not in [c.event for c in world.update(TargetedPolicy(regions=2, most=0)).changes]
    world.state = ""
    world.update()
    world.conn.execute("UPDATE seeds SET pinned = 1 WHERE id = ?", (NORTH[3].id,))
    world.hear(results(0, 10, 10, time=2.0))
    assert "evicted" not in [c.event for c in world.update().changes]


def test_only_wanted_tags_count(world: World) -> None:
    world.hear(
        [Signal(NORTH[1].id, "eval:a,b", 1.0), Signal(NORTH[1].id, "eval:c", 1.0), Signal(NORTH[1].id, "v", 1.0)]
    )
    view = feedback.StoredFeedback(world.conn)
    context = SeedContext(2, (), frozenset(), view, world.bank, "", Random(1))
    assert [len(items_of(context, tags).failed) for tags in ((), ("b",), ("c", "a"), ("z",))] == [2, 1, 2, 0]


def test_unknown_ids_have_no_place(world: World) -> None:
    world.hear([Signal(CandidateId("b2:elsewhere"), "eval:t", 1.0)])
    assert world.update().changes == ()


def test_texts_are_placed_by_the_projects_embedder(tmp_path: object, world: World) -> None:  # noqa: ARG001 - a fixture
    bank = Bank(world.conn, "test-model", 4, lambda texts: _as_rows(texts))
    world.hear([Signal(CandidateId(""), "eval:t", 1.0, text="to the south"), Signal(NORTH[1].id, "eval:t", -1.0)])
    context = SeedContext(2, (), frozenset(), feedback.StoredFeedback(world.conn), bank, "", Random(1))
    items = items_of(context, ())
    regions = regions_of(items, bank, 2)
    assert [(region.n, region.failed) for region in regions.regions] == [(1, 0.0), (1, 1.0)]


def _as_rows(texts: Sequence[str]):  # type: ignore[no-untyped-def]  # an array
    import numpy as np

    return np.stack([unit(0, 0, 1, 0) for _ in texts]) if texts else np.empty((0, 4), dtype=np.float32)


@pytest.mark.parametrize(
    "options", [{"regions": 0}, {"n_add": -1}, {"most": -1}, {"explore": 2.0}, {"min_quality": -1.0}]
)
def test_senseless_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(options))} is "):
        TargetedPolicy(**options)  # type: ignore[arg-type]  # options by name
