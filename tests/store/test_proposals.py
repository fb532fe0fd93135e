"""The first of equal texts is told from its repeats, and added data waits its turn."""

from __future__ import annotations

from collections.abc import Callable

from insgen.records import Candidate, CandidateId
from insgen.store import proposals
from insgen.store.database import Store


def test_the_first_of_equal_texts_is_told_from_its_repeats(
    store: Store, make_candidate: Callable[..., Candidate]
) -> None:
    a, b = make_candidate(), make_candidate()
    with store.atomic() as conn:
        assert proposals.add_proposals(conn, [a, b, a], 1) == [True, True, False]
        assert proposals.add_proposals(conn, [b], 2) == [False]
    assert store.conn.execute("SELECT count(*) FROM candidates").fetchone()[0] == 2
    assert store.conn.execute("SELECT count(*) FROM proposals").fetchone()[0] == 4


def test_added_data_waits_arrival_by_arrival(store: Store, make_candidate: Callable[..., Candidate]) -> None:
    first, second = [make_candidate() for _ in range(3)], [make_candidate() for _ in range(2)]
    with store.atomic() as conn:
        for number, batch in ((1, first), (2, [*second, first[0]])):
            conn.execute("INSERT INTO arrivals VALUES (?, '', '', '', 0, 0)", (number,))
            proposals.add_proposals(conn, batch, None, number)
    taken: list[list[tuple[CandidateId, bool]]] = []
    while True:
        ids, candidates, new = proposals.waiting(store.conn, 2)
        if not ids:
            break
        taken.append(list(zip([c.id for c in candidates], new, strict=True)))
        with store.atomic() as conn:
            proposals.claim(conn, ids, len(taken))
    a, b = [(c.id, True) for c in first], [(c.id, True) for c in second]
    assert taken == [a[:2], a[2:], b, [(first[0].id, False)]]


def test_waiting_texts_were_not_seen_yet(store: Store, make_candidate: Callable[..., Candidate]) -> None:
    early, late = Candidate("Sort a list.", output="one"), Candidate("SORT a list!", output="two")
    with store.atomic() as conn:
        proposals.add_proposals(conn, [late], None, None)
    assert proposals.first_seen(store.conn, early.text_key) is None
    with store.atomic() as conn:
        proposals.add_proposals(conn, [early], 3)
    assert proposals.first_seen(store.conn, late.text_key) == early.id
    assert proposals.first_seen(store.conn, make_candidate().text_key) is None
