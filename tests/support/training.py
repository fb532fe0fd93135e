"""The worked example G4 of a feedback window: ten steps of four instructions, each made with one of four seeds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np

from insgen import Candidate, CandidateId, Origin, SeedContext, SeedPolicy, SeedUpdate, Signal, TrainingStep
from insgen.bank.bank import Bank
from insgen.bank.seeds import apply_changes, dropped_ids, sync_seeds
from insgen.feedback import signal_line, step_line
from insgen.plugins.seed_policies.sedi import SediPolicy
from insgen.store import feedback, ledger, proposals
from insgen.store.database import Store

MODEL = "test-model"
NORMS = (1.9, 2.4, 1.1, 0.8, 3.2, 2.2, 1.5, 0.9, 2.8, 1.7)
SEEDS_OF_BATCHES = ("1123", "1224", "3334", "3344", "2211", "2143", "1342", "3443", "2121", "1423")
CREDIT = {1: 2.36, 2: 2.41, 3: 1.272727, 4: 1.366667}
SEEDS = [Candidate(f"Seed task {n}.", output=f"Answer {n}.") for n in (1, 2, 3, 4)]


def unit(*numbers: float) -> np.ndarray:
    vector = np.array(numbers, dtype=np.float32)
    return vector / np.linalg.norm(vector)


def instruction(step: int, place: int, seeds: Sequence[Candidate]) -> Candidate:
    """One executed instruction; in a batch, later ones point farther away from all seeds."""
    text = f"Instruction {place} of batch {step}."
    origin = Origin("test", seed_ids=tuple(seed.id for seed in seeds))
    vector = unit(1, 0.01 * step, 0.2 * place, 0)
    return Candidate(text, output="Done.", origin=origin, vector=vector, quality=0.2 * place)


BATCHES = [
    [instruction(step, place, [SEEDS[int(seed) - 1]]) for place, seed in enumerate(seeds, start=1)]
    for step, seeds in enumerate(SEEDS_OF_BATCHES, start=1)
]


def steps(
    run_id: str = "run-1", norms: Sequence[float] = NORMS, first: int = 1, **changes: object
) -> list[TrainingStep]:
    """The window's steps, two micro-batches each; with another first number they are later steps of the training."""
    made = []
    for number, norm in enumerate(norms, start=first):
        ids = [candidate.id for candidate in BATCHES[(number - 1) % len(BATCHES)]]
        step = TrainingStep(
            run_id, number, (tuple(ids[:2]), tuple(ids[2:])), float(number), 1, 2.0, norm, "pre_clip", 1.0
        )
        made.append(replace(step, **changes))  # type: ignore[arg-type]  # fields by name
    return made


def fill(store: Store, extra: Sequence[Candidate] = ()) -> Bank:
    """A store with the seeds and every instruction kept."""
    everyone = [*(candidate for batch in BATCHES for candidate in batch), *extra]
    vectors = {candidate.id: candidate.vector for candidate in everyone}
    vectors |= {seed.id: unit(1, 0.1 * n, 0, 0) for n, seed in enumerate(SEEDS)}
    with store.atomic() as conn:
        proposals.add_proposals(conn, everyone, 1)
        ledger.add_kept(conn, 1, everyone)
        ledger.add_vectors(conn, MODEL, 1, vectors)  # type: ignore[arg-type]  # each has its vector
        sync_seeds(conn, SEEDS, 0, "test")
    return Bank(store.conn, MODEL, 4)


def add(store: Store, records: Iterable[TrainingStep | Signal]) -> None:
    with store.atomic() as conn:
        for record in records:
            if isinstance(record, TrainingStep):
                feedback.add_step(conn, record)
            else:
                feedback.add_signal(conn, 1, "0", record)


def taught(store: Store, records: Iterable[TrainingStep | Signal]) -> tuple[Bank, SediPolicy]:
    """A bank with its feedback, and the policy as it is by default."""
    bank = fill(store)
    add(store, records)
    return bank, SediPolicy()


def ask(store: Store, bank: Bank, policy: SeedPolicy, state: str = "") -> SeedUpdate:
    """Ask a policy what to change; nothing is stored."""
    view = feedback.StoredFeedback(store.conn)
    return policy.update(SeedContext(2, bank.seeds(), dropped_ids(store.conn), view, bank, state, Random(1)))


def follow(store: Store, bank: Bank, policy: SeedPolicy, state: str = "") -> SeedUpdate:
    """Ask a policy what to change, and do it."""
    made = ask(store, bank, policy, state)
    with store.atomic() as conn:
        apply_changes(conn, 2, made.changes)
    return made


def log_file(path: Path, records: Iterable[TrainingStep | Signal]) -> Path:
    """Write records as a trainer does."""
    lines = (step_line(each) if isinstance(each, TrainingStep) else signal_line(each) for each in records)
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def events(update: SeedUpdate) -> list[tuple[str, CandidateId | str]]:
    return [(change.event, change.seed.id) for change in update.changes]


def figures(update: SeedUpdate) -> str:
    """Everything a policy said, as a text, to compare two updates byte for byte."""
    return json.dumps([[c.event, c.seed.id, c.reason, dict(c.evidence)] for c in update.changes]) + update.state
