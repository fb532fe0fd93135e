"""Puts the bank into a file: whole or not at all, with its dataset card beside it.

Flows in: members in rank order and an exporter, which alone knows the format. Flows out: the file, its card, and a
summary that tells what the format could not carry. Cutting them to a budget is the business of `report/budget.py`.

The card of ``bank.jsonl`` is ``bank.jsonl.README.md``, named after the whole file name so that exports of several
formats stand side by side in one folder; on the Hugging Face Hub it becomes the data set's ``README.md``.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Protocol

from insgen.errors import InsgenError, PluginError
from insgen.records import Member
from insgen.report.budget import Cut, CutNote
from insgen.report.card import CardFacts, Exported, SourceCount, card_text


class RankedWriter(Protocol):
    """What is needed of an exporter here; see `insgen.Exporter`."""

    @property
    def name(self) -> str: ...  # noqa: D102 - as in Exporter

    @property
    def suffix(self) -> str: ...  # noqa: D102 - as in Exporter

    @property
    def loses(self) -> Sequence[str]: ...  # noqa: D102 - as in Exporter

    def export(self, members: Iterable[Member], path: Path) -> int: ...  # noqa: D102 - as in Exporter


@dataclass(frozen=True)
class ExportSummary:
    """What was written, and where."""

    path: Path
    card: Path
    exported: Exported

    def losses(self) -> list[str]:
        """Tell what is not in the file, one sentence each; empty when everything is."""
        what, n_all = self.exported, f"{self.exported.n_members:,}"
        told = [
            (what.n_turns_lost, f"lost the later turns of their conversation: {what.format} cannot carry them"),
            (what.n_system_lost, f"lost their system message: {what.format} cannot carry it"),
            (what.n_unanswered, "have no answer: nothing in the config gave them one"),
        ]
        return [f"{n:,} of {n_all} members {sentence}." for n, sentence in told if n]


@dataclass
class _Tally:
    """Counts members as they stream by."""

    n_members: int = 0
    n_turns: int = 0
    n_system: int = 0
    n_unanswered: int = 0
    sources: Counter[tuple[str | None, str | None]] = field(default_factory=Counter)

    def watch(self, members: Iterable[Member]) -> Iterator[Member]:
        for member in members:
            candidate = member.candidate
            self.n_members += 1
            self.n_turns += bool(candidate.turns)
            self.n_system += bool(candidate.system)
            self.n_unanswered += not candidate.output
            self.sources[candidate.origin.source or candidate.origin.generator or None, candidate.origin.licence] += 1
            yield member

    def exported(self, exporter: RankedWriter, file_name: str) -> Exported:
        counts = [SourceCount(source, licence, n) for (source, licence), n in self.sources.items()]
        return Exported(
            file_name=file_name,
            format=exporter.name,
            suffix=exporter.suffix,
            n_members=self.n_members,
            sources=tuple(sorted(counts, key=lambda each: (-each.n_members, each.source or "", each.licence or ""))),
            n_turns_lost=self.n_turns if "turns" in exporter.loses else 0,
            n_system_lost=self.n_system if "system" in exporter.loses else 0,
            n_unanswered=self.n_unanswered,
        )


def card_path(path: Path) -> Path:
    """Say where the card of an export stands."""
    return path.with_name(f"{path.name}.README.md")


def export_bank(
    members: Iterable[Member], exporter: RankedWriter, path: Path, facts: CardFacts, *, force: bool = False
) -> ExportSummary:
    """Write members to a file, and its card.

    Both are written beside their place and moved there once they are complete; an export that is killed before leaves
    what was there.

    :param members: in rank order; may be longer than memory.
    :param path: the file; its folder must exist. A link is followed.
    :param facts: everything for the card but `CardFacts.exported`.
    :param force: replace a file and a card that are there.
    :raises InsgenError: there is no member, or none fits `CardFacts.cut`; the place is taken, is no plain file, or
        cannot be written.
    :raises PluginError: the exporter says that it wrote another number of members than it was given.
    """
    target = Path(os.path.realpath(path))
    card = card_path(target)
    for place in (target, card):
        _check_place(place, force)
    stream = iter(members)
    first = next(stream, None)
    if first is None:
        raise _nothing(path, facts.cut)
    tally, parts = _Tally(), (_part(target), _part(card))
    try:
        n_written = exporter.export(tally.watch(chain([first], stream)), parts[0])
        _check_count(exporter, n_written, tally.n_members)
        exported = tally.exported(exporter, target.name)
        parts[1].write_text(card_text(replace(facts, exported=exported)), encoding="utf-8", newline="\n")
        parts[0].replace(target)
        parts[1].replace(card)
    except OSError as error:
        raise InsgenError(
            f"{path} could not be written: {error}.\n"
            "  Expected a folder that can be written to, with room for the file.\n"
            "  Choose another place, or mend that."
        ) from error
    finally:
        for part in parts:
            part.unlink(missing_ok=True)
    return ExportSummary(target, card, exported)


def _nothing(path: Path, note: CutNote | None) -> InsgenError:
    """Say why there is no row to write."""
    if note is None or note.cut == Cut():
        return InsgenError(
            f"There is nothing to export to {path}: the bank has no members.\n"
            "  Expected at least one.\n"
            "  `insgen run` fills the bank; `insgen status` tells what became of its candidates."
        )
    reasons = [*note.remarks()]
    if note.cut.next_tokens is not None:
        reasons.append(f"the first row that could stay has {note.cut.next_tokens:,} tokens in its replies")
    return InsgenError(
        f"There is nothing to export to {path}: no row fits {', '.join(note.limits())} ({'; '.join(reasons)}).\n"
        "  Expected a budget for one row at least.\n  Choose a larger one."
    )


def _part(place: Path) -> Path:
    return place.with_name(f".{place.name}.{os.getpid()}.part")


def _check_place(place: Path, force: bool) -> None:
    if place.is_dir():
        raise InsgenError(
            f"{place} is a folder.\n  Expected the name of a file.\n"
            f"  Write one behind it, such as {place / 'bank.jsonl'}."
        )
    if not place.parent.is_dir():
        raise InsgenError(
            f"The folder {place.parent} does not exist.\n  Expected a folder for {place.name}.\n"
            "  Make it, or choose another place."
        )
    if place.exists() and not place.is_file():
        raise InsgenError(
            f"{place} is no plain file (a device, a pipe or a socket).\n  Expected a file that can be replaced.\n"
            "  Choose another place."
        )
    if place.exists() and not force:
        raise InsgenError(
            f"{place} is there already.\n  Expected a new name, so that nothing is lost.\n"
            "  Choose another name, or add --force to replace it."
        )


def _check_count(exporter: RankedWriter, n_written: int, n_members: int) -> None:
    if n_written != n_members:
        raise PluginError(
            f'The exporter "{exporter.name}" says that it wrote {n_written} members; it was given {n_members}.\n'
            "  Expected every member to be written, and counted.\n  This is a fault of the plugin; tell its author."
        )
