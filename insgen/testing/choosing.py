"""Contracts of the stages around the bank: embedders, selectors, exporters, executors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from insgen.bank.bank import Bank
from insgen.hooks import call
from insgen.hooks.live import Live
from insgen.records import Candidate, Member, Selection
from insgen.testing.contract import Contract, Subject, breach
from insgen.testing.judging import for_any_batch
from insgen.testing.samples import distinct, sample_candidates, unit_vectors
from insgen.testing.workshop import Workshop, pool_of


def _embed(live: Live, workshop: Workshop) -> tuple[Any, int]:  # noqa: ARG001 - the shape of an exercise
    texts = [row.instruction for row in sample_candidates(vectors=False)]
    return (call.identity(live), call.embed(live, texts)), len(texts)


def _embed_neighbours(subject: Subject, workshop: Workshop) -> str:
    """The other texts of a batch move a vector by no more than rounding."""
    import numpy as np

    live, texts = subject.live(workshop), [row.instruction for row in sample_candidates(vectors=False)]
    together, alone = call.embed(live, texts), np.concatenate([call.embed(live, [text]) for text in texts])
    moved = float(np.abs(together - alone).max())
    if moved > 1e-4:
        raise breach(live, f"a vector moves by {moved:.2g} with the other texts of its batch", "at most 1e-4")
    return f"moved by {moved:.1g}"


def _embed_odd(subject: Subject, workshop: Workshop) -> None:
    live = subject.live(workshop)
    call.embed(live, [])
    call.embed(live, ["", " ", "\n", "\u0000", "🙂" * 600])


def _select(live: Live, workshop: Workshop) -> tuple[Any, int]:
    rows = sample_candidates(outputs=True)
    bank = workshop.bank(members=rows[:4])
    first = _chosen(live, rows[:6], 0, 4, bank)
    by_id = {row.id: row for row in rows}
    members = [by_id[place.candidate_id] for place in first.ranking]
    later = [*members, *rows[6:]]
    return [first, _chosen(live, later, len(members), 5, bank, first.state)], 6 + len(later)


def _chosen(live: Live, rows: Sequence[Candidate], n_members: int, size: int, bank: Bank, state: str = "") -> Selection:
    return call.select(live, pool_of(rows, n_members), size, bank, Random(11), state)  # noqa: S311 - reproducible


def _select_sizes(subject: Subject, workshop: Workshop) -> None:
    rows, bank = sample_candidates(outputs=True), workshop.bank()
    for size in (0, 1, len(rows), len(rows) + 5):
        chosen = _chosen(subject.live(workshop), rows, 0, size, bank)
        if len(chosen.ranking) != min(size, len(rows)):
            raise breach(subject, f"it chose {len(chosen.ranking)} of {len(rows)}, size {size}", "as many as fit")


def _select_alike(subject: Subject, workshop: Workshop) -> None:
    """All vectors the same, then all qualities, then both."""
    rows, bank = sample_candidates(outputs=True), workshop.bank()
    one = unit_vectors(["one"])[0]
    for pool in (
        [row.embedded(one) for row in rows],
        [row.judged(0.5) for row in rows],
        [row.embedded(one).judged(0.5) for row in rows],
    ):
        _chosen(subject.live(workshop), pool, 0, 4, bank)


def _select_any(subject: Subject, workshop: Workshop) -> None:
    bank, live = workshop.bank(), subject.live(workshop)

    def any_pool(batch: list[Candidate]) -> None:
        if batch:
            _chosen(live, batch, 0, 3, bank)

    for_any_batch(any_pool)


def _members() -> list[Member]:
    rows = distinct(sample_candidates(outputs=True))
    return [Member(row, rank, 1.0 / rank, 0.5, -float(rank)) for rank, row in enumerate(rows, start=1)]


def _export(live: Live, workshop: Workshop) -> tuple[Any, int]:
    members = _members()
    path = _written(live, members, workshop.folder)
    return path.read_bytes(), len(members)


def _written(live: Live, members: Sequence[Member], folder: Path) -> Path:
    path = folder / f"export{live.stage.suffix}"
    told = live.stage.export(iter(members), path)
    if told != len(members):
        raise breach(live, f"it says it wrote {told} of {len(members)} members", "how many were written")
    if not path.is_file():
        raise breach(live, f"it wrote no file {path.name}", "one file at the path given")
    return path


def _export_none(subject: Subject, workshop: Workshop) -> None:
    _written(subject.live(workshop), [], workshop.folder)


def _map(live: Live, workshop: Workshop) -> tuple[Any, int]:  # noqa: ARG001 - the shape of an exercise
    batches = [["a"], ["bb", "cc"], []]
    made = list(call.map_batches(live, len, batches))
    if made != [1, 2, 0]:
        raise breach(live, f"it gave {made} for batches of 1, 2 and 0", "results in the order of the batches")
    return made, len(batches)


EMBEDDER = Contract(
    _embed,
    (
        ("a vector does not depend on its batch", _embed_neighbours),
        ("no texts, empty texts and long texts are embedded", _embed_odd),
    ),
)
SELECTOR = Contract(
    _select,
    (
        ("it fills the size as far as there are candidates", _select_sizes),
        ("candidates that are all alike are ranked", _select_alike),
        ("any pool is ranked", _select_any),
    ),
)
EXPORTER = Contract(_export, (("no members, an empty file", _export_none),))
EXECUTOR = Contract(_map)
