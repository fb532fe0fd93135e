from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from support.generating import context, kept_tasks, prompt, requests, seed_tasks

from insgen import ConfigError, StageError, content_hash
from insgen.bank.bank import Bank
from insgen.plugins.generators.self_instruct import SelfInstructGenerator

MakeBank = Callable[..., Bank]


def listed(text: str) -> list[str]:
    """The numbered lines of a prompt that hold a task."""
    return re.findall(r"^\d+\. (\w+ task number \d+)", text, re.MULTILINE)


def numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"^(\d+)\.", text, re.MULTILINE)]


@pytest.mark.parametrize(("n_kept", "machine"), [(0, 0), (1, 1), (2, 2), (40, 2)])
@pytest.mark.parametrize("variant", ["default", "paper"])
def test_eight_examples_are_two_of_the_machine_and_the_rest_seeds(
    make_bank: MakeBank, tmp_path: Path, n_kept: int, machine: int, variant: str
) -> None:
    bank = make_bank(kept=kept_tasks(n_kept), seeds=seed_tasks(20))
    for request in requests(SelfInstructGenerator(variant=variant), context(bank, tmp_path)):  # type: ignore[arg-type]
        shown = listed(prompt(request))
        assert len(shown) == len(set(shown)) == 8
        assert sum(text.startswith("Machine") for text in shown) == machine
        ids = {seed.id: seed.instruction for seed in bank.seeds()}
        assert {ids[id_].rstrip(":") for id_ in request.seed_ids} == {text for text in shown if text[0] == "S"}


def test_machine_examples_are_shuffled_among_the_seeds_and_drawn_anew(make_bank: MakeBank, tmp_path: Path) -> None:
    bank = make_bank(kept=kept_tasks(40), seeds=seed_tasks(20))
    shown = [listed(prompt(each)) for each in requests(SelfInstructGenerator(), context(bank, tmp_path, limit=400))]
    places = {place for texts in shown for place, text in enumerate(texts) if text.startswith("Machine")}
    assert places == set(range(8))
    assert len({tuple(texts) for texts in shown}) == len(shown) == 50


def test_paper_variant_leaves_the_ninth_number_open_and_decodes_as_published(
    make_bank: MakeBank, tmp_path: Path
) -> None:
    bank = make_bank(kept=kept_tasks(5), seeds=seed_tasks(20))
    request = requests(SelfInstructGenerator(variant="paper"), context(bank, tmp_path, domain="tides"))[0]
    text = prompt(request)
    assert text.endswith("\n9.")
    assert numbers(text) == list(range(1, 10))
    assert ":\n" not in text.split("\n", 1)[1]  # colons at the ends of examples are stripped
    assert "tides" not in text
    assert request.format == "numbered-paper"
    assert request.params == {
        "temperature": 0.7,
        "top_p": 0.5,
        "frequency_penalty": 0,
        "presence_penalty": 2,
        "max_tokens": 1024,
        "stop": ["\n\n", "\n16", "16.", "16 ."],
    }


@pytest.mark.parametrize(
    ("options", "limit", "n"),
    [
        ({}, 100, 13),
        ({}, 1, 1),
        ({"per_call": 5}, 100, 20),
        ({"calls": 4}, 100, 4),
        ({"calls": 40}, 100, 13),
        ({"variant": "paper"}, 100, 15),  # 7 tasks a call, numbers 9 to 15
    ],
)
def test_round_has_as_many_calls_as_its_limit_needs(
    make_bank: MakeBank, tmp_path: Path, options: dict[str, object], limit: int, n: int
) -> None:
    generator = SelfInstructGenerator(**options)  # type: ignore[arg-type]  # options by name
    assert len(requests(generator, context(make_bank(seeds=seed_tasks(9)), tmp_path, limit=limit))) == n


def test_prompt_states_domain_language_and_the_numbers_wanted(make_bank: MakeBank, tmp_path: Path) -> None:
    given = context(make_bank(seeds=seed_tasks(9)), tmp_path, domain="veterinary triage", language="de")
    request = requests(SelfInstructGenerator(), given)[0]
    text = prompt(request)
    assert "veterinary triage" in text
    assert "German" in text
    assert "8 new tasks, numbered 9 to 16" in text
    assert request.format == "numbered"
    assert request.params == {"max_tokens": 1024}


def test_prompt_of_the_project_replaces_the_built_in_one(make_bank: MakeBank, tmp_path: Path) -> None:
    own = "$domain $language $examples $count $first $last"
    (tmp_path / "prompts" / "generate").mkdir(parents=True)
    (tmp_path / "prompts" / "generate" / "self_instruct.md").write_text(own)
    request = requests(SelfInstructGenerator(), context(make_bank(seeds=seed_tasks(9)), tmp_path, domain="tea"))[0]
    assert prompt(request).startswith("tea English 1. Seed task")
    assert request.prompt_hash == content_hash("prompt", own)


def test_few_seeds_make_a_shorter_list(make_bank: MakeBank, tmp_path: Path) -> None:
    request = requests(SelfInstructGenerator(), context(make_bank(seeds=seed_tasks(3)), tmp_path))[0]
    assert "numbered 4 to 11" in prompt(request)


def test_same_round_asks_the_same(make_bank: MakeBank, tmp_path: Path) -> None:
    bank = make_bank(kept=kept_tasks(9), seeds=seed_tasks(9))
    assert requests(SelfInstructGenerator(), context(bank, tmp_path)) == requests(
        SelfInstructGenerator(), context(bank, tmp_path)
    )


def test_nothing_to_show_is_said(make_bank: MakeBank, tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"no example to show[\s\S]*seeds\.jsonl"):
        requests(SelfInstructGenerator(), context(make_bank(), tmp_path))


def test_paper_variant_refuses_other_languages(make_bank: MakeBank, tmp_path: Path) -> None:
    with pytest.raises(StageError, match="English"):
        requests(
            SelfInstructGenerator(variant="paper"), context(make_bank(seeds=seed_tasks(9)), tmp_path, language="de")
        )


@pytest.mark.parametrize(
    "options",
    [
        {"per_call": 0},
        {"examples": 0},
        {"machine": 9},
        {"calls": -1},
        {"variant": "paper", "examples": 15, "machine": 0},
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        SelfInstructGenerator(**options)  # type: ignore[arg-type]  # options by name
