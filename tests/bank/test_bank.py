"""The bank as stages see it: members in rank order, nearest members, and everything ever kept."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from insgen.bank.bank import Bank
from insgen.records import Candidate, CandidateId, Ranked
from insgen.store.members import VersionNote
from insgen.testing.samples import DIMENSION

NOTE = VersionNote(2, "2026-01-02", "round", "test", "0", "test-model", 2, "")


@pytest.fixture
def three(make_candidate: Callable[..., Candidate]) -> list[Candidate]:
    """Candidates along the axes of a space of four dimensions, of falling quality."""
    axes = np.eye(4, dtype=np.float32)
    return [make_candidate().embedded(axes[place]).judged(0.9 - place / 10) for place in range(3)]


def test_members_come_best_first_with_vector_and_quality(
    make_bank: Callable[..., Bank], three: list[Candidate]
) -> None:
    bank = make_bank(three[::-1])
    assert len(bank) == 3
    assert [m.candidate.id for m in bank.members()] == [c.id for c in three[::-1]]
    assert [m.rank for m in bank.members()] == [1, 2, 3]
    assert [m.candidate.quality for m in bank.members()] == [m.quality for m in bank.members()]
    for member, candidate in zip(bank.members(), three[::-1], strict=True):
        assert np.array_equal(member.candidate.vector, candidate.vector)


def test_nearest_members_come_with_their_cosine_similarity(
    make_bank: Callable[..., Bank], three: list[Candidate]
) -> None:
    bank = make_bank(three)
    vector = np.array([0.6, 0.8, 0, 0], dtype=np.float32)
    found = bank.nearest(vector, 2)
    assert [each.candidate_id for each in found] == [three[1].id, three[0].id]
    assert [each.similarity for each in found] == pytest.approx([0.8, 0.6])
    assert len(bank.nearest(vector, 99)) == 3


def test_an_empty_bank_has_no_neighbours(make_bank: Callable[..., Bank]) -> None:
    bank = make_bank()
    assert (len(bank), bank.version, bank.nearest(np.ones(4, dtype=np.float32) / 2, 3), bank.n_kept) == (0, 0, (), 0)
    assert bank.vectors([]).shape == (0, DIMENSION)


def test_a_new_version_is_seen_at_once(make_bank: Callable[..., Bank], three: list[Candidate]) -> None:
    bank = make_bank(three[:2], kept=three[2:])
    vector = np.array([0, 0, 1, 0], dtype=np.float32)
    assert bank.nearest(vector)[0].similarity == pytest.approx(0)
    bank.apply([Ranked(three[2].id, 0, 0.7, 1), Ranked(three[0].id, 0, 0.9, 0)], NOTE)
    assert [m.candidate.id for m in bank.members()] == [three[2].id, three[0].id]
    assert bank.nearest(vector)[0].candidate_id == three[2].id
    assert bank.version == 2


def test_everything_ever_kept_stays_in_sight(make_bank: Callable[..., Bank], three: list[Candidate]) -> None:
    bank = make_bank(three[:1], kept=three[1:])
    assert bank.n_kept == 3
    assert [c.id for c in bank.kept()] == [c.id for c in three]
    assert [c.id for c in bank.kept(2)] == [three[2].id]
    assert list(bank.kept(3)) == []
    assert np.array_equal(bank.vectors([three[2].id, three[0].id]), np.stack([three[2].vector, three[0].vector]))
    with pytest.raises(KeyError):
        bank.vectors([CandidateId("b2:unknown")])


def test_first_seen_looks_through_case_and_punctuation(make_bank: Callable[..., Bank], three: list[Candidate]) -> None:
    bank = make_bank(kept=three)
    shouted = Candidate(three[1].instruction.upper() + "!!", output="something else")
    assert bank.first_seen(shouted) == three[1].id
    assert bank.first_seen(Candidate("Never heard of it.")) is None


def test_an_index_holds_vectors_of_ones_own(make_bank: Callable[..., Bank], three: list[Candidate]) -> None:
    bank = make_bank(three)
    assert len(bank.index(np.empty((0, DIMENSION), dtype=np.float32))) == 0
    index = bank.index(np.eye(4, dtype=np.float32)[2:])
    rows, similarities = index.nearest(np.eye(4, dtype=np.float32)[3:], 1)
    assert (rows.tolist(), similarities.tolist()) == ([[1]], [[1.0]])
