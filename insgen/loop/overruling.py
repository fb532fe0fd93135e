"""What people said about single candidates, where it outweighs the machine (``[loop] verdicts = "overrule"``).

Flows in: signals named ``verdict`` (+1 accepted, -1 rejected). Flows out: whom no filter may reject, and whom the bank
may not hold. Where several people disagree, the majority counts; a tie says nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from insgen.records import Candidate, CandidateId, Verdict
from insgen.store.verdicts import people_say

REJECTED = "rejected by a reviewer"
OVERRULED = "overruled by a reviewer"


@dataclass(frozen=True)
class Overruling:
    """Whom people accepted and whom they rejected, by id."""

    accepted: frozenset[CandidateId] = frozenset()
    rejected: frozenset[CandidateId] = frozenset()

    @classmethod
    def read(cls, conn: sqlite3.Connection, mode: str) -> Overruling:
        """Read what was said so far.

        :param mode: ``overrule``, or ``advise``: then nobody's word outweighs anything.
        """
        if mode != "overrule":
            return cls()
        said = people_say(conn)
        accepted = frozenset(id_ for id_, balance in said.items() if balance > 0)
        return cls(accepted, frozenset(id_ for id_, balance in said.items() if balance < 0))

    def admissible(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        """Those that nobody rejected."""
        return [candidate for candidate in candidates if candidate.id not in self.rejected]

    def overrule(self, verdicts: Sequence[Verdict]) -> list[Verdict]:
        """A filter's verdicts, with its rejections of accepted candidates taken back; what was measured stays."""
        return [
            replace(verdict, kept=True, reason=f"{verdict.reason}; {OVERRULED}")
            if not verdict.kept and verdict.candidate_id in self.accepted
            else verdict
            for verdict in verdicts
        ]
