"""Everything a selector could ever have chosen from: what was kept and scored, with its vectors; read-only.

Flows in: a connection. Flows out: a `Pool` without members, in order of arrival. Which of it is in the bank is
`members`' business.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from insgen.records import Candidate, Pool
from insgen.store.proposals import CANDIDATE_COLUMNS, candidate_from_row

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_KEPT = """FROM kept k JOIN vectors v ON v.candidate_id = k.candidate_id AND v.model = ? JOIN candidates c
 ON c.id = k.candidate_id JOIN proposals p ON p.candidate_id = c.id AND p.first = 1 LEFT JOIN answers a
 ON a.candidate_id = c.id AND a.output IS NOT NULL WHERE k.quality IS NOT NULL AND k.round <= ?"""


@dataclass(frozen=True)
class Arrived:
    """All candidates that were kept and scored.

    :ivar pool: in order of arrival; nobody is a member.
    :ivar rounds: int64, shape ``(n,)``: the round each was kept in.
    :ivar left_out: how many more were kept, but have no quality, or no vector of this model.
    """

    pool: Pool
    rounds: NDArray[np.int64]
    left_out: int


def arrived(conn: sqlite3.Connection, model: str, last_round: int) -> Arrived:
    """Read all candidates that were ever kept and scored, evicted or not.

    The vectors stand once in memory, in one matrix; each candidate's vector is a row of it.

    :param model: identity of the embedding model whose vectors are wanted.
    :param last_round: nothing of later rounds, so that several readers see the same while a run is writing.
    """
    import numpy as np

    n, dimension = conn.execute(
        f"SELECT count(*), coalesce(max(v.dimension), 0) {_KEPT}", (model, last_round)
    ).fetchone()
    vectors, quality, rounds = np.empty((n, dimension), np.float32), np.empty(n), np.empty(n, np.int64)
    candidates: list[Candidate] = []
    rows = conn.execute(
        f"SELECT {CANDIDATE_COLUMNS}, a.output, a.input, k.round, k.quality, v.vector {_KEPT} ORDER BY k.id",
        (model, last_round),
    )
    for place, row in enumerate(rows):
        output, input_, rounds[place], quality[place], blob = tuple(row)[-5:]
        vectors[place] = np.frombuffer(blob, dtype="<f4")
        candidate = candidate_from_row(tuple(row)[:-5]).answered(output or "", input_ or "")
        candidates.append(candidate.embedded(vectors[place]).judged(float(quality[place])))
    kept = conn.execute("SELECT count(*) FROM kept WHERE round <= ?", (last_round,)).fetchone()[0]
    return Arrived(Pool(tuple(candidates), vectors, quality, 0), rounds, kept - n)
