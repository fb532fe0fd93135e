from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from support.generating import context, kept_tasks, prompt, requests, seed_tasks

from insgen import ConfigError, StageError
from insgen.bank.bank import Bank
from insgen.plugins.generators.evol import EvolGenerator

MakeBank = Callable[..., Bank]
OPERATIONS = ("constraints", "deepen", "concrete", "reasoning", "input", "broaden")


def parents(text: str) -> list[str]:
    return re.findall(r"^\d+\. (\w+ task number \d+)", text, re.MULTILINE)


def test_each_call_shows_different_parents_and_asks_for_as_many(make_bank: MakeBank, tmp_path: Path) -> None:
    made = requests(EvolGenerator(), context(make_bank(kept=kept_tasks(30), seeds=seed_tasks(9)), tmp_path))
    assert len(made) == 20
    for request in made:
        assert len(set(parents(prompt(request)))) == 5
        assert "Write 5 tasks" in prompt(request)
        assert request.format == "numbered"
        assert len(request.seed_ids) == sum(name.startswith("Seed") for name in parents(prompt(request)))
    assert len({tuple(parents(prompt(request))) for request in made}) == 20


@pytest.mark.parametrize(("given", "word"), [("seeds", "Seed"), ("kept", "Machine")])
def test_parents_come_from_where_they_are_asked_for(make_bank: MakeBank, tmp_path: Path, given: str, word: str) -> None:
    bank = make_bank(kept=kept_tasks(30), seeds=seed_tasks(9))
    made = requests(EvolGenerator(parents=given), context(bank, tmp_path))  # type: ignore[arg-type]  # a Literal
    assert {name.split()[0] for request in made for name in parents(prompt(request))} == {word}


def test_all_six_operations_are_drawn_and_differ(make_bank: MakeBank, tmp_path: Path) -> None:
    given = context(make_bank(seeds=seed_tasks(9)), tmp_path, limit=500)
    heads = {prompt(request).split("Field of the tasks")[0] for request in requests(EvolGenerator(), given)}
    assert len(heads) == 6


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operation_can_be_chosen(make_bank: MakeBank, tmp_path: Path, operation: str) -> None:
    given = context(make_bank(seeds=seed_tasks(9)), tmp_path, limit=50, domain="sailing", language="es")
    made = requests(EvolGenerator(operations=(operation,)), given)
    assert len({prompt(request).split("Field of the tasks")[0] for request in made}) == 1
    assert all("sailing" in prompt(request) and "Spanish" in prompt(request) for request in made)


def test_parent_brings_its_input(make_bank: MakeBank, tmp_path: Path) -> None:
    text = prompt(requests(EvolGenerator(), context(make_bank(seeds=seed_tasks(1)), tmp_path, limit=1))[0])
    assert "1. Seed task number 1: input 1" in text
    assert "Write 1 tasks" in text


def test_without_parents_it_waits_for_one_round_and_then_says_so(make_bank: MakeBank, tmp_path: Path) -> None:
    first = EvolGenerator().generate(context(make_bank(), tmp_path))
    assert first.requests == ()
    assert first.position
    with pytest.raises(StageError, match="no task to evolve"):
        EvolGenerator().generate(context(make_bank(), tmp_path, round=2, position=first.position))


@pytest.mark.parametrize("options", [{"operations": ()}, {"operations": ("harder",)}, {"per_call": 0}])
def test_options_out_of_range_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        EvolGenerator(**options)  # type: ignore[arg-type]  # options by name
