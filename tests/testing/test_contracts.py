"""Every offered stage, built-in or installed, keeps the contract of its kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.models import save_model

from insgen import PolicyPlan, learn_policy
from insgen.hooks.manager import KINDS, load_plugins
from insgen.testing import Check, Subject, Workshop, checks_of
from insgen.testing.samples import sample_candidates

OPTIONS: dict[str, dict[str, Any]] = {
    "generator dataset": {"paths": ["rows.jsonl"]},
    "generator documents": {"paths": ["docs"]},
    "generator grounded": {"paths": ["docs"]},
    "filter decontamination": {"paths": ["rows.jsonl"]},
    "selector raise": {"policy": "policy", "device": "cpu"},
    "feedback source training-log": {"path": "missing.jsonl"},
    "embedder target_model": {"path": "model"},
}
"""What stages are made with that do not work without being told something."""


def _subjects() -> list[Subject]:
    offers = [offer for offer in load_plugins().offers if offer.kind in KINDS]
    return [Subject(o.cls, o.kind, OPTIONS.get(f"{o.kind} {o.name}", {}), o.plugin, o.version) for o in offers]


@pytest.mark.parametrize("check", [check for subject in _subjects() for check in checks_of(subject)], ids=str)
def test_contract(check: Check, tmp_path: Path) -> None:
    with Workshop(tmp_path) as workshop:
        _test(check, workshop)


def _test(check: Check, workshop: Workshop) -> None:
    (workshop.folder / "docs").mkdir()
    (workshop.folder / "docs" / "guide.md").write_text(
        "# Guide\n\n## How to sort\n\n1. Take a list.\n2. Call sort().\n"
    )
    if "target_model" in str(check):
        save_model(workshop.folder / "model")
    if "selector raise" in str(check):
        plan = PolicyPlan(rounds=0, batch=2, device="cpu")
        learn_policy(sample_candidates(vectors=False, outputs=True), workshop.folder / "policy", plan)
    (workshop.folder / "rows.jsonl").write_text('{"instruction": "Name a colour.", "output": "Red."}\n' * 2)
    check(workshop)
