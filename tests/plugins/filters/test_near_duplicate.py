from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pytest

from insgen import Candidate, ConfigError, StageError
from insgen.bank.bank import Bank
from insgen.plugins.filters.near_duplicate import NearDuplicateFilter

if TYPE_CHECKING:
    from numpy.typing import NDArray

MakeBank = Callable[..., Bank]


def at_angles(*degrees: float, dimension: int = 4) -> list[NDArray[np.float32]]:
    """Unit vectors in one plane: the cosine similarity of two is the cosine of the angle between them."""
    vectors = np.zeros((len(degrees), dimension))
    vectors[:, 0], vectors[:, 1] = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return list(vectors.astype(np.float32))


def candidates(vectors: Sequence[NDArray[np.float32]], word: str = "text") -> list[Candidate]:
    return [Candidate(f"{word} {number}", vector=vector) for number, vector in enumerate(vectors)]


def clustered(n: int, seed: int, dimension: int = 24) -> list[NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(60, dimension))
    raw = centres[rng.integers(60, size=n)] + 0.35 * rng.normal(size=(n, dimension))
    return list((raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32))


def vector_of(candidate: Candidate) -> NDArray[np.float64]:
    assert candidate.vector is not None
    return candidate.vector.astype(np.float64)


def scan(members: Sequence[Candidate], newcomers: Sequence[Candidate], limit: float) -> list[tuple[bool, str | None]]:
    """The sequential definition, on all similarities in float64."""
    everyone = [*members, *newcomers]
    vectors = np.stack([vector_of(candidate) for candidate in everyone])
    similarities = vectors @ vectors.T
    there = list(range(len(members)))
    outcomes: list[tuple[bool, str | None]] = []
    for row in range(len(members), len(everyone)):
        near = similarities[row, there]
        if there and near.max() > limit:
            outcomes.append((False, everyone[there[int(near.argmax())]].id))
        else:
            outcomes.append((True, None))
            there.append(row)
    return outcomes


def test_repr_filter_example_of_deita_keeps_what_the_sequential_scan_keeps(make_bank: MakeBank) -> None:
    """Section 6: vectors in score order, limit .9; 5 is near 1, but 1 is gone by then."""
    planar = at_angles(0, 18.1949, 60, 0, 81.5652, 30.6834)
    planar[3] = np.eye(4, dtype=np.float32)[2]
    texts = candidates(planar)
    cosines = np.stack(planar) @ np.stack(planar).T
    pairs = {(0, 1): 0.95, (0, 2): 0.5, (0, 5): 0.86, (1, 2): 0.7454, (1, 5): 0.9763, (2, 4): 0.93, (2, 5): 0.8719}
    for (a, b), cosine in pairs.items():
        assert cosines[a, b] == pytest.approx(cosine, abs=1e-4)
    verdicts = NearDuplicateFilter(limit=0.9).filter(texts, make_bank())
    assert [row for row, verdict in enumerate(verdicts) if verdict.kept] == [0, 2, 3, 5]
    assert [verdict.neighbour for verdict in verdicts] == [None, texts[0].id, None, None, texts[2].id, None]
    assert verdicts[1].value == pytest.approx(0.95, abs=1e-4)
    assert (verdicts[1].measure, verdicts[1].limit) == ("cosine similarity", 0.9)
    assert verdicts[1].reason == "near-duplicate"
    assert verdicts[5].value == pytest.approx(0.8719, abs=1e-4)


@pytest.mark.parametrize("n_members", [0, 1, 150])
@pytest.mark.parametrize("limit", [0.6, 0.8, 0.9])
def test_it_equals_the_sequential_definition(make_bank: MakeBank, n_members: int, limit: float) -> None:
    members = candidates(clustered(n_members, seed=1), "member")
    newcomers = candidates(clustered(1300, seed=2))  # several blocks
    verdicts = NearDuplicateFilter(limit=limit).filter(newcomers, make_bank(members=members))
    found = [(verdict.kept, verdict.neighbour) for verdict in verdicts]
    assert found == scan(members, newcomers, limit)
    assert 0 < sum(kept for kept, _ in found) < 1300


