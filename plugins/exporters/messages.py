"""The messages format of chat APIs and TRL: JSON Lines of ``id`` and ``messages`` of ``{"role", "content"}``.

A system message, where there is one, comes first. Instruction and input become one user message. Nothing is lost but
the line between those two. Costs one pass and no memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from insgen import Candidate, Exporter, Member, hookimpl

from ._jsonl import conversation, write_rows


@dataclass(frozen=True)
class MessagesExporter:
    """Writes whole conversations as role and content, one JSON object a line."""

    name: ClassVar[str] = "messages"
    suffix: ClassVar[str] = ".jsonl"
    loses: ClassVar[Sequence[str]] = ()

    def export(self, members: Iterable[Member], path: Path) -> int:
        """Write members in the order given.

        :returns: how many.
        """
        return write_rows(members, path, _row)


def _row(candidate: Candidate) -> Mapping[str, object]:
    system = [("system", candidate.system)] if candidate.system else []
    said = [{"role": role, "content": content} for role, content in [*system, *conversation(candidate)]]
    return {"messages": said}


@hookimpl
def insgen_exporters() -> Sequence[type[Exporter]]:
    """Offer the exporter."""
    return [MessagesExporter]
