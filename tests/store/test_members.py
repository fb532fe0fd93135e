"""The bank's versions: who came, who stayed, who went, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from insgen.records import Candidate, Ranked
from insgen.store import ledger, proposals, queries
from insgen.store.database import Store
from insgen.store.members import (
    BankChange,
    VersionNote,
    bank_version,
    members,
    ranking_of,
    roll_back,
    selector_state,
    write_version,
)

Write = Callable[..., BankChange]


@pytest.fixture
def pool(store: Store, make_candidate: Callable[..., Candidate]) -> list[Candidate]:
    candidates = [make_candidate() for _ in range(5)]
    with store.atomic() as conn:
        proposals.add_proposals(conn, candidates, 1)
        ledger.add_kept(conn, 1, candidates)
    return candidates


@pytest.fixture
def write(store: Store) -> Write:
    """Write a version with these candidates in this order."""

    def put(ranking: Sequence[Candidate], round_: int = 1, state: str = "") -> BankChange:
        note = VersionNote(round_, "2026-01-01", "round", "quality", "1.0", "model-a", 9, state)
        places = [Ranked(c.id, 0.5, 0.25, 1.0 - rank / 8) for rank, c in enumerate(ranking)]
        with store.atomic() as conn:
            return write_version(conn, places, note)

    return put


def test_an_empty_bank_has_version_zero(store: Store) -> None:
    assert (bank_version(store.conn), members(store.conn), selector_state(store.conn)) == (0, [], ("", "", ""))


def test_a_version_tells_who_came_and_who_went_in_rank_order(store: Store, pool: list[Candidate], write: Write) -> None:
    a, b, c, d, e = pool
    assert write([c, a, b]) == BankChange(1, (c.id, a.id, b.id), ())
    assert write([e, b, d]) == BankChange(2, (e.id, d.id), (c.id, a.id))
    assert [(m.candidate.id, m.rank, m.utility) for m in members(store.conn)] == [
        (e.id, 1, 1.0),
        (b.id, 2, 0.875),
        (d.id, 3, 0.75),
    ]
    since = dict(store.conn.execute("SELECT candidate_id, since_version FROM members"))
    assert since == {e.id: 2, b.id: 1, d.id: 2}
    events = store.conn.execute(
        "SELECT candidate_id, event, rank FROM bank_events WHERE version = 2 ORDER BY rank IS NULL, rank, candidate_id"
    )
    gone = sorted([a.id, c.id])
    assert events.fetchall() == [
        (e.id, "admitted", 1),
        (b.id, "kept", 2),
        (d.id, "admitted", 3),
        (gone[0], "evicted", None),
        (gone[1], "evicted", None),
    ]


def test_an_evicted_candidate_keeps_its_facts_and_may_come_back(
    store: Store, pool: list[Candidate], write: Write
) -> None:
    write(pool[:2])
    write(pool[1:2])
    assert queries.story(store.conn, pool[0].id)["fate"]["fate"] == "evicted"
    assert write(pool[:2]).admitted == (pool[0].id,)
    assert queries.story(store.conn, pool[0].id)["fate"]["fate"] == "member"
    assert [row["event"] for row in queries.story(store.conn, pool[0].id)["bank"]] == [
        "admitted",
        "evicted",
        "admitted",
    ]


def test_going_back_restores_members_ranks_and_the_selectors_state(
    store: Store, pool: list[Candidate], write: Write
) -> None:
    write([pool[0], pool[1]], state="one")
    before = members(store.conn)
    write([pool[2], pool[0]], round_=2, state="two")
    with store.atomic() as conn:
        change = roll_back(conn, 1, "2026-01-02")
    assert change == BankChange(3, (pool[1].id,), (pool[2].id,))
    assert members(store.conn) == before
    assert selector_state(store.conn) == ("one", "quality", "model-a")
    last = queries.bank_log(store.conn)[0]
    assert (last["version"], last["round"], last["action"]) == (3, None, "rollback to 1")
    assert ranking_of(store.conn, 2)[0].candidate_id == pool[2].id  # nothing is deleted


def test_a_diff_tells_who_moved(store: Store, pool: list[Candidate], write: Write) -> None:
    a, b, c, d, _ = pool
    write([a, b, c])
    write([c, b, d])
    diff = queries.bank_diff(store.conn, 1, 2)
    assert [row["id"] for row in diff["admitted"]] == [d.id]
    assert [row["id"] for row in diff["evicted"]] == [a.id]
    assert [(row["id"], row["was"], row["rank"], row["moved"]) for row in diff["moved"]] == [(c.id, 3, 1, 2)]
    assert diff["unmoved"] == 1
    assert len(queries.bank_diff(store.conn, 0, 1)["admitted"]) == 3