def test_kept_pairs_are_within_the_limit_and_every_dropped_one_has_a_kept_neighbour(make_bank: MakeBank) -> None:
    newcomers = candidates(clustered(700, seed=3))
    by_id = {text.id: vector_of(text) for text in newcomers}
    verdicts = NearDuplicateFilter(limit=0.85).filter(newcomers, make_bank())
    kept = np.stack([by_id[verdict.candidate_id] for verdict in verdicts if verdict.kept])
    mutual = kept @ kept.T - 2 * np.eye(len(kept))
    assert mutual.max() <= 0.85 + 1e-7
    kept_ids = {verdict.candidate_id for verdict in verdicts if verdict.kept}
    assert all(verdict.neighbour in kept_ids for verdict in verdicts if not verdict.kept)
    assert all(verdict.value is not None and verdict.value > 0.85 for verdict in verdicts if not verdict.kept)


def test_a_round_of_many_thousands_is_searched_as_one(make_bank: MakeBank) -> None:
    rng = np.random.default_rng(4)
    raw = rng.normal(size=(9000, 16))
    vectors = list((raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32))
    newcomers = candidates([*vectors, vectors[10], vectors[8900]])
    verdicts = NearDuplicateFilter(limit=0.9999).filter(newcomers, make_bank())
    assert [verdict.kept for verdict in verdicts] == [True] * 9000 + [False] * 2
    assert [verdict.neighbour for verdict in verdicts[9000:]] == [newcomers[10].id, newcomers[8900].id]


def test_a_large_bank_is_asked_by_its_own_index(make_bank: MakeBank) -> None:
    steps = 360 / 20_001
    members = candidates(at_angles(*(steps * number for number in range(20_001))), "member")
    newcomers = candidates([*at_angles(steps * 7000), np.eye(4, dtype=np.float32)[2], np.eye(4, dtype=np.float32)[2]])
    verdicts = NearDuplicateFilter(limit=0.99).filter(newcomers, make_bank(members=members))
    assert [verdict.kept for verdict in verdicts] == [False, True, False]
    assert [verdict.neighbour for verdict in verdicts] == [members[7000].id, None, newcomers[1].id]


def test_a_similarity_at_the_limit_is_kept(make_bank: MakeBank) -> None:
    eye = np.eye(4, dtype=np.float32)
    same = candidates([eye[0], eye[0]])
    assert [verdict.kept for verdict in NearDuplicateFilter(limit=1.0).filter(same, make_bank())] == [True, True]
    apart = candidates([eye[0], eye[1]])
    assert [verdict.kept for verdict in NearDuplicateFilter(limit=0.0).filter(apart, make_bank())] == [True, True]
    assert [verdict.kept for verdict in NearDuplicateFilter(limit=-0.1).filter(apart, make_bank())] == [True, False]


def test_a_member_wins_over_an_equally_near_newcomer(make_bank: MakeBank) -> None:
    side, middle, other = at_angles(-10, 0, 10)
    members = candidates([side], "member")
    newcomers = candidates([other, middle])
    verdicts = NearDuplicateFilter(limit=0.95).filter(newcomers, make_bank(members=members))
    assert [verdict.kept for verdict in verdicts] == [True, False]
    assert verdicts[1].neighbour == members[0].id


def test_the_first_of_an_empty_bank_has_nothing_to_be_measured_against(make_bank: MakeBank) -> None:
    assert NearDuplicateFilter().filter([], make_bank()) == []
    verdict = NearDuplicateFilter().filter(candidates(at_angles(0)), make_bank())[0]
    assert (verdict.kept, verdict.value, verdict.neighbour) == (True, None, None)


def test_a_candidate_without_a_vector_stops_the_round(make_bank: MakeBank) -> None:
    with pytest.raises(StageError, match=r"without a vector\. Expected .*\n  Name an embedder"):
        NearDuplicateFilter().filter([*candidates(at_angles(0)), Candidate("no vector")], make_bank())


@pytest.mark.parametrize("limit", [1.01, -2.0, float("nan")])
def test_a_limit_that_is_no_cosine_is_refused(limit: float) -> None:
    with pytest.raises(ConfigError, match="Expected a cosine similarity from -1 to 1"):
        NearDuplicateFilter(limit=limit)
