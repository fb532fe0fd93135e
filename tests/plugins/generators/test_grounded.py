from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.generating import context, prompt

from insgen import ConfigError, Generated, StageError
from insgen.bank.bank import Bank
from insgen.plugins.generators._passages import cut_passages
from insgen.plugins.generators._reading import Source, read_source
from insgen.plugins.generators.grounded import GroundedGenerator

MakeBank = Callable[..., Bank]


def words(n: int, word: str = "word") -> str:
    return " ".join(f"{word}{number}" for number in range(n))


SETUP = f"{words(50, 'setup')}\n\n{words(45, 'more')}"
GUIDE = f"# Guide\n\n{words(60, 'intro')}\n\n## Install\n\n{SETUP}\n\n## Note\n\nToo short.\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "guide.md").write_text(GUIDE)
    return tmp_path


def play(bank: Bank, project: Path, position: str = "", **options: object) -> Generated:
    limit = options.pop("limit", 100)
    generator = GroundedGenerator(**options)  # type: ignore[arg-type]  # options by name
    return generator.generate(context(bank, project, position=position, limit=limit))  # type: ignore[arg-type]


def test_passages_end_at_headings_and_name_their_lines(make_bank: MakeBank, project: Path) -> None:
    made = play(make_bank(), project)
    assert made.exhausted
    by_source = {request.source: prompt(request) for request in made.requests}
    assert set(by_source) == {"docs/guide.md#L1-L3", "docs/guide.md#L5-L9"}
    lines = GUIDE.split("\n")
    assert "\n".join(lines[4:9]) in by_source["docs/guide.md#L5-L9"]
    assert re.search(r"stands: Guide\n", by_source["docs/guide.md#L5-L9"])
    assert "Too short" not in "".join(by_source.values())


def test_every_passage_is_asked_about_once_over_the_rounds(make_bank: MakeBank, project: Path) -> None:
    (project / "docs" / "long.txt").write_text("\n\n".join(words(200, f"p{number}x") for number in range(7)))
    bank, position, asked = make_bank(), "", []
    for _ in range(20):
        made = play(bank, project, position, limit=6, questions=3)
        assert len(made.requests) <= 2
        asked += [request.source for request in made.requests]
        position = made.position
        if made.exhausted:
            break
    assert made.exhausted
    assert len(asked) == len(set(asked)) == 9
    assert play(bank, project, position).requests == ()


def test_changed_document_begins_the_walk_again(make_bank: MakeBank, project: Path) -> None:
    bank = make_bank()
    done = play(bank, project).position
    (project / "docs" / "guide.md").write_text(GUIDE.replace("setup3", "changed"))
    assert len(play(bank, project, done).requests) == 2


def test_question_count_domain_and_schema_reach_the_model(make_bank: MakeBank, project: Path) -> None:
    generator = GroundedGenerator(questions=4, structured=True)
    request = generator.generate(context(make_bank(), project, domain="Kubernetes", language="nl")).requests[0]
    assert "Write up to 4 questions" in prompt(request)
    assert "Kubernetes" in prompt(request)
    assert "Dutch" in prompt(request)
    assert request.format == "json"
    schema = request.params["response_format"]["json_schema"]
    assert schema["strict"] is True
    assert schema["schema"]["properties"]["pairs"]["items"]["required"] == ["question", "answer"]
    assert "response_format" not in play(make_bank(), project).requests[0].params


def test_unreadable_file_is_named_once(make_bank: MakeBank, project: Path) -> None:
    (project / "docs" / "bad.txt").write_bytes(b"\xff\xfe\x00")
    bank = make_bank()
    first = play(bank, project, limit=3)
    assert [each.source for each in first.unreadable] == ["docs/bad.txt"]
    assert play(bank, project, first.position, limit=3).unreadable == ()


def test_missing_documents_are_said(make_bank: MakeBank, tmp_path: Path) -> None:
    with pytest.raises(StageError, match='generator "grounded" finds nothing at "docs"'):
        play(make_bank(), tmp_path)


@pytest.mark.parametrize("options", [{"questions": 0}, {"min_words": 50, "max_words": 40}, {"paths": ()}])
def test_options_out_of_range_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        GroundedGenerator(**options)  # type: ignore[arg-type]  # options by name


lines = st.lists(
    st.sampled_from(["# Top", "## Sub", "", "one two three", words(12), words(30), "- a b\n- c d", "```\nx y z\n```"]),
    min_size=1,
    max_size=40,
)


@given(lines, st.integers(1, 10), st.integers(10, 40))
def test_passages_are_the_very_lines_in_order_and_within_their_length(
    given: list[str], min_words: int, max_words: int
) -> None:
    text = "\n".join(given)
    documents, _ = read_source(Source("a.md", ".md", text.encode()))
    last = 0
    for document in documents:
        for passage in cut_passages(document, min_words, max_words):
            found = re.fullmatch(r"a\.md#L(\d+)-L(\d+)", passage.source)
            assert found
            first, end = int(found[1]), int(found[2])
            assert last < first <= end
            assert "\n".join(text.split("\n")[first - 1 : end]).strip() == passage.text
            assert min_words <= len(passage.text.split())
            assert len(passage.text.split()) <= max(max_words, 30) + 4  # a longer line stays whole; fences count too
            last = end
