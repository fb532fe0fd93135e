"""The Alpaca format: JSON Lines of ``id``, ``instruction``, ``input``, ``output`` (Taori et al. 2023, Stanford Alpaca).

It has one question and one answer: later turns and a system message are left out (`messages` and `sharegpt` keep
them). Costs one pass and no memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from insgen import Candidate, Exporter, Member, hookimpl

from ._jsonl import write_rows


@dataclass(frozen=True)
class AlpacaExporter:
    """Writes the Alpaca triple, one JSON object a line."""

    name: ClassVar[str] = "alpaca"
    suffix: ClassVar[str] = ".jsonl"
    loses: ClassVar[Sequence[str]] = ("turns", "system")

    def export(self, members: Iterable[Member], path: Path) -> int:
        """Write members in the order given.

        :returns: how many.
        """
        return write_rows(members, path, _row)


def _row(candidate: Candidate) -> Mapping[str, object]:
    return {"instruction": candidate.instruction, "input": candidate.input, "output": candidate.output}


@hookimpl
def insgen_exporters() -> Sequence[type[Exporter]]:
    """Offer the exporter."""
    return [AlpacaExporter]
