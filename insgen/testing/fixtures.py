"""pytest fixtures for plugin authors: name this module in `pytest_plugins`."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from insgen.bank.bank import Bank
from insgen.records import Candidate
from insgen.store.database import Store, open_store
from insgen.testing.llm_server import LlmServer
from insgen.testing.workshop import Workshop


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    """Everything a stage is handed; see `insgen.testing.Workshop`."""
    with Workshop(tmp_path) as made:
        yield made


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A real database in a file of its own."""
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
def make_bank(workshop: Workshop) -> Callable[..., Bank]:
    """Build a bank on a database of its own; members are kept too, in rank order, before the others."""
    return workshop.bank


@pytest.fixture
def llm_server() -> Iterator[LlmServer]:
    """An OpenAI-compatible server on 127.0.0.1; see `insgen.testing.llm_server` for its answers and faults."""
    with LlmServer() as server:
        yield server
