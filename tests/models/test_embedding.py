"""Vectors: made once, in blocks that do not depend on where a process was killed, and apart by model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pytest

from insgen.hooks.live import Live
from insgen.models.embedding import BLOCK, Embedding
from insgen.records import Candidate
from insgen.store.database import Store

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass
class Counting:
    """An embedder whose bits depend on the whole block, as a padded batch's do, and that notes what it was asked."""

    name: ClassVar[str] = "counting"
    identity: str = "counting-1"
    dimension: int = 3
    blocks: list[list[str]] = field(default_factory=list)
    fail_after: int = 10**9

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if len(self.blocks) >= self.fail_after:
            raise KeyboardInterrupt
        self.blocks.append(list(texts))
        raw = np.array([[1 + len(text), sum(map(len, texts)), len(texts)] for text in texts], dtype=np.float64)
        return (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)


class Lazily:
    """The plainest executor."""

    name: ClassVar[str] = "lazily"

    def map_batches(self, fn: Callable[[object], object], batches: Iterable[object]) -> Iterator[object]:
        return map(fn, batches)


def make(store: Store, stage: Counting, text: str = "instruction+input") -> Embedding:
    return Embedding(
        store, Live(stage, "embedder", "counting", "test", "1"), Live(Lazily(), "executor", "lazily", "test", "1"), text
    )


def quiet(done: int, total: int) -> None:
    """Nobody looks."""


@pytest.fixture
def candidates() -> list[Candidate]:
    return [Candidate("x" * (number * 37 % 101 + 1) + str(number)) for number in range(3 * BLOCK + 5)]


def test_order_is_kept_and_everything_is_made_once(store: Store, candidates: list[Candidate]) -> None:
    stage = Counting()
    embedding = make(store, stage)
    told: list[tuple[int, int]] = []
    made = embedding.embed(candidates, 1, lambda done, total: told.append((done, total)))
    assert [c.id for c in made] == [c.id for c in candidates]
    assert sorted(text for block in stage.blocks for text in block) == sorted(c.instruction for c in candidates)
    assert [len(block) for block in stage.blocks] == [BLOCK, BLOCK, BLOCK, 5]
    assert told == [(32, 101), (64, 101), (96, 101), (101, 101)]
    again = embedding.embed(candidates[::-1], 2, quiet)
    assert len(stage.blocks) == 4
    for one, other in zip(made, again[::-1], strict=True):
        assert np.array_equal(one.vector, other.vector)


@pytest.mark.parametrize("blocks_before", [0, 1, 2, 3])
def test_a_killed_round_is_resumed_with_the_same_bits(
    store: Store, candidates: list[Candidate], blocks_before: int
) -> None:
    expected = Counting()
    order = sorted(candidates, key=lambda c: (len(c.instruction), c.id))
    expected_vectors = {}
    for start in range(0, len(order), BLOCK):
        block = order[start : start + BLOCK]
        for candidate, vector in zip(block, expected.embed([c.instruction for c in block]), strict=True):
            expected_vectors[candidate.id] = vector
    with pytest.raises(KeyboardInterrupt):
        make(store, Counting(fail_after=blocks_before)).embed(candidates, 7, quiet)
    stage = Counting()
    resumed = make(store, stage).embed(candidates, 7, quiet)
    assert len(stage.blocks) == 4 - blocks_before
    assert all(np.array_equal(c.vector, expected_vectors[c.id]) for c in resumed)


def test_vectors_of_earlier_rounds_do_not_take_part_in_the_blocks(store: Store, candidates: list[Candidate]) -> None:
    stage = Counting()
    embedding = make(store, stage)
    embedding.embed(candidates[:40], 1, quiet)
    stage.blocks.clear()
    embedding.embed(candidates[20:60], 2, quiet)
    assert sorted(text for block in stage.blocks for text in block) == sorted(c.instruction for c in candidates[40:60])


@pytest.mark.parametrize(
    ("text", "expected"), [("instruction", "Sort."), ("instruction+input", "Sort.\n3 1"), ("all", "Sort.\n3 1\n1 3")]
)
def test_the_config_says_which_texts_are_embedded(store: Store, text: str, expected: str) -> None:
    stage = Counting()
    embedding = make(store, stage, text)
    embedding.embed([Candidate("Sort.", "3 1", "1 3")], 1, quiet)
    assert stage.blocks == [[expected]]
    assert embedding.model == f"counting:counting-1|{text}"


def test_an_absent_input_leaves_no_gap(store: Store) -> None:
    stage = Counting()
    make(store, stage, "all").embed([Candidate("Sort.", output="Done.")], 1, quiet)
    assert stage.blocks == [["Sort.\nDone."]]


def test_vectors_of_two_models_do_not_mix(store: Store, candidates: list[Candidate]) -> None:
    first, second = Counting(), Counting(identity="counting-2")
    make(store, first).embed(candidates[:3], 1, quiet)
    make(store, second).embed(candidates[:3], 1, quiet)
    assert len(first.blocks) == len(second.blocks) == 1
    assert store.conn.execute("SELECT model, count(*) FROM vectors GROUP BY model ORDER BY model").fetchall() == [
        ("counting:counting-1|instruction+input", 3),
        ("counting:counting-2|instruction+input", 3),
    ]
