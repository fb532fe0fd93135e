"""Whose word outweighs a filter's: majorities, ties, advice; and the least quality of a member."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from support.projects import DATA, EMBED, FILTERS, SCORE, play, query, rows

from insgen.loop.overruling import Overruling
from insgen.records import Candidate, CandidateId, Signal, Verdict
from insgen.store.database import Store
from insgen.store.feedback import add_signal

ONE, TWO = CandidateId("b2:one"), CandidateId("b2:two")


def hear(store: Store, *said: tuple[CandidateId, str, float]) -> None:
    with store.atomic() as conn:
        for id_, who, value in said:
            add_signal(conn, 1, "0", Signal(id_, "verdict", value, who))
        add_signal(conn, 1, "0", Signal(ONE, "eval:t", -1.0))  # is nobody's verdict


@pytest.mark.parametrize(
    ("values", "accepted", "rejected"),
    [((1.0,), True, False), ((-1.0,), False, True), ((1.0, -1.0), False, False), ((1.0, 1.0, -1.0), True, False)],
)
def test_the_majority_counts_and_a_tie_says_nothing(
    store: Store, values: Sequence[float], accepted: bool, rejected: bool
) -> None:
    hear(store, *((ONE, f"reviewer {n}", value) for n, value in enumerate(values)))
    found = Overruling.read(store.conn, "overrule")
    assert (ONE in found.accepted, ONE in found.rejected) == (accepted, rejected)
    assert Overruling.read(store.conn, "advise") == Overruling()


def test_only_rejections_of_accepted_candidates_are_taken_back(store: Store) -> None:
    hear(store, (ONE, "me", 1.0), (TWO, "me", -1.0))
    found = Overruling.read(store.conn, "overrule")
    given = [Verdict(id_, kept=kept, value=0.5, reason="too near") for id_ in (ONE, TWO) for kept in (True, False)]
    after = found.overrule(given)
    assert [verdict.kept for verdict in after] == [True, True, True, False]
    assert after[1].reason == "too near; overruled by a reviewer"
    assert (after[0], after[2], after[3], after[1].value) == (given[0], given[2], given[3], 0.5)


def test_rejected_candidates_are_not_admissible(store: Store) -> None:
    good, bad = Candidate("Good."), Candidate("Bad.")
    hear(store, (bad.id, "me", -1.0))
    assert Overruling.read(store.conn, "overrule").admissible([good, bad]) == [good]


def test_members_have_the_least_quality_and_lose_their_place_when_it_rises(make_project: Callable[..., Path]) -> None:
    toml = "[loop]\nbatch = 30\n" + DATA + EMBED + FILTERS + SCORE + '[select]\nuse = "quality"\nsize = 60\n'
    project = make_project(toml, {"data.jsonl": rows(60)})
    play(project, rounds=1)
    qualities = sorted(row[0] for row in query(project, "SELECT quality FROM members"))
    limit = qualities[len(qualities) // 2]
    assert qualities[0] < limit
    play(project, f"select.min_quality={limit}", rounds=1)
    everyone = query(project, "SELECT quality FROM kept")
    members = query(project, "SELECT quality FROM members")
    assert sorted(members) == sorted(row for row in everyone if row[0] >= limit)
