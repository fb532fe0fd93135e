"""Any version of the bank can be shown as it was, whatever came later."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from insgen.errors import ConfigError
from insgen.records import Candidate, Ranked
from insgen.store import ledger, proposals
from insgen.store.database import Store
from insgen.store.members import VersionNote, roll_back, write_version
from insgen.store.versions import version_rows


@pytest.fixture
def pool(store: Store, make_candidate: Callable[..., Candidate]) -> list[Candidate]:
    """Three candidates; version 1 holds the first two, version 2 the last two in another order."""
    candidates = [make_candidate() for _ in range(3)]
    with store.atomic() as conn:
        proposals.add_proposals(conn, candidates, 1)
        ledger.add_kept(conn, 1, candidates)
    for order in ((0, 1), (2, 1)):
        ranking = [Ranked(candidates[place].id, 0.5, 0.25, 1.0 - rank / 8) for rank, place in enumerate(order)]
        with store.atomic() as conn:
            write_version(conn, ranking, VersionNote(1, "2026-01-01", "round", "quality", "1.0", "model-a", 9, ""))
    return candidates


def test_an_old_version_has_its_own_ranks_and_measures(store: Store, pool: list[Candidate]) -> None:
    found = version_rows(store.conn, 1)

    told = [(row["id"], row["rank"], row["utility"], row["now"]) for row in found["members"]]
    assert told == [(pool[0].id, 1, 1.0, None), (pool[1].id, 2, 0.875, 2)]
    assert found["members"][0]["instruction"] == pool[0].instruction
    assert (found["version"]["model"], found["version"]["size"], found["version"]["members"]) == ("model-a", 9, 2)


def test_it_stays_the_same_after_a_rollback(store: Store, pool: list[Candidate]) -> None:
    before = version_rows(store.conn, 2)["version"]
    with store.atomic() as conn:
        roll_back(conn, 1, "2026-01-02")

    assert version_rows(store.conn, 2)["version"] == before
    assert [row["id"] for row in version_rows(store.conn, 3)["members"]] == [pool[0].id, pool[1].id]


@pytest.mark.parametrize("version", [0, -1, 3])
def test_version_that_never_was_is_refused(store: Store, pool: list[Candidate], version: int) -> None:
    assert pool
    with pytest.raises(ConfigError, match="1 to 2"):
        version_rows(store.conn, version)


def test_empty_bank_has_no_version(store: Store) -> None:
    with pytest.raises(ConfigError, match="never was"):
        version_rows(store.conn, 1)
