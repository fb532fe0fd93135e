"""Prompt files: the project's own first; a missing or unused variable is an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from insgen.errors import StageError
from insgen.models.templates import PromptFiles


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "prompts" / "generate").mkdir(parents=True)
    (tmp_path / "prompts" / "generate" / "mine.md").write_text(
        'Write {"n": $n} tasks about ${domain}; they cost $$5.\n', encoding="utf-8"
    )
    return tmp_path


def test_variables_are_filled_in_and_braces_stay(project: Path) -> None:
    text = PromptFiles(project).render("generate/mine", n="3", domain="ma\u00dfe {x} $n \\1")
    assert text == 'Write {"n": 3} tasks about ma\u00dfe {x} $n \\1; they cost $5.\n'


@pytest.mark.parametrize(
    ("variables", "parts"),
    [
        ({"n": "3"}, ("lacks a value for $domain", "Expected exactly: $n")),
        ({"n": "3", "domain": "x", "mood": "y"}, ("does not use $mood",)),
        ({}, ("lacks a value for $domain, $n", "no variable")),
    ],
)
def test_variables_must_fit_exactly(project: Path, variables: dict[str, str], parts: tuple[str, ...]) -> None:
    with pytest.raises(StageError) as caught:
        PromptFiles(project).render("generate/mine", **variables)
    for part in ('The prompt "generate/mine"', "Mend prompts/generate/mine.md", *parts):
        assert part in str(caught.value)


def test_a_prompt_that_does_not_exist_is_named_with_the_place_to_write_it(project: Path) -> None:
    for ask in (PromptFiles(project).render, PromptFiles(project).hash):
        with pytest.raises(StageError) as caught:
            ask("generate/none")
        for part in ('There is no prompt "generate/none"', str(project / "prompts" / "generate" / "none.md")):
            assert part in str(caught.value)


def test_the_hash_follows_the_text(project: Path) -> None:
    prompts, file = PromptFiles(project), project / "prompts" / "generate" / "mine.md"
    before = prompts.hash("generate/mine")
    assert before.startswith("b2:")
    assert prompts.hash("generate/mine") == before
    file.write_text("Another text.\n", encoding="utf-8")
    assert prompts.hash("generate/mine") != before
