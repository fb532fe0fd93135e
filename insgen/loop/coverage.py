"""How near the bank is to evaluation items: before their results came in, and now.

Flows in: signals named ``eval:...`` and two versions of the bank. Flows out: mean similarities to the nearest member,
of failed and of passed items. What is done about the failures is the seed policy's business.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from insgen.bank.bank import Bank
from insgen.records import CandidateId
from insgen.store import members as member_store
from insgen.store.results import EvalResult, eval_results, version_before

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Coverage:
    """One evaluation.

    :ivar name: ``eval:...``; ``source``: who said it.
    :ivar items: those whose text is known; ``failed``: those of them that are more wrong than right.
    :ivar version_before: the bank's version when the newest results came in; ``version_now``: the newest.
    :ivar failed_before: mean cosine similarity of the failed items to their nearest member, -1 to 1, in that version;
        ``None`` without items or members. Likewise the others.
    """

    name: str
    source: str
    items: int
    failed: int
    version_before: int
    version_now: int
    failed_before: float | None
    failed_now: float | None
    passed_before: float | None
    passed_now: float | None


def coverage(conn: sqlite3.Connection, bank: Bank) -> list[Coverage]:
    """Measure every evaluation, by name and source; texts that were never embedded are embedded and remembered."""
    results = eval_results(conn)
    found = []
    for name, source in dict.fromkeys((each.name, each.source) for each in results):
        own = [each for each in results if (each.name, each.source) == (name, source)]
        found.append(_measure(conn, bank, own))
    return found


def _measure(conn: sqlite3.Connection, bank: Bank, results: Sequence[EvalResult]) -> Coverage:
    import numpy as np

    vectors = bank.embed([each.text for each in results])
    failed = np.array([each.failed > 0.5 for each in results], dtype=bool)
    before, now = version_before(conn, max(each.round for each in results)), member_store.bank_version(conn)
    figures = []
    for version in (before, now):
        nearest = _nearest(bank, [each.candidate_id for each in member_store.ranking_of(conn, version)], vectors)
        figures.append([_mean(nearest, chosen) for chosen in (failed, ~failed)])
    (failed_before, passed_before), (failed_now, passed_now) = figures
    return Coverage(
        results[0].name,
        results[0].source,
        len(results),
        int(failed.sum()),
        before,
        now,
        failed_before,
        failed_now,
        passed_before,
        passed_now,
    )


def _nearest(bank: Bank, ids: Sequence[CandidateId], vectors: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Similarity of each vector to the nearest of some members; ``None`` without members."""
    if not ids:
        return None
    _, similarities = bank.index(bank.vectors(ids)).nearest(vectors, 1)
    nearest: NDArray[np.float32] = similarities[:, 0]
    return nearest


def _mean(nearest: NDArray[np.float32] | None, chosen: NDArray[np.bool_]) -> float | None:
    return None if nearest is None or not chosen.any() else float(nearest[chosen].astype("float64").mean())
