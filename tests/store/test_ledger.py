"""Facts are read back as they were written."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from insgen.records import Answer, Candidate, CandidateId, Origin, Turn
from insgen.store import ledger, proposals
from insgen.store.database import Store


def test_a_candidate_is_read_back_whole(store: Store) -> None:
    origin = Origin("dataset", "a b.jsonl", 3, 4, "MIT", "call-1", ("b2:1", "b2:2"), "row")
    candidate = Candidate(
        "Übersetze 'x'.", "<b>\n", "Ja 🙂", (Turn("user", "Danke"), Turn("assistant", "…")), "Sei kurz.", origin
    )
    with store.atomic() as conn:
        proposals.add_proposals(conn, [candidate], 1)
        ledger.add_kept(conn, 1, [candidate.judged(0.5)])
    (found,) = ledger.kept(store.conn, 0)
    assert (found, found.origin, found.id, found.text_key) == (candidate, origin, candidate.id, candidate.text_key)


@pytest.mark.parametrize("n", [0, 1, 499, 500, 501, 1700])
def test_any_number_of_ids_can_be_looked_up(store: Store, n: int) -> None:
    candidates = [Candidate(f"Task {number}") for number in range(n)]
    vectors = {c.id: np.full(3, number, dtype=np.float32) for number, c in enumerate(candidates)}
    with store.atomic() as conn:
        proposals.add_proposals(conn, candidates, 1)
        ledger.add_vectors(conn, "m", 4, vectors)
    ids = [c.id for c in candidates] + [CandidateId("b2:unknown")]
    assert proposals.known_ids(store.conn, ids) == set(ids[:-1])
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


def test_kept_candidates_are_found_by_id_with_answer_and_quality(store: Store) -> None:
    asked, rejected, unscored = (
        Candidate("Sort.", origin=Origin("llm", seed_ids=("b2:s",))),
        Candidate("x"),
        Candidate("y"),
    )
    with store.atomic() as conn:
        proposals.add_proposals(conn, [asked, rejected, unscored], 1)
        ledger.add_answers(conn, 1, ("llm", "0"), [Answer(asked.id, "Done.")])
        ledger.add_kept(conn, 1, [asked.judged(0.5), unscored])
    found = ledger.find_kept(store.conn, [unscored.id, CandidateId("b2:none"), rejected.id, asked.id])
    assert list(found) == [unscored.id, asked.id]
    one = found[asked.id]
    assert (one.id, one.output, one.quality, one.origin.seed_ids) == (asked.id, "Done.", 0.5, ("b2:s",))
    assert found[unscored.id].quality is None
