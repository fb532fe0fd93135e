"""A small model, rows it can read, and a pool with a policy over it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.models import save_model

from insgen.training.raising.episode import Table
from insgen.training.raising.policy import Policy, PolicyFacts
from insgen.training.raising.run import class_centres
from insgen.training.raising.state import Scaling


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("models") / "gpt2", kind="gpt2", dropout=0.1)


@pytest.fixture
def policy() -> Policy:
    """An untrained policy over random columns of 60 rows."""
    raw = np.random.default_rng(3).normal(2, 4, (60, 12)).astype(np.float32)
    scaling = Scaling.fit("standard", raw)
    facts = PolicyFacts(8, 16, "standard", "b2:measured-by", "models/small", seed=5, n_rows=60)
    return Policy(facts, scaling, class_centres(scaling.static(raw), 3, 5))


@pytest.fixture
def table(policy: Policy) -> Table:
    raw = np.random.default_rng(3).normal(2, 4, (60, 12)).astype(np.float32)
    ids = tuple(f"b2:{row * 37 % 61:03d}" for row in range(60))
    static = policy.scaling.static(raw)
    return Table(ids, static, policy.scaling, policy.classes(static, ids))
