"""Refusals and disclaimers: drops rows in which a language model declines or speaks of itself as one.

Method: wordings, as the data sets built on ChatGPT's answers were cleaned with; which they are stands in
`insgen.declined` (how an answer begins) and `insgen.speaks_as_model` (anywhere), for English, German, French, Spanish,
Portuguese, Danish and Chinese. Costs a few microseconds per candidate. Put it first: what it drops is never embedded.

It finds what it knows and nothing else. A text that quotes such words is dropped too: use `fields` to look at the
instruction or the output alone. Answers that the responder `llm` buys come after the filters; it looks itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from insgen import BankView, Candidate, ConfigError, Filter, Verdict, declined, hookimpl, speaks_as_model


@dataclass(frozen=True)
class RefusalFilter:
    """Keeps a candidate whose texts show no sign of a model declining."""

    name: ClassVar[str] = "refusal"
    needs_vectors: ClassVar[bool] = False

    #: Which texts are looked at; an output that is still empty is passed over.
    fields: tuple[Literal["instruction", "input", "output"], ...] = ("instruction", "output")

    def __post_init__(self) -> None:
        if not self.fields:
            raise ConfigError(
                "The filter refusal has fields = [].\n  Expected some of instruction, input and output.\n"
                "  Name one, or take the filter out."
            )

    def filter(self, candidates: Sequence[Candidate], bank: BankView) -> Sequence[Verdict]:  # noqa: ARG002  # the contract
        """Judge each candidate on its own."""
        return [self._judge(candidate) for candidate in candidates]

    def _judge(self, candidate: Candidate) -> Verdict:
        for field in self.fields:
            text = getattr(candidate, field)
            if words := declined(text):
                return Verdict(candidate.id, False, f'{field} begins "{words}"', reason=f"refusal in the {field}")
            if words := speaks_as_model(text):
                return Verdict(candidate.id, False, f'{field} says "{words}"', reason=f"disclaimer in the {field}")
        return Verdict(candidate.id, True, "wordings of refusals")


@hookimpl
def insgen_filters() -> Sequence[type[Filter]]:
    """Offer the filter `refusal`."""
    return [RefusalFilter]
