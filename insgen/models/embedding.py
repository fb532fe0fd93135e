"""Vectors through the chosen embedder, cached in the store by candidate and model.

Flows in: candidates. Flows out: the same candidates with vectors. Texts are embedded in blocks whose make-up depends
only on the round's texts, never on where an earlier process was killed: the bits of a vector can depend on the texts
beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from insgen.hooks import call
from insgen.hooks.live import Live
from insgen.records import Candidate
from insgen.store import ledger
from insgen.training.templates import alpaca

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from insgen.store.database import Store

BLOCK = 32
"""Texts per call of the embedder: larger blocks are slower and need more memory."""


class Embedding:
    """Embeds candidates and remembers the vectors.

    :param live: the embedder.
    :param executor: runs the blocks.
    :param text: what is embedded: ``instruction``, ``instruction+input``, ``all``; or laid out as a model is trained
        on it, ``alpaca`` (question and answers) or ``alpaca-question`` (what stands before the first answer).
    """

    def __init__(self, store: Store, live: Live, executor: Live, text: str) -> None:
        self._store = store
        self._live = live
        self._executor = executor
        self._text = text

    @property
    def model(self) -> str:
        """Identity of the vectors: the embedder's model and the embedded text."""
        return model_of(self._live, self._text)

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return call.dimension(self._live)

    def embed(
        self, candidates: Sequence[Candidate], round_: int, advance: Callable[[int, int], None]
    ) -> list[Candidate]:
        """Give every candidate its vector; new ones are committed block by block.

        :param advance: called with the numbers of texts done and to do.
        :returns: in the order given, float32 vectors of L2 norm 1.
        """
        stored = ledger.vectors(self._store.conn, self.model, [candidate.id for candidate in candidates])
        vectors = {id_: vector for id_, (_, vector) in stored.items()}
        todo = {c.id: self._text_of(c) for c in candidates if c.id not in stored or stored[c.id][0] == round_}
        order = sorted(todo, key=lambda id_: (len(todo[id_]), id_))
        blocks = [order[start : start + BLOCK] for start in range(0, len(order), BLOCK)]
        missing = [block for block in blocks if any(id_ not in stored for id_ in block)]
        done = len(candidates) - sum(map(len, missing))
        for block, made in zip(missing, self._run([[todo[id_] for id_ in block] for block in missing]), strict=True):
            fresh = {id_: vector for id_, vector in zip(block, made, strict=True) if id_ not in stored}
            with self._store.atomic() as conn:
                ledger.add_vectors(conn, self.model, round_, fresh)
            vectors.update(fresh)
            done += len(block)
            advance(done, len(candidates))
        return [candidate.embedded(vectors[candidate.id]) for candidate in candidates]

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts that are no candidates; they are remembered in the same way, as of before the first round.

        :returns: float32, shape ``(len(texts), d)``, L2 norm 1 by row.
        """
        import numpy as np

        made = self.embed([Candidate(text) for text in texts], 0, lambda done, total: None)  # noqa: ARG005 - nobody watches
        vectors = [candidate.vector for candidate in made if candidate.vector is not None]
        return np.stack(vectors) if vectors else np.empty((0, self.dimension), dtype=np.float32)

    def _run(self, blocks: Sequence[Sequence[str]]) -> Iterator[NDArray[np.float32]]:
        return call.map_batches(self._executor, lambda texts: call.embed(self._live, texts), blocks)

    def _text_of(self, candidate: Candidate) -> str:
        if self._text.startswith("alpaca"):
            pieces = alpaca(candidate, "")
            return "".join(piece.text for piece in (pieces if self._text == "alpaca" else pieces[:1]))
        parts = [candidate.instruction]
        if self._text != "instruction":
            parts.append(candidate.input)
        if self._text == "all":
            parts.append(candidate.output)
        return "\n".join(part for part in parts if part)


def model_of(live: Live, text: str) -> str:
    """Name the vectors that an embedder makes of a part of the texts; vectors of two names are never compared.

    :param text: as in `Embedding`.
    """
    return f"{live.name}:{call.identity(live)}|{text}"
