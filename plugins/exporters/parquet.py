"""Parquet with everything that is known about a member: texts, rank, measures and where it came from.

The only format with provenance: ``source``, ``line_start``, ``line_end``, ``licence``, ``generator`` and ``kind`` are
null where they are not known. Nothing is lost. The same members give the same bytes with the same pyarrow.

Costs one pass; memory is that of one row group.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from insgen import ConfigError, Exporter, Member, hookimpl

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow ships no types


@dataclass(frozen=True)
class ParquetExporter:
    """Writes one Parquet file, row group by row group."""

    name: ClassVar[str] = "parquet"
    suffix: ClassVar[str] = ".parquet"
    loses: ClassVar[Sequence[str]] = ()

    #: Rows in a row group, at least 1; all of them are in memory while they are written.
    group_size: int = 10_000

    def __post_init__(self) -> None:
        if self.group_size < 1:
            raise ConfigError(
                f"The exporter parquet has group_size = {self.group_size}.\n"
                "  Expected at least 1 row.\n  Write group_size = 10000."
            )

    def export(self, members: Iterable[Member], path: Path) -> int:
        """Write members in the order given.

        :returns: how many.
        """
        import pyarrow as pa
        from pyarrow import parquet

        schema, n_rows, rest = _schema(), 0, iter(members)
        with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
            while rows := [_row(member) for member in itertools.islice(rest, self.group_size)]:
                writer.write_table(pa.Table.from_pylist(rows, schema=schema))
                n_rows += len(rows)
        return n_rows


def _schema() -> pa.Schema:
    import pyarrow as pa

    turn = pa.struct([("role", pa.string()), ("content", pa.string())])
    texts = ("instruction", "input", "output", "system")
    measures = ("diversity", "quality", "utility")
    known = ("source", "licence", "generator", "kind")
    return pa.schema(
        [
            ("id", pa.string()),
            ("rank", pa.int64()),
            *((name, pa.string()) for name in texts),
            ("turns", pa.list_(turn)),
            *((name, pa.float64()) for name in measures),
            *((name, pa.string()) for name in known),
            ("line_start", pa.int64()),
            ("line_end", pa.int64()),
        ]
    )


def _row(member: Member) -> dict[str, object]:
    candidate, origin = member.candidate, member.candidate.origin
    return {
        "id": candidate.id,
        "rank": member.rank,
        "instruction": candidate.instruction,
        "input": candidate.input,
        "output": candidate.output,
        "system": candidate.system,
        "turns": [{"role": turn.role, "content": turn.content} for turn in candidate.turns],
        "diversity": member.diversity,
        "quality": member.quality,
        "utility": member.utility,
        "source": origin.source,
        "licence": origin.licence,
        "generator": origin.generator or None,
        "kind": origin.kind,
        "line_start": origin.line_start,
        "line_end": origin.line_end,
    }


@hookimpl
def insgen_exporters() -> Sequence[type[Exporter]]:
    """Offer the exporter."""
    return [ParquetExporter]
