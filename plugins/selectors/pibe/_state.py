"""What one round hands to the next, as JSON text (paper file, E8.4): no vectors, and no matrix unless it is small.

Flows in: an outcome and the ranking made of it; later, the text and the pool it should fit. Flows out: the text; later,
a `Past`, or an `EdgePast` for the sparse engine. Whatever does not fit (another selector's text, another bank after a
rollback or merge, other settings, another embedding model, another kind of engine) is no past: the round then starts
without history, as the first one does, and the log says so.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from insgen import CandidateId, Pool, content_hash

from ._history import Past, Remembered, assume
from ._round import Outcome
from ._space import Affinity
from ._sparse import Edges, Spread
from ._sparse_history import EdgePast, Links, Traces, retrace

if TYPE_CHECKING:
    from random import Random

    from numpy.typing import NDArray


VectorsOf = Callable[[Sequence[CandidateId]], "NDArray[np.float32]"]

_FORMAT = "pibe 2"
_SAMPLE = 500  # of last round's candidates, for the sparse engine: 300 estimate the median within a percent (E8.3)
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


def dump(outcome: Outcome, kept: Kept, similarity: Similarity, audit: Mapping[str, object]) -> str:
    """Write the state of a finished round.

    Responsibilities are handed on where the outcome holds them; ``kept.looked_at`` must then be all rows.

    :param audit: more facts about the round, for whoever reads the stored text.
    """
    full, bank = outcome.responsibilities, kept.bank
    symmetric = full is not None and bool(np.allclose(full[:, bank], full[bank].T, rtol=0.0, atol=1e-12))
    facts = {
        "format": _FORMAT,
        **audit,
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
        "along": None if outcome.along is None else _along(outcome.along, kept),
    }
    return json.dumps(facts, separators=(",", ":"))


def _along(along: tuple[Edges, Spread], kept: Kept) -> dict[str, Any]:
    """What the sparse engine hands on: R on the edges among the new members, and the ceilings."""
    edges, spread = along
    place = np.full(edges.n, -1)
    place[kept.bank] = np.arange(len(kept.bank))
    senders, receivers = place[edges.rows], place[edges.columns]
    among = (senders >= 0) & (receivers >= 0) & (senders != receivers)
    keys = senders[among] * len(kept.bank) + receivers[among]
    order = np.argsort(keys)
    return {
        "keys": _pack(keys[order].astype(np.float64)),  # whole numbers below 2^53 are exact
        "values": _pack(spread.edges[among][order]),
        "ceiling": _pack(spread.ceiling[kept.bank]),
        "sample_ceiling": _pack(spread.ceiling[np.asarray(kept.looked_at)]),
    }


def recall(text: str, pool: Pool, vectors_of: VectorsOf, similarity: Similarity) -> Recalled | None:
    """Read last round's state, if it fits this pool.

    :param vectors_of: gives the vectors of candidates of last round; a KeyError where there is none.
    :returns: ``None`` when there is none, or when it does not fit; the log then says why.
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
    try:
        vectors = vectors_of([CandidateId(each) for each in facts["ids"]])
    except KeyError:
        _logger.warning("pibe starts without history: last round's candidates have no vector of the present model")
        return None
    return Recalled(facts, vectors, members, pool.vectors[: pool.n_members], similarity)


@dataclass(frozen=True)
class Recalled:
    """Last round's state, found to fit; each engine reads it in its own way.

    :ivar facts: the JSON object.
    :ivar vectors: of the candidates whose ids it lists.
    :ivar member_ids: the bank's, best first; ``members``: their vectors.
    """

    facts: dict[str, Any]
    vectors: NDArray[np.float32]
    member_ids: list[CandidateId]
    members: NDArray[np.float32]
    similarity: Similarity

    def whole(self) -> Past | None:
        """The past with its responsibilities; ``None``, and a warning, where the state does not hold them."""
        facts = self.facts
        if facts["columns"] is None:
            _logger.warning("pibe starts without history: the state holds no matrix, as the dense engine wants it")
            return None
        columns = _unpack(facts["columns"])
        rows = None if facts["rows"] is None else _unpack(facts["rows"])
        place = {each: row for row, each in enumerate(facts["ids"])}
        own = columns[[place[each] for each in self.member_ids]]
        return Past(_unpack(facts["r"]), self.vectors, columns, rows, own, facts["scale"], complete=True)

    def collapsed(self, rng: Random) -> Past:
        """The past of a collapsed propagation (preference 0): as it was, or worked out from distances.

        :param rng: draws members where there are too many to be looked at whole.
        """
        facts = self.facts
        whole = self.whole() if facts["columns"] is not None else None
        if whole is not None:
            return whole
        r = _unpack(facts["r"])
        known = Remembered(facts["ids"], self.vectors, self.member_ids, self.members, r, facts["scale"])
        return assume(known, self.similarity.affinity, self.similarity.preference or 0.0, rng)

    def along_edges(self) -> EdgePast | None:
        """The past along a graph; ``None``, and a warning, where the state is another engine's."""
        along = self.facts["along"]
        if along is None:
            _logger.warning("pibe starts without history: the state is not one of the sparse engine")
            return None
        some = slice(None, None, max(len(self.vectors) // _SAMPLE, 1))
        links = Links(_unpack(along["keys"]).astype(np.int64), _unpack(along["values"]))
        known = Traces(
            self.facts["ids"][some],
            self.vectors[some],
            self.member_ids,
            self.members,
            _unpack(self.facts["r"]),
            links,
            _unpack(along["ceiling"]),
            _unpack(along["sample_ceiling"])[some],
            self.facts["scale"],
        )
        return retrace(known, self.similarity.affinity)


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
