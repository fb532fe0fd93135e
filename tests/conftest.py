"""Shared fixtures: a real store, a real plugin manager, and builders for candidates and banks."""

from __future__ import annotations

import itertools
import json
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.llm_server import LlmServer

from insgen.bank.bank import Bank
from insgen.bank.seeds import sync_seeds
from insgen.records import Candidate, Ranked
from insgen.store import ledger
from insgen.store.database import Store, open_store
from insgen.store.members import VersionNote

MODEL = "test-model"


def pytest_configure() -> None:
    """Let Ctrl-C be heard: a shell that starts the tests in the background tells them to ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path / "insgen.db")
    yield opened
    opened.close()


@pytest.fixture
def make_candidate() -> Callable[..., Candidate]:
    """Build a candidate; texts differ from call to call unless given."""
    numbers = itertools.count(1)

    def make(**changes: object) -> Candidate:
        number = next(numbers)
        plain = Candidate(f"Explain topic number {number}.", output=f"Topic {number} is explained here in full.")
        return replace(plain, **changes)  # type: ignore[arg-type]  # fields by name

    return make


@pytest.fixture
def make_bank(tmp_path: Path) -> Iterator[Callable[..., Bank]]:
    """Build a bank on a database of its own; members are kept too, in rank order, before the others."""
    stores: list[Store] = []

    def make(
        members: Sequence[Candidate] = (), kept: Sequence[Candidate] = (), seeds: Sequence[Candidate] = ()
    ) -> Bank:
        opened = open_store(tmp_path / f"bank-{len(stores)}.db")
        stores.append(opened)
        everyone = [*members, *kept]
        vectors = {c.id: c.vector for c in everyone if c.vector is not None}
        dimension = len(next(iter(vectors.values()), np.zeros(4)))
        bank = Bank(opened.conn, MODEL, dimension)
        with opened.atomic() as conn:
            ledger.add_proposals(conn, everyone, 1)
            ledger.add_kept(conn, 1, everyone)
            ledger.add_vectors(conn, MODEL, 1, vectors)
            sync_seeds(conn, seeds, 1, "test")
            ranking = [Ranked(c.id, 0.0, c.quality or 0.0, float(-rank)) for rank, c in enumerate(members)]
            if ranking:
                bank.apply(ranking, VersionNote(1, "2026-01-01", "round", "test", "0", MODEL, len(ranking), ""))
        return bank

    yield make
    for opened in stores:
        opened.close()


@pytest.fixture
def make_project(tmp_path: Path) -> Callable[..., Path]:
    """Write a project's folder: its config, and files by their names; rows become JSON Lines."""
    numbers = itertools.count(1)

    def make(toml: str, files: Mapping[str, str | bytes | Sequence[Mapping[str, object]]] | None = None) -> Path:
        folder = tmp_path / f"project-{next(numbers)}"
        for name, content in {"insgen.toml": toml, **(files or {})}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if not isinstance(content, str | bytes):
                content = "".join(json.dumps(row) + "\n" for row in content)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return folder

    return make


@pytest.fixture
def llm_server() -> Iterator[LlmServer]:
    """An OpenAI-compatible server on 127.0.0.1; see `support.llm_server` for its answers and faults."""
    with LlmServer() as server:
        yield server
