"""Exact repeats: drops a candidate whose instruction and input were seen before.

Two texts are the same when they differ only in case, punctuation, white space or Unicode form (`Candidate.text_key`);
outputs are not looked at. Seen means ever proposed in an earlier round, kept or not, or earlier in this round. Costs
one indexed look-up per candidate and needs no vectors, so it may run before anything is embedded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from insgen import BankView, Candidate, CandidateId, Filter, Verdict, hookimpl


@dataclass(frozen=True)
class ExactDuplicateFilter:
    """Keeps the first candidate of every text; the neighbour of a repeat is that first one."""

    name: ClassVar[str] = "exact_duplicate"
    needs_vectors: ClassVar[bool] = False

    def filter(self, candidates: Sequence[Candidate], bank: BankView) -> Sequence[Verdict]:
        """Compare with all earlier rounds, then with the candidates before it; earlier wins."""
        this_round: dict[str, CandidateId] = {}
        verdicts = []
        for candidate in candidates:
            earlier = bank.first_seen(candidate) or this_round.get(candidate.text_key)
            this_round.setdefault(candidate.text_key, candidate.id)
            verdicts.append(
                Verdict(
                    candidate.id,
                    kept=earlier is None,
                    measure="same instruction and input",
                    neighbour=earlier,
                    reason="exact duplicate" if earlier else "",
                )
            )
        return verdicts


@hookimpl
def insgen_filters() -> Sequence[type[Filter]]:
    """Offer the filter `exact_duplicate`."""
    return [ExactDuplicateFilter]
