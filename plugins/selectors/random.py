"""Random: keep a uniform sample of everything that ever arrived, the baseline every selector has to beat.

Each candidate draws one key when it first comes and keeps it for life (it travels in the state); the highest keys stay.
So the bank is at any time a uniform sample without replacement of all that reached the selector, and not one that
newcomers crowd out. O(n log n). It measures no diversity: that figure is 0.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from insgen import BankView, Pool, Ranked, Selection, Selector, hookimpl

from ._pool import check_pool


@dataclass(frozen=True)
class RandomSelector:
    """Ranks by a key drawn once per candidate, 0 up to but not 1; higher is better."""

    name: ClassVar[str] = "random"

    def select(self, pool: Pool, size: int, bank: BankView, rng: Random, state: str) -> Selection:  # noqa: ARG002  # the contract's arguments
        """Take the ``size`` highest keys of bank and newcomers; members without a known key draw one."""
        check_pool(pool, self.name)
        known = _keys(state)
        members = pool.candidates[: pool.n_members]
        keys = [known[member.id] if member.id in known else rng.random() for member in members]
        keys += [rng.random() for _ in pool.candidates[pool.n_members :]]
        order = sorted(range(len(keys)), key=lambda row: -keys[row])[: max(size, 0)]
        ranking = tuple(Ranked(pool.candidates[row].id, 0.0, float(pool.quality[row]), keys[row]) for row in order)
        return Selection(
            ranking, json.dumps({"format": _FORMAT, "keys": {each.candidate_id: each.utility for each in ranking}})
        )


_FORMAT = "random 1"


def _keys(state: str) -> dict[str, float]:
    """Read the keys of members; empty where the state is another selector's, who may have written anything."""
    try:
        facts = json.loads(state)
    except ValueError:
        return {}
    return dict(facts["keys"]) if isinstance(facts, dict) and facts.get("format") == _FORMAT else {}


@hookimpl
def insgen_selectors() -> Sequence[type[Selector]]:
    """Offer selection by chance."""
    return [RandomSelector]
