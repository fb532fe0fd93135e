"""What one round hands to the next, as JSON text (paper file, E8.4): no vectors, and no matrix unless it is small.

Flows in: an outcome and the ranking made of it; later, the text and the pool it should fit. Flows out: the text; later,
a `Past`. Whatever does not fit (another selector's text, another bank after a rollback or merge, other settings,
another embedding model) is no past: the round then starts without history, as the first one does, and the log says so.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from insgen import BankView, CandidateId, Pool, content_hash

from ._history import Past, Remembered, assume
from ._round import Outcome
from ._space import Affinity

if TYPE_CHECKING:
    from random import Random

    from numpy.typing import NDArray

_FORMAT = "pibe 1"
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Similarity:
    """What a past must have been measured with to be of use.

    :ivar preference: ``None`` for the median.
    """

    affinity: Affinity
    preference: float | None

    def __str__(self) -> str:
        return f"{self.affinity}, preference {'median' if self.preference is None else self.preference!r}"


@dataclass(frozen=True)
class Kept:
    """Which rows of a round go on.

    :ivar ids: all candidates of the round.
    :ivar bank: rows of the new members, best first.
    :ivar looked_at: rows whose ids are handed on, ascending: all, or a sample (the reservoir).
    """

    ids: Sequence[CandidateId]
    bank: NDArray[np.int64]
    looked_at: Sequence[int]


def dump(outcome: Outcome, kept: Kept, similarity: Similarity) -> str:
    """Write the state of a finished round.

    Responsibilities are handed on where the outcome holds them; ``kept.looked_at`` must then be all rows.
    """
    full, bank = outcome.responsibilities, kept.bank
    symmetric = full is not None and bool(np.allclose(full[:, bank], full[bank].T, rtol=0.0, atol=1e-12))
    facts = {
        "format": _FORMAT,
        "similarity": str(similarity),
        "bank": content_hash(*(kept.ids[row] for row in bank)),
        "n_candidates": len(kept.ids),
        "iterations": outcome.messages.iterations,
        "converged": outcome.messages.converged,
        "median": outcome.median,
        "scale": outcome.scale,
        "ids": [kept.ids[row] for row in kept.looked_at],
        "r": _pack(outcome.messages.r[bank]),
        "columns": None if full is None else _pack(full[:, bank]),
        "rows": None if full is None or symmetric else _pack(full[bank]),
    }
    return json.dumps(facts, separators=(",", ":"))


def recall(text: str, pool: Pool, bank: BankView, similarity: Similarity, rng: Random) -> Past | None:
    """Read last round's state and make it the past of this pool.

    :param rng: draws members where there are too many to be looked at whole.
    :returns: ``None`` when there is none, or when it does not fit.
    """
    members = [each.id for each in pool.candidates[: pool.n_members]]
    if not members:
        return None
    facts = _parse(text)
    misfit = (
        "it is not of this selector"
        if facts is None
        else "the bank was changed since"
        if facts["bank"] != content_hash(*members)
        else f"it was measured with {facts['similarity']}"
        if facts["similarity"] != str(similarity)
        else ""
    )
    if facts is None or misfit:
        _logger.warning("pibe starts without history: there is a state, but %s", misfit)
        return None
    ids = [CandidateId(each) for each in facts["ids"]]
    try:
        vectors = bank.vectors(ids)
    except KeyError:
        _logger.warning("pibe starts without history: last round's candidates have no vector of the present model")
        return None
    r = _unpack(facts["r"])
    if facts["columns"] is not None:
        columns = _unpack(facts["columns"])
        rows = None if facts["rows"] is None else _unpack(facts["rows"])
        place = {each: row for row, each in enumerate(ids)}
        own = columns[[place[each] for each in members]]
        return Past(r, vectors, columns, rows, own, facts["scale"], complete=True)
    known = Remembered(ids, vectors, members, pool.vectors[: pool.n_members], r, facts["scale"])
    return assume(known, similarity.affinity, similarity.preference or 0.0, rng)


def _parse(text: str) -> dict[str, Any] | None:
    """Read the text as JSON of this format; another selector may have written anything at all."""
    try:
        facts = json.loads(text)
    except ValueError:
        return None
    return facts if isinstance(facts, dict) and facts.get("format") == _FORMAT else None


def _pack(array: NDArray[np.float64]) -> dict[str, Any]:
    data = np.ascontiguousarray(array, dtype="<f8").tobytes()
    return {"shape": list(array.shape), "f8": base64.b64encode(data).decode("ascii")}


def _unpack(packed: dict[str, Any]) -> NDArray[np.float64]:
    flat = np.frombuffer(base64.b64decode(packed["f8"]), dtype="<f8")
    return flat.reshape(packed["shape"]).astype(np.float64)
