"""Near-duplicates by meaning: drops a candidate whose embedding is too near to one that is there already.

The rule is Deita's greedy scan (arXiv:2312.15685, section 2.3) in order of arrival: a candidate is dropped when its
cosine similarity to a bank member, or to a candidate of this round that was kept before it, is above the limit
(strictly). A dropped candidate drops nobody. The limit belongs to the embedding model: calibrate it; Deita's 0.9 was
for a 13B language model.

Costs matrix products with members and kept candidates: 27,000 candidates against 6,000 members take some ten seconds
(384 dimensions, 2 cores), and memory is that of the vectors plus one block. The answer is that of the scan above,
exactly, for a bank of up to 20,000 members. A larger one is asked by its own index, which is approximate: it may miss a
member, and then a candidate is kept that should have gone. Never the other way round.

This is not ROUGE-L: it catches rewordings, and misses texts that differ in one number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from insgen import BankView, Candidate, CandidateId, ConfigError, Filter, NeighbourIndex, StageError, Verdict, hookimpl

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BLOCK = 512  # candidates decided together; their mutual similarities are 2 MB of float64
_GONE = -2.0  # below every similarity: what was dropped drops nobody
_SHARD_ROWS = 8_000  # an index this small is exact, and a product that takes a third of a large index's time
_COPIED_MEMBERS = (
    20_000  # above, asking the bank's own index vector by vector is cheaper than products with all members
)


@dataclass(frozen=True)
class NearDuplicateFilter:
    """Keeps a candidate that no member and no kept candidate before it is nearer to than the limit."""

    name: ClassVar[str] = "near_duplicate"
    needs_vectors: ClassVar[bool] = True

    #: Largest cosine similarity to anything kept before that still passes, -1 to 1; higher keeps more.
    limit: float = 0.92

    def __post_init__(self) -> None:
        if not -1.0 <= self.limit <= 1.0:
            raise ConfigError(
                f"The filter near_duplicate has limit = {self.limit}. Expected a cosine similarity from -1 to 1.\n"
                "  Write limit = 0.92 to drop near copies, or a higher value to keep more."
            )

    def filter(self, candidates: Sequence[Candidate], bank: BankView) -> Sequence[Verdict]:
        """Compare with the members, then with the kept candidates of this round; earlier wins.

        :raises StageError: a candidate has no vector.
        """
        if not candidates:
            return []
        vectors = _stack(candidates)
        there, near = _members(vectors, bank)
        verdicts: list[Verdict] = []
        for start in range(0, len(candidates), _BLOCK):
            part = slice(start, start + _BLOCK)
            decided = self._decide_block(candidates[part], vectors[part], there.nearest(vectors[part], near[part]))
            rows = [row for row, verdict in enumerate(decided) if verdict.kept]
            there.add(vectors[part][rows], [decided[row].candidate_id for row in rows])
            verdicts.extend(decided)
        return verdicts

    def _decide_block(
        self, candidates: Sequence[Candidate], vectors: NDArray[np.float32], near: Sequence[_Near]
    ) -> list[Verdict]:
        """Decide one after the other, with what was kept before the block already measured."""
        import numpy as np

        wide = vectors.astype(np.float64)
        mutual = np.clip(wide @ wide.T, -1.0, 1.0).astype(np.float32)
        verdicts: list[Verdict] = []
        for row, (candidate, nearest) in enumerate(zip(candidates, near, strict=True)):
            if row:
                place = int(mutual[row, :row].argmax())
                if mutual[row, place] > _GONE:
                    nearest = nearest.or_nearer(float(mutual[row, place]), candidates[place].id)
            verdict = self._verdict(candidate, nearest)
            if not verdict.kept:
                mutual[:, row] = _GONE
            verdicts.append(verdict)
        return verdicts

    def _verdict(self, candidate: Candidate, nearest: _Near) -> Verdict:
        near = nearest.similarity is not None and nearest.similarity > self.limit
        return Verdict(
            candidate.id,
            kept=not near,
            measure="cosine similarity",
            value=nearest.similarity,
            unit="similarity -1..1",
            limit=self.limit,
            neighbour=nearest.id if near else None,
            reason="near-duplicate" if near else "",
        )


class _Near(NamedTuple):
    """The nearest of some rows; both fields are ``None`` when there are no rows."""

    similarity: float | None = None
    id: CandidateId | None = None

    def or_nearer(self, similarity: float, id_: CandidateId) -> _Near:
        """Choose between this and a later row; of two equals this one, which was there earlier."""
        return _Near(similarity, id_) if self.similarity is None or similarity > self.similarity else self


class _Rows:
    """What was kept so far, in neighbour indexes small enough to be exact."""

    def __init__(self, bank: BankView) -> None:
        self._bank = bank
        self._shards: list[tuple[NeighbourIndex, list[CandidateId]]] = []

    def add(self, vectors: NDArray[np.float32], ids: Sequence[CandidateId]) -> None:
        """Append rows, a block at a time, so that no shard grows far beyond its size."""
        for start in range(0, len(ids), _BLOCK):
            part = slice(start, start + _BLOCK)
            if not self._shards or len(self._shards[-1][1]) >= _SHARD_ROWS:
                self._shards.append((self._bank.index(vectors[part]), list(ids[part])))
            else:
                index, names = self._shards[-1]
                index.add(vectors[part])
                names.extend(ids[part])

    def nearest(self, vectors: NDArray[np.float32], near: Sequence[_Near]) -> list[_Near]:
        """Find the nearest row of each vector, unless the one already known is as near."""
        best = list(near)
        for index, names in self._shards:
            rows, similarities = index.nearest(vectors, 1)
            found = zip(best, similarities[:, 0].tolist(), rows[:, 0].tolist(), strict=True)
            best = [known.or_nearer(similarity, names[row]) for known, similarity, row in found]
        return best


def _stack(candidates: Sequence[Candidate]) -> NDArray[np.float32]:
    """Give the candidates' vectors as one array of shape ``(n, d)``."""
    import numpy as np

    vectors = [candidate.vector for candidate in candidates if candidate.vector is not None]
    if len(vectors) < len(candidates):
        missing = next(candidate.id for candidate in candidates if candidate.vector is None)
        raise StageError(
            f"The filter near_duplicate was handed candidate {missing} without a vector. Expected an embedded one.\n"
            "  Name an embedder under [embed], or take near_duplicate out of the config."
        )
    return np.stack(vectors)


def _members(vectors: NDArray[np.float32], bank: BankView) -> tuple[_Rows, list[_Near]]:
    """Give the members as rows, or, of a large bank, no rows and the member nearest to each vector."""
    rows = _Rows(bank)
    if len(bank) > _COPIED_MEMBERS:
        found = [bank.nearest(vector, 1)[0] for vector in vectors]
        return rows, [_Near(neighbour.similarity, neighbour.candidate_id) for neighbour in found]
    ids = [member.candidate.id for member in bank.members()]
    if ids:
        rows.add(bank.vectors(ids), ids)
    return rows, [_Near()] * len(vectors)


@hookimpl
def insgen_filters() -> Sequence[type[Filter]]:
    """Offer the filter `near_duplicate`."""
    return [NearDuplicateFilter]
