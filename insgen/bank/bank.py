"""The instruction bank: who is a member, in which rank, and the read-only view that stages are handed.

Flows in: a `Selection` that `hooks/call.py` has checked. Flows out: a new version in the store. The members and their
neighbour index are a cache of the store, built when first asked for and dropped when the bank changes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from insgen.bank.neighbours import Neighbours
from insgen.bank.seeds import active_seeds
from insgen.errors import StageError
from insgen.records import Candidate, CandidateId, Member, Neighbour, Ranked, Seed
from insgen.store import ledger, proposals
from insgen.store import members as member_store
from insgen.store.members import BankChange, VersionNote

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Bank:
    """The bank of one project; implements `insgen.BankView`.

    :param conn: the store's connection.
    :param model: identity of the embedding model whose vectors are used.
    :param embed: gives vectors of texts that are no candidates, float32, shape ``(n, d)``, L2 norm 1 by row.
    """

    def __init__(
        self,
        conn: sqlite3.Connection,
        model: str,
        dimension: int,
        embed: Callable[[Sequence[str]], NDArray[np.float32]] | None = None,
    ) -> None:
        self._conn = conn
        self._model = model
        self._dimension = dimension
        self._embed = embed
        self._members: tuple[Member, ...] | None = None
        self._index: Neighbours | None = None

    def __len__(self) -> int:
        return len(self.members())

    @property
    def version(self) -> int:
        """See `insgen.BankView.version`."""
        return member_store.bank_version(self._conn)

    def members(self) -> Sequence[Member]:
        """See `insgen.BankView.members`."""
        if self._members is None:
            rows = member_store.members(self._conn)
            vectors = ledger.vectors(self._conn, self._model, [row.candidate.id for row in rows])
            self._members = tuple(
                Member(
                    row.candidate.embedded(vectors[row.candidate.id][1]).judged(row.quality),
                    row.rank,
                    row.diversity,
                    row.quality,
                    row.utility,
                )
                for row in rows
            )
        return self._members

    def nearest(self, vector: NDArray[np.float32], k: int = 1) -> Sequence[Neighbour]:
        """See `insgen.BankView.nearest`."""
        if not len(self):
            return ()
        rows, similarities = self._member_index().nearest(vector[None, :], k)
        members = self.members()
        return [
            Neighbour(members[row].candidate.id, float(similarity))
            for row, similarity in zip(rows[0].tolist(), similarities[0].tolist(), strict=True)
        ]

    def vectors(self, ids: Sequence[CandidateId]) -> NDArray[np.float32]:
        """See `insgen.BankView.vectors`."""
        import numpy as np

        found = ledger.vectors(self._conn, self._model, ids)
        if not ids:
            return np.empty((0, self._dimension), dtype=np.float32)
        return np.stack([found[id_][1] for id_ in ids])

    @property
    def n_kept(self) -> int:
        """See `insgen.BankView.n_kept`."""
        return ledger.n_kept(self._conn)

    @property
    def n_scored(self) -> int:
        """How many of the kept have a quality: the rows that ``[loop] target`` and the cost per kept row count."""
        return ledger.n_scored(self._conn)

    def kept(self, start: int = 0) -> Iterator[Candidate]:
        """See `insgen.BankView.kept`."""
        return ledger.kept(self._conn, start)

    def find(self, ids: Sequence[CandidateId]) -> Mapping[CandidateId, Candidate]:
        """See `insgen.BankView.find`."""
        return ledger.find_kept(self._conn, ids)

    def seeds(self) -> Sequence[Seed]:
        """See `insgen.BankView.seeds`."""
        return active_seeds(self._conn)

    def first_seen(self, candidate: Candidate) -> CandidateId | None:
        """See `insgen.BankView.first_seen`."""
        return proposals.first_seen(self._conn, candidate.text_key)

    def first_scores(self, scorer: str, ids: Sequence[CandidateId]) -> Mapping[CandidateId, float]:
        """See `insgen.BankView.first_scores`."""
        return ledger.first_scores(self._conn, scorer, ids)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `insgen.BankView.embed`."""
        if self._embed is None:
            raise StageError(
                "This bank was opened without an embedder.\n  Expected one, to give vectors of other texts.\n"
                "  Open the project with `insgen run`."
            )
        return self._embed(texts)

    def index(self, vectors: NDArray[np.float32]) -> Neighbours:
        """See `insgen.BankView.index`."""
        index = Neighbours(vectors.shape[1] if vectors.size else self._dimension)
        if len(vectors):
            index.add(vectors)
        return index

    def apply(self, ranking: Sequence[Ranked], note: VersionNote) -> BankChange:
        """Make a ranking the bank's new version; call it inside `Store.atomic`.

        :returns: who came and who went.
        """
        self._members = self._index = None
        return member_store.write_version(self._conn, ranking, note)

    def _member_index(self) -> Neighbours:
        if self._index is None:
            self._index = self.index(self.vectors([member.candidate.id for member in self.members()]))
        return self._index
