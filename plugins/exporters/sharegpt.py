"""The ShareGPT format: JSON Lines of ``id``, ``system`` and ``conversations`` of ``{"from", "value"}``.

``from`` is ``human`` or ``gpt``. The system message has a key of its own, always there (empty when there is none), so
that every row has the same shape. Instruction and input become one human message. Nothing is lost but the line between
those two. Costs one pass and no memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from insgen import Candidate, Exporter, Member, hookimpl

from ._jsonl import conversation, write_rows

_SPEAKERS = {"user": "human", "assistant": "gpt"}


@dataclass(frozen=True)
class ShareGptExporter:
    """Writes whole conversations with ShareGPT's words, one JSON object a line."""

    name: ClassVar[str] = "sharegpt"
    suffix: ClassVar[str] = ".jsonl"
    loses: ClassVar[Sequence[str]] = ()

    def export(self, members: Iterable[Member], path: Path) -> int:
        """Write members in the order given.

        :returns: how many.
        """
        return write_rows(members, path, _row)


def _row(candidate: Candidate) -> Mapping[str, object]:
    said = [{"from": _SPEAKERS.get(role, role), "value": content} for role, content in conversation(candidate)]
    return {"system": candidate.system, "conversations": said}


@hookimpl
def insgen_exporters() -> Sequence[type[Exporter]]:
    """Offer the exporter."""
    return [ShareGptExporter]
