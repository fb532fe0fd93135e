"""What a stage is handed while it is tested: a real bank on a real SQLite file, real prompts, a language model nearby.

Flows in: a folder. Flows out: everything a stage's methods take, none of it a stand-in but the model, which is
`insgen.testing.llm_server` on 127.0.0.1 asked through LiteLLM.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import TracebackType
from typing import TYPE_CHECKING

from insgen.bank.bank import Bank
from insgen.bank.seeds import sync_seeds
from insgen.config.settings import Budget
from insgen.hooks.handed import GeneratorContext
from insgen.models.asking import Asker
from insgen.models.templates import PromptFiles
from insgen.records import Candidate, Pool, Ranked, Seed
from insgen.store import ledger, proposals
from insgen.store.database import Store, open_store
from insgen.store.members import VersionNote
from insgen.testing.llm_server import Asked, LlmServer, Reply
from insgen.testing.samples import DIMENSION, unit_vectors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


MODEL = "test-model"
"""The embedding model a workshop's banks say their vectors are of."""


@dataclass
class Workshop:
    """A folder and what stands in it; a context manager that closes what it opened.

    :ivar folder: empty at first; databases, and files a stage writes, go there.
    :ivar reply: what the language model answers to a request, as text or `Reply`.
    :ivar answers: answers of a model as a parser under test should find them, with at least one task in each.
    """

    folder: Path
    reply: Callable[[Asked], str | Reply] = lambda asked: f"Answer {asked.number}."
    answers: Sequence[str] = ()
    _stack: ExitStack = field(default_factory=ExitStack, repr=False)
    _numbers: itertools.count[int] = field(default_factory=itertools.count, repr=False)
    _server: LlmServer | None = field(default=None, repr=False)
    _asker: Asker | None = field(default=None, repr=False)

    def __enter__(self) -> Workshop:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._stack.close()

    @property
    def prompts(self) -> PromptFiles:
        """The built-in prompt files, and those in the folder's ``prompts/``."""
        return PromptFiles(self.folder)

    @property
    def server(self) -> LlmServer:
        """The language model's server, started when first asked for."""
        if self._server is None:
            self._server = self._stack.enter_context(LlmServer(self.reply))
        return self._server

    def store(self) -> Store:
        """Open a database of its own."""
        opened = open_store(self.folder / f"workshop-{next(self._numbers)}.db")
        self._stack.callback(opened.close)
        return opened

    def bank(
        self, members: Sequence[Candidate] = (), kept: Sequence[Candidate] = (), seeds: Sequence[Candidate] = ()
    ) -> Bank:
        """Build a bank on a database of its own; members are kept too, in rank order, before the others."""
        store, everyone = self.store(), [*members, *kept]
        vectors = {c.id: c.vector for c in everyone if c.vector is not None}
        dimension = len(next(iter(vectors.values()), (0.0,) * DIMENSION))
        bank = Bank(store.conn, MODEL, dimension, lambda texts: unit_vectors(texts, dimension))
        with store.atomic() as conn:
            proposals.add_proposals(conn, everyone, 1)
            ledger.add_kept(conn, 1, everyone)
            ledger.add_vectors(conn, MODEL, 1, vectors)
            sync_seeds(conn, seeds, 1, "test")
            ranking = [Ranked(c.id, 0.0, c.quality or 0.0, float(-rank)) for rank, c in enumerate(members)]
            if ranking:
                bank.apply(ranking, VersionNote(1, "2026-01-01", "round", "test", "0", MODEL, len(ranking), ""))
        return bank

    def asker(self) -> Asker:
        """Something to ask the language model with, the same each time: what was asked before is not asked again.

        No budget, a price of 1 and 2 USD per million tokens.
        """
        if self._asker is None:
            from insgen.models.asking import Asker
            from insgen.models.llm import Provider

            settings = self.server.settings()
            self._asker = Asker(self.store(), Provider(settings), settings, Budget(), lambda call: None)  # noqa: ARG005 - nobody watches
            self._stack.callback(self._asker.close)
        return self._asker

    def context(self, bank: Bank, *, limit: int = 20, position: str = "") -> GeneratorContext:
        """What a generator is handed in the first round; seeds are drawn uniformly."""
        seeds, rng = bank.seeds(), Random(3)  # noqa: S311 - reproducible on purpose

        def draw(n: int) -> Sequence[Seed]:
            return rng.sample(seeds, min(n, len(seeds)))

        return GeneratorContext(
            round=1,
            limit=limit,
            position=position,
            seeds=draw(3),
            domain="running a small web shop",
            language="en",
            project=self.folder,
            bank=bank,
            prompts=self.prompts,
            rng=Random(1),  # noqa: S311 - reproducible on purpose
            draw=draw,
        )


def pool_of(candidates: Sequence[Candidate], n_members: int = 0) -> Pool:
    """A pool whose first rows are the bank; every candidate needs its vector, a missing quality counts 0."""
    import numpy as np

    rows = [each.vector for each in candidates if each.vector is not None]
    vectors: NDArray[np.float32] = np.stack(rows) if rows else np.empty((0, DIMENSION), dtype=np.float32)
    return Pool(tuple(candidates), vectors, np.array([each.quality or 0.0 for each in candidates]), n_members)
