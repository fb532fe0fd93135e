"""Everything that was kept and scored, as selectors get it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from insgen.records import Answer, Candidate
from insgen.store import ledger, proposals
from insgen.store.database import Store
from insgen.store.pools import arrived


def keep(store: Store, round_: int, candidates: list[Candidate], model: str = "m") -> None:
    with store.atomic() as conn:
        proposals.add_proposals(conn, candidates, round_)
        ledger.add_kept(conn, round_, candidates)
        ledger.add_vectors(conn, model, round_, {c.id: c.vector for c in candidates if c.vector is not None})


def vector(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def test_candidates_come_in_order_of_arrival_with_vectors_and_quality(
    store: Store, make_candidate: Callable[..., Candidate]
) -> None:
    first = [make_candidate(vector=vector(1, 0), quality=0.25), make_candidate(vector=vector(0, 1), quality=0.5)]
    second = [make_candidate(vector=vector(0, -1), quality=1.0)]
    keep(store, 1, first)
    keep(store, 2, second)

    found = arrived(store.conn, "m", 2)

    assert [each.id for each in found.pool.candidates] == [each.id for each in [*first, *second]]
    assert found.pool.vectors.tolist() == [[1, 0], [0, 1], [0, -1]]
    assert found.pool.quality.tolist() == [each.quality for each in found.pool.candidates] == [0.25, 0.5, 1.0]
    assert found.rounds.tolist() == [1, 1, 2]
    assert (found.pool.n_members, found.left_out) == (0, 0)
    assert all(each.vector is not None and each.vector.base is not None for each in found.pool.candidates)


def test_those_without_quality_or_with_another_model_s_vector_are_counted_not_given(
    store: Store, make_candidate: Callable[..., Candidate]
) -> None:
    good = make_candidate(vector=vector(1, 0), quality=0.5)
    keep(store, 1, [good, make_candidate(vector=vector(1, 0))])
    keep(store, 1, [make_candidate(vector=vector(1, 0, 0), quality=0.5)], model="another")

    found = arrived(store.conn, "m", 1)

    assert [each.id for each in found.pool.candidates] == [good.id]
    assert found.left_out == 2


def test_later_rounds_stay_out(store: Store, make_candidate: Callable[..., Candidate]) -> None:
    keep(store, 1, [make_candidate(vector=vector(1, 0), quality=0.5)])
    keep(store, 2, [make_candidate(vector=vector(0, 1), quality=0.5)])

    assert arrived(store.conn, "m", 1).pool.vectors.tolist() == [[1, 0]]
    assert arrived(store.conn, "m", 1).left_out == 0


def test_bought_answers_are_filled_in(store: Store) -> None:
    asked = Candidate("Explain a pod.", vector=vector(1, 0), quality=0.5)
    keep(store, 1, [asked])
    ledger.add_answers(store.conn, 1, ("llm", "1"), [Answer(asked.id, "It holds containers.", input="v1")])

    one = arrived(store.conn, "m", 1).pool.candidates[0]
    assert (one.id, one.output, one.input) == (asked.id, "It holds containers.", "v1")


def test_an_empty_project_has_an_empty_pool(store: Store) -> None:
    found = arrived(store.conn, "m", 0)
    assert found.pool.candidates == ()
    assert found.pool.vectors.shape == (0, 0)
