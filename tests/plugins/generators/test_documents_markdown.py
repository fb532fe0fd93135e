"""Markdown of every shape: what becomes a triple, with which lines, and what must not."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from support.documents import generate, triples


def _found(project: Path, text: str, **options: object) -> list[tuple[str | None, int | None, int | None, str]]:
    return [
        (c.origin.kind, c.origin.line_start, c.origin.line_end, c.output) for c in triples(project, text, **options)
    ]


def test_list_that_begins_at_three_keeps_its_numbers(tmp_path: Path) -> None:
    text = "# Boats\n\nTo moor the boat:\n\n3. Throw the line.\n4. Make the line fast.\n"

    assert _found(tmp_path, text) == [("procedure", 5, 6, "3. Throw the line.\n4. Make the line fast.")]


def test_numbered_list_of_things_is_a_list(tmp_path: Path) -> None:
    text = "# Boats\n\nThere are three kinds of knot:\n\n1. the bowline\n2. the reef knot\n3. the clove hitch\n"
    [candidate] = triples(tmp_path, text, subject="sailing")

    assert candidate.origin.kind == "list"
    assert candidate.instruction.lower() in {
        "what kinds of knot are there in sailing?",
        "in sailing, what kinds of knot are there?",
    }
    assert candidate.output.startswith("There are three kinds of knot:\n\n1. the bowline")


def test_underlined_headings_and_front_matter_are_read(tmp_path: Path) -> None:
    text = "---\ntitle: Sails\n---\n\nWhat is a jib for?\n------------------\n\nIt balances the mainsail.\n"

    assert _found(tmp_path, text) == [("question", 8, 8, "It balances the mainsail.")]


def test_front_matter_without_an_end_is_text(tmp_path: Path) -> None:
    text = "---\n\n# Sails\n\n## What is a jib for?\n\nIt balances the mainsail.\n"

    assert _found(tmp_path, text) == [("question", 7, 7, "It balances the mainsail.")]


def test_unterminated_fence_is_no_code(tmp_path: Path) -> None:
    text = "# A\n\nTo list the files:\n\n```sh\nls -la\n\n## What is after it?\n\nAll of this is code.\n"

    assert _found(tmp_path, text) == []


def test_fence_keeps_its_marks_and_language(tmp_path: Path) -> None:
    text = "# A\n\nTo list the files:\n\n~~~sh\nls -la /srv/files | sort\n~~~\n"

    assert _found(tmp_path, text) == [("code", 5, 7, "~~~sh\nls -la /srv/files | sort\n~~~")]


def test_printed_output_is_no_answer_to_how(tmp_path: Path) -> None:
    text = "# A\n\nTo list the files:\n\n```text\na.txt b.txt c.txt d.txt\n```\n"

    assert _found(tmp_path, text) == []


def test_ragged_rows_and_escaped_bars_make_no_cell(tmp_path: Path) -> None:
    text = (
        "# Flags\n\n| Flag | Meaning |\n|---|---|\n| A | diver below the boat |\n| B |\n"
        "| C | yes, or \\| affirmative too |\n"
        "| D | keep well clear of me | extra |\n"
    )
    cells = [found for found in _found(tmp_path, text) if found[1] == found[2]]

    # Row B is short; in row C the cell's text is not what the source says; markdown cuts D to the header's width.
    assert cells == [("table", 5, 5, "diver below the boat"), ("table", 8, 8, "keep well clear of me")]


def test_nested_list_stays_within_its_step(tmp_path: Path) -> None:
    steps = "1. Open the hatch.\n   1. Lift the handle.\n   2. Turn the handle.\n2. Pump out the water."
    text = f"# Boats\n\nTo dry the bilge:\n\n{steps}\n"

    assert _found(tmp_path, text) == [("procedure", 5, 8, steps)]


@pytest.mark.parametrize(
    "pointer",
    [
        "See the table below for the values.",
        "As shown above, the line must be dry.",
        "The steps above take an hour.",
        "This is explained in the next section.",
        "Section 4 has the details of the knot.",
        "See [knots](knots.md) for the names.",
        "The ![drawing](knot.png) shows the knot.",
        "The name has a history[^1] of its own.",
        "This chapter is about the names of knots.",
    ],
)
def test_answer_that_points_out_of_itself_is_dropped(tmp_path: Path, pointer: str) -> None:
    text = f"# Boats\n\n## Why is the line wet?\n\nThe line is wet from rain. {pointer}\n"

    assert _found(tmp_path, text) == []


@pytest.mark.parametrize(
    "plain",
    [
        "Keep the load below 50 percent.",
        "The values above 100 are errors.",
        "Rows that were inserted earlier stay.",
        "The names are on [the site](https://example.org/knots).",
    ],
)
def test_answer_that_only_looks_like_a_pointer_stays(tmp_path: Path, plain: str) -> None:
    text = f"# Boats\n\n## Why is the line wet?\n\nThe line is wet from rain. {plain}\n"

    assert [found[3] for found in _found(tmp_path, text)] == [f"The line is wet from rain. {plain}"]


def test_heading_without_text_lead_in_without_list_and_cut_sentence_make_nothing(tmp_path: Path) -> None:
    text = "# Boats\n\n## Empty\n\n## Knots\n\nThese knots matter:\n\n## Lines\n\nThe line that we use most is\n"

    assert _found(tmp_path, text) == []


def test_question_answer_stops_where_another_matter_begins(tmp_path: Path) -> None:
    text = (
        "# Boats\n\n## Why is the line wet?\n\nThe line is wet from rain.\n\n"
        "To dry a line:\n\n1. Hang the line up.\n2. Wait for the wind.\n"
    )

    assert _found(tmp_path, text) == [
        ("question", 5, 5, "The line is wet from rain."),
        ("procedure", 9, 10, "1. Hang the line up.\n2. Wait for the wind."),
    ]


def test_bold_label_and_bold_advice_are_no_terms(tmp_path: Path) -> None:
    text = (
        "# Boats\n\n**Note**: the harbour closes at ten in the evening.\n\n"
        "- **Keep the line dry.** Wet lines rot in a season.\n- **Coil the line**: it dries faster when it hangs.\n"
    )

    assert [found for found in _found(tmp_path, text) if found[0] == "definition"] == []


def test_glossary_list_is_asked_both_ways(tmp_path: Path) -> None:
    text = (
        "# Glossary\n\n- **Jib**: a triangular sail before the mast.\n"
        "- **Boom**: the spar at the foot of the mainsail.\n"
    )

    assert {found for found in _found(tmp_path, text) if found[0] == "definition"} == {
        ("definition", 3, 3, "a triangular sail before the mast."),
        ("definition", 3, 3, "Jib"),
        ("definition", 4, 4, "the spar at the foot of the mainsail."),
        ("definition", 4, 4, "Boom"),
    }


def test_definition_that_names_its_term_is_not_asked_backwards(tmp_path: Path) -> None:
    text = "# Boats\n\n**Mooring line** is a line that holds a moored boat at its berth.\n"

    assert [found[3] for found in _found(tmp_path, text)] == [text.split("\n\n")[1].strip()]


def test_control_characters_and_bidi_overrides_are_gone_and_lines_stay_right(tmp_path: Path) -> None:
    text = "# Boats\n\n## Why is the line\u202e wet?\n\nThe \x07line is \u2066wet\u2069 from\x0b rain.\n"
    [candidate] = triples(tmp_path, text)

    assert "line wet?" in candidate.instruction
    assert candidate.output == "The line is wet from rain."
    assert candidate.origin.line_start == 5


@pytest.mark.parametrize("sign", ["> ", "- ", "[", "**", "`", "1. ", "<div>", "| a ", "#", "\\"])
def test_deep_nesting_ends_quickly_and_without_an_error(tmp_path: Path, sign: str) -> None:
    started = time.perf_counter()
    triples(tmp_path, "# A\n\n" + sign * 5000 + "x\n\nTo see it:\n\n1. Look.\n2. Look again.\n")

    assert time.perf_counter() - started < 10


def test_long_file_is_read_in_a_time_that_grows_with_its_length(tmp_path: Path) -> None:
    part = (
        "## How is rope {n} kept?\n\nRope {n} is kept dry, coiled and out of the sun.\n\n"
        "To coil rope {n}:\n\n1. Take rope {n}.\n2. Turn it {n} times.\n\n"
    )
    text = "# Ropes\n\n" + "".join(part.format(n=n) for n in range(2000))
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "ropes.md").write_text(text, encoding="utf-8")

    started = time.perf_counter()
    found = generate(tmp_path, limit=100)

    assert len(found.candidates) == 100
    assert time.perf_counter() - started < 30
