"""Facts are read back as they were written, and the first of equal texts is told from its repeats."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from insgen.records import Answer, Candidate, CandidateId, Origin, Turn
from insgen.store import ledger
from insgen.store.database import Store


def test_a_candidate_is_read_back_whole(store: Store) -> None:
    origin = Origin("dataset", "a b.jsonl", 3, 4, "MIT", "call-1", ("b2:1", "b2:2"), "row")
    candidate = Candidate(
        "Übersetze 'x'.", "<b>\n", "Ja 🙂", (Turn("user", "Danke"), Turn("assistant", "…")), "Sei kurz.", origin
    )
    with store.atomic() as conn:
        ledger.add_proposals(conn, [candidate], 1)
        ledger.add_kept(conn, 1, [candidate.judged(0.5)])
    (found,) = ledger.kept(store.conn, 0)
    assert (found, found.origin, found.id, found.text_key) == (candidate, origin, candidate.id, candidate.text_key)


def test_the_first_of_equal_texts_is_told_from_its_repeats(
    store: Store, make_candidate: Callable[..., Candidate]
) -> None:
    a, b = make_candidate(), make_candidate()
    with store.atomic() as conn:
        assert ledger.add_proposals(conn, [a, b, a], 1) == [True, True, False]
        assert ledger.add_proposals(conn, [b], 2) == [False]
    assert store.conn.execute("SELECT count(*) FROM candidates").fetchone()[0] == 2
    assert store.conn.execute("SELECT count(*) FROM proposals").fetchone()[0] == 4


@pytest.mark.parametrize("n", [0, 1, 499, 500, 501, 1700])
def test_any_number_of_ids_can_be_looked_up(store: Store, n: int) -> None:
    candidates = [Candidate(f"Task {number}") for number in range(n)]
    vectors = {c.id: np.full(3, number, dtype=np.float32) for number, c in enumerate(candidates)}
    with store.atomic() as conn:
        ledger.add_proposals(conn, candidates, 1)
        ledger.add_vectors(conn, "m", 4, vectors)
    ids = [c.id for c in candidates] + [CandidateId("b2:unknown")]
    assert ledger.known_ids(store.conn, ids) == set(ids[:-1])
    found = ledger.vectors(store.conn, "m", ids)
    assert set(found) == set(ids[:-1])
    assert all(found[id_][0] == 4 and np.array_equal(found[id_][1], vectors[id_]) for id_ in found)


def test_vectors_are_little_endian_and_apart_by_model(store: Store, make_candidate: Callable[..., Candidate]) -> None:
    candidate = make_candidate()
    with store.atomic() as conn:
        ledger.add_vectors(conn, "m", 1, {candidate.id: np.array([1.0, -2.0], dtype=">f4")})
        ledger.add_vectors(conn, "m", 2, {candidate.id: np.array([9.0, 9.0], dtype=np.float32)})  # the first one stays
    assert store.conn.execute("SELECT vector, dimension, round FROM vectors").fetchall() == [
        (b"\0\0\x80\x3f\0\0\0\xc0", 2, 1)
    ]
    assert ledger.vectors(store.conn, "other", [candidate.id]) == {}
    ((_, vector),) = ledger.vectors(store.conn, "m", [candidate.id]).values()
    vector += 1  # writable, and the caller's own


def test_added_data_waits_arrival_by_arrival(store: Store, make_candidate: Callable[..., Candidate]) -> None:
    first, second = [make_candidate() for _ in range(3)], [make_candidate() for _ in range(2)]
    with store.atomic() as conn:
        for number, batch in ((1, first), (2, [*second, first[0]])):
            conn.execute("INSERT INTO arrivals VALUES (?, '', '', '', 0, 0)", (number,))
            ledger.add_proposals(conn, batch, None, number)
    taken: list[list[tuple[CandidateId, bool]]] = []
    while True:
        ids, candidates, new = ledger.waiting(store.conn, 2)
        if not ids:
            break
        taken.append(list(zip([c.id for c in candidates], new, strict=True)))
        with store.atomic() as conn:
            ledger.claim(conn, ids, len(taken))
    a, b = [(c.id, True) for c in first], [(c.id, True) for c in second]
    assert taken == [a[:2], a[2:], b, [(first[0].id, False)]]


def test_waiting_texts_were_not_seen_yet(store: Store, make_candidate: Callable[..., Candidate]) -> None:
    early, late = Candidate("Sort a list.", output="one"), Candidate("SORT a list!", output="two")
    with store.atomic() as conn:
        ledger.add_proposals(conn, [late], None, None)
    assert ledger.first_seen(store.conn, early.text_key) is None
    with store.atomic() as conn:
        ledger.add_proposals(conn, [early], 3)
    assert ledger.first_seen(store.conn, late.text_key) == early.id
    assert ledger.first_seen(store.conn, make_candidate().text_key) is None


def test_kept_candidates_are_found_by_id_with_answer_and_quality(store: Store) -> None:
    asked, rejected, unscored = (
        Candidate("Sort.", origin=Origin("llm", seed_ids=("b2:s",))),
        Candidate("x"),
        Candidate("y"),
    )
    with store.atomic() as conn:
        ledger.add_proposals(conn, [asked, rejected, unscored], 1)
        ledger.add_answers(conn, 1, ("llm", "0"), [Answer(asked.id, "Done.")])
        ledger.add_kept(conn, 1, [asked.judged(0.5), unscored])
    found = ledger.find_kept(store.conn, [unscored.id, CandidateId("b2:none"), rejected.id, asked.id])
    assert list(found) == [unscored.id, asked.id]
    one = found[asked.id]
    assert (one.id, one.output, one.quality, one.origin.seed_ids) == (asked.id, "Done.", 0.5, ("b2:s",))
    assert found[unscored.id].quality is None
