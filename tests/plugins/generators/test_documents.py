"""The worked document, and what the loop relies on: order, limit, position."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from support.documents import context, generate

from insgen import Candidate, StageError
from insgen.plugins.generators.documents import DocumentsGenerator

WORKED = Path(__file__).parents[2] / "data" / "documents" / "espresso.md"

SECTION = """Limescale narrows the boiler's pipes and makes the water cooler than the display says. In a town with
hard water the machine needs descaling every three months."""
LIST_OF_STEPS = """1. Empty the water tank and take out the filter.
2. Fill the tank with one litre of water and 25 grams of citric acid.
3. Run half of the solution through the group, and wait twenty minutes:
   - leave the steam wand closed;
   - keep the machine switched on.
4. Run the rest, then rinse with two full tanks."""
FUNCTION = """```python
def brew_weight(dose_g, ratio=2.0):
    return dose_g * ratio
```"""
GROUP_HEAD = "the heavy metal part that holds the portafilter and spreads the water over the coffee."

# Written by hand from the document: kind, first line, last line, words of the instruction, input, output.
EXPECTED = [
    (
        "section",
        13,
        14,
        "descaling the machine",
        "",
        SECTION,
    ),
    ("procedure", 18, 23, "descale the boiler", "", LIST_OF_STEPS),
    (
        "definition",
        25,
        26,
        "the group head",
        "",
        f"**Group head** is {GROUP_HEAD}\nIt stays hot as long as the machine is on.",
    ),
    ("definition", 25, 26, "", GROUP_HEAD, "Group head"),
    (
        "question",
        30,
        30,
        "how often should the gasket be replaced?",
        "",
        "Replace the gasket once a year, or as soon as water leaks past the portafilter.",
    ),
    ("table", 38, 38, "what is the grind size", "", "very fine, like icing sugar"),
    ("table", 38, 38, "What should I know about the drink Espresso", "", "The dose is 18 grams"),
    (
        "list",
        42,
        45,
        "the signs that the grind is too fine",
        "",
        "Signs that the grind is too fine:\n\n- the coffee drips instead of flowing;\n- the taste is bitter and dry.",
    ),
    ("code", 47, 52, "this Python function", FUNCTION, "converts a dose into a brew weight"),
    ("code", 49, 52, "a Python function that converts a dose into a brew weight", "", FUNCTION),
    (
        "question",
        62,
        63,
        "May I use decaffeinated beans in the same grinder?",
        "",
        "Yes, but grind away the first ten grams afterwards.",
    ),
    ("question", 67, 67, "who orders the beans?", "", "The early shift orders them on Mondays."),
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    shutil.copy(WORKED, tmp_path / "docs" / "espresso.md")
    return tmp_path


def _facts(candidate: Candidate) -> tuple[object, ...]:
    origin = candidate.origin
    return origin.kind, origin.line_start, origin.line_end, candidate.input, candidate.output


def test_worked_document_gives_exactly_the_expected_triples(project: Path) -> None:
    found = {_facts(candidate): candidate for candidate in generate(project).candidates}

    assert set(found) == {(kind, first, last, given, output) for kind, first, last, _, given, output in EXPECTED}
    for kind, first, last, words, given, output in EXPECTED:
        instruction = found[kind, first, last, given, output].instruction
        assert words.lower() in instruction.lower()
        assert instruction[0].isupper()
        assert instruction[-1] in "?."


def test_every_candidate_names_generator_file_and_licence(project: Path) -> None:
    found = generate(project, licence="CC-BY-4.0").candidates

    origins = {(c.origin.generator, c.origin.source, c.origin.licence) for c in found}
    assert origins == {("documents", "docs/espresso.md", "CC-BY-4.0")}


def test_unknown_licence_is_none_and_not_an_empty_text(project: Path) -> None:
    assert {c.origin.licence for c in generate(project).candidates} == {None}


def test_short_instruction_names_the_subject_and_one_that_has_it_does_not(project: Path) -> None:
    found = generate(project, subject="an espresso bar").candidates

    by_output = {c.output: c.instruction for c in found}
    assert "in an espresso bar" in by_output["The early shift orders them on Mondays."].lower()
    espresso = by_output["The dose is 18 grams"]
    assert espresso == "What should I know about the drink Espresso?"


def test_domain_stands_in_for_a_missing_subject(project: Path) -> None:
    generator = DocumentsGenerator()
    found = generator.generate(context(project, domain="running a coffee shop")).candidates

    asked = next(c.instruction for c in found if c.output.startswith("The early shift"))
    assert "running a coffee shop, who orders the beans?" in asked


def test_kinds_leave_the_others_out(project: Path) -> None:
    found = generate(project, kinds=("procedure", "list")).candidates

    assert sorted(str(c.origin.kind) for c in found) == ["list", "procedure"]


def test_word_limits_hold_for_outputs_but_not_for_names_asked_for(project: Path) -> None:
    found = generate(project, min_words=6, max_words=30).candidates

    lengths = {c.output: len(c.output.split()) for c in found}
    assert lengths.pop("Group head") == 2
    assert all(6 <= n <= 30 for n in lengths.values())
    assert len(lengths) == 8


def test_rounds_of_any_size_give_the_same_walk_as_one(project: Path) -> None:
    whole = [c.id for c in generate(project).candidates]

    walked, position, exhausted = list[str](), "", False
    while not exhausted:
        # A new instance each time, as after a crash.
        part = generate(project, limit=5, position=position)
        assert 0 < len(part.candidates) <= 5
        walked.extend(c.id for c in part.candidates)
        position, exhausted = part.position, part.exhausted
    assert walked == whole


def test_first_round_mixes_kinds_and_files(project: Path) -> None:
    glossary = "# Terms\n\n" + "\n\n".join(f"**Part {n}x** is a piece of machine number {n} here." for n in range(40))
    (project / "docs" / "a-glossary.md").write_text(glossary, encoding="utf-8")

    first = generate(project, limit=30).candidates

    assert {c.origin.source for c in first} == {"docs/a-glossary.md", "docs/espresso.md"}
    assert len({c.origin.kind for c in first}) > 2


def test_changed_document_starts_the_walk_again(project: Path) -> None:
    first = generate(project, limit=5)
    path = project / "docs" / "espresso.md"
    path.write_text(path.read_text(encoding="utf-8") + "\nNothing more.\n", encoding="utf-8")

    again = generate(project, position=first.position)

    assert {c.id for c in first.candidates} <= {c.id for c in again.candidates}
    assert len(again.candidates) == len(generate(project).candidates)


def test_same_instance_and_new_instance_agree_after_a_change(project: Path) -> None:
    generator = DocumentsGenerator()
    generator.generate(context(project, 3))
    (project / "docs" / "b.md").write_text(
        "# Cups\n\n## Which cups do we use?\n\nThick white ones.\n", encoding="utf-8"
    )

    assert generator.generate(context(project)) == generate(project)


def test_changed_options_start_the_walk_again(project: Path) -> None:
    first = generate(project, limit=5)
    again = generate(project, position=first.position, kinds=("procedure",))

    assert [c.origin.kind for c in again.candidates] == ["procedure"]


def test_finished_walk_stays_finished(project: Path) -> None:
    end = generate(project)
    more = generate(project, position=end.position)

    assert end.exhausted
    assert more.exhausted
    assert more.candidates == ()
    assert json.loads(more.position) == json.loads(end.position)


def test_unreadable_is_reported_in_the_first_round_only(project: Path) -> None:
    (project / "docs" / "broken.txt").write_bytes(b"caf\xe9")

    first = generate(project, limit=5)
    second = generate(project, limit=5, position=first.position)

    assert [(u.source, u.line) for u in first.unreadable] == [("docs/broken.txt", 1)]
    assert second.unreadable == ()


def test_foreign_position_is_an_error_that_shows_it(project: Path) -> None:
    with pytest.raises(StageError, match="'row 7'"):
        generate(project, position="row 7")


def test_other_languages_get_only_questions_the_document_asks(project: Path) -> None:
    (project / "docs" / "espresso.md").write_text(
        "# Kaffee\n\n## Wie oft wird sie gewechselt?\n\nEinmal im Jahr, spätestens bei Tropfen.\n\n"
        "**Siebträger** ist ein Griff mit Sieb, der den Kaffee hält.\n",
        encoding="utf-8",
    )
    found = DocumentsGenerator().generate(context(project, language="de")).candidates
    assert [c.instruction for c in found] == ["Wie oft wird sie gewechselt?"]

    with pytest.raises(StageError, match="English"):
        DocumentsGenerator(kinds=("list",)).generate(context(project, language="de"))
