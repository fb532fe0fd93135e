"""Plain prompt and completion: JSON Lines of ``id``, ``prompt``, ``completion``, all three texts.

For trainers that know no chat template. Both stay texts in every row, because a column that is a text here and a list
there cannot be loaded; so later turns and a system message are left out (`messages` and `sharegpt` keep them). The
prompt is instruction and input with an empty line between. Costs one pass and no memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from insgen import Candidate, Exporter, Member, hookimpl

from ._jsonl import question, write_rows


@dataclass(frozen=True)
class PromptCompletionExporter:
    """Writes the question and its answer as two texts, one JSON object a line."""

    name: ClassVar[str] = "prompt-completion"
    suffix: ClassVar[str] = ".jsonl"
    loses: ClassVar[Sequence[str]] = ("turns", "system")

    def export(self, members: Iterable[Member], path: Path) -> int:
        """Write members in the order given.

        :returns: how many.
        """
        return write_rows(members, path, _row)


def _row(candidate: Candidate) -> Mapping[str, object]:
    return {"prompt": question(candidate), "completion": candidate.output}


@hookimpl
def insgen_exporters() -> Sequence[type[Exporter]]:
    """Offer the exporter."""
    return [PromptCompletionExporter]
