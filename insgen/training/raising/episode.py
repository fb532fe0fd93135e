"""One episode: what was chosen, what it brought, and every state of it, rebuilt instead of kept.

A state is n rows of 39 numbers, and an episode has T of them. Only P, t/T and the times chosen differ between them,
so what is kept is the static part once (36 n numbers) and of each choice its P and its picks: O(36 n + T B). The states
that come out are equal to those that were seen, bit for bit.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from insgen.training.raising.choosing import Classes
from insgen.training.raising.state import Scaling, fuse

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Table:
    """The pool as the policy sees it, for as many episodes as are played over it.

    :ivar ids: of the rows.
    :ivar static: scaled static columns, float32, shape ``(n, 4 + semantics)``.
    """

    ids: tuple[str, ...]
    static: NDArray[np.float32]
    scaling: Scaling
    classes: Classes


@dataclass
class Choice:
    """One choice of rows and what came of it.

    :ivar step: the first optimiser step that it is for, from 1.
    :ivar perf: P before that step.
    :ivar picks: row numbers in the order of choice, shape ``(B * M,)``.
    :ivar log_p: log-probability of the picks under the policy that made them.
    :ivar value: of the state, by the critic.
    :ivar reward: P after its steps minus P before; ``None`` until it is known.
    """

    step: int
    perf: float
    picks: NDArray[np.int64]
    log_p: float
    value: float
    reward: float | None = None

    def line(self) -> str:
        """Write it as JSON; numbers come back as they were."""
        return json.dumps({**asdict(self), "picks": self.picks.tolist()})

    @classmethod
    def read(cls, line: str) -> Choice:
        """Read what `line` wrote."""
        row = json.loads(line)
        return cls(**{**row, "picks": np.array(row["picks"], dtype=np.int64)})


@dataclass
class Episode:
    """The choices of one training, in order.

    :ivar n_steps: optimiser steps T that it has.
    """

    table: Table
    n_steps: int
    choices: list[Choice] = field(default_factory=list)

    def counts(self) -> NDArray[np.int32]:
        """How often each row was chosen so far."""
        return self._counts(self.choices)

    def _counts(self, choices: Sequence[Choice]) -> NDArray[np.int32]:
        counts = np.zeros(len(self.table.ids), dtype=np.int32)
        for choice in choices:
            counts[choice.picks] += 1
        return counts

    def stage(self, step: int, perf: float) -> tuple[float, float]:
        """Scale P and t; the first P of the episode is its unit."""
        first = self.choices[0].perf if self.choices else perf
        return self.table.scaling.perf(perf, first), step / self.n_steps

    def state(self, step: int, perf: float, counts: NDArray[np.int32]) -> NDArray[np.float32]:
        """Give the state before a step, float32, shape ``(n, 7 + semantics)``."""
        scaling = self.table.scaling
        return fuse(self.table.static, self.stage(step, perf), scaling.availability(counts))

    def states(self) -> Iterator[NDArray[np.float32]]:
        """Rebuild the state before each choice; one at a time is held."""
        counts = self._counts(())
        for choice in self.choices:
            yield self.state(choice.step, choice.perf, counts)
            counts[choice.picks] += 1

    @property
    def nbytes(self) -> int:
        """What is kept, in bytes; the text of ids not counted."""
        return self.table.static.nbytes + sum(choice.picks.nbytes + 5 * 8 for choice in self.choices)
