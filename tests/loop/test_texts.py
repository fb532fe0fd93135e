"""Hostile texts through the whole loop: stored, judged and exported as `clean_text` promises, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.projects import DATA, DOCUMENTS, EMBED, SCORE, count, play, query

from insgen.records import clean_text
from insgen.store.database import open_reader
from insgen.store.members import members

FILTERS = """
[[filter]]
use = "length"
max_words = 1000000
max_output_words = 1000000
max_chars = 10000000
[[filter]]
use = "exact_duplicate"
[[filter]]
use = "rouge"
[[filter]]
use = "near_duplicate"
"""
PIBE = '[select]\nuse = "pibe"\nsize = 99\n'

TEXTS = {
    "html": "<img src=x onerror=alert(1)><script>fetch('//evil')</script> explain this page & its <b>risks</b>",
    "control": "Print the bell \x07 and the escape \x1b[2J\x1b]0;title\x07 signs as they are \x9b31m here",
    "bidi": "Why does user\u202e\u2066 // admin\u2069 \u2066 look like this in a review?",
    "marks": "\u200f\u05e9\u05dc\u05d5\u05dd means peace, and what does \u0633\u0644\u0627\u0645 mean\u061c?",
    "surrogate": "Half a pair \ud83d stands here and another \udc00 there, what are they?",
    "braces": "Fill in {name} and $name and %s and {{ jinja }} and ${HOME} for the reader",
    "quotes": '\'; DROP TABLE candidates; -- "quoted" \\ and `ticks` in one line of text',
    "newlines": "First line of it\r\nsecond line of it\rthird line of it\u2028fourth one",
    "astral": "What do \U0001f468\u200d\U0001f469\u200d\U0001f467 and \U00020000 and \U0010fffd have in common?",
    "combining": "Zalgo t\u0335\u0321\u0322e\u0336\u0327x\u0337\u0328t with marks " + "a" + "\u0301" * 500,
    "nul": "A nul \x00 in the middle of a text that goes on behind it",
    "turkish": "\u0130stanbul\u2019da \u0131l\u0131k \u00df and \ufb03 in one sentence",
}


def rows_of(texts: dict[str, str]) -> str:
    """Alpaca rows; lone surrogates are written as JSON escapes, as real files have them."""
    return "".join(
        json.dumps({"instruction": text, "input": name, "output": text[::-1]}) + "\n" for name, text in texts.items()
    )


@pytest.mark.parametrize("text", ["instruction", "all"])
def test_hostile_texts_come_out_clean_and_otherwise_whole(make_project: Callable[..., Path], text: str) -> None:
    embed = EMBED + f'text = "{text}"\n'
    project = make_project(DATA + embed + FILTERS + SCORE + PIBE, {"data.jsonl": rows_of(TEXTS)})
    result = play(project)
    assert (result.counters["proposed"], result.counters["unreadable"]) == (len(TEXTS), 0)
    stored = {
        name: (instruction, output)
        for name, instruction, output in query(project, "SELECT input, instruction, output FROM candidates")
    }
    assert stored == {name: (clean_text(text), clean_text(text[::-1])) for name, text in TEXTS.items()}
    reader = open_reader(project / "insgen.db")
    bank = [member.candidate for member in members(reader)]
    reader.close()
    assert {c.id for c in bank} <= {row[0] for row in query(project, "SELECT id FROM candidates")}
    assert all(c.instruction == stored[c.input][0] for c in bank)
    assert count(project, "verdicts") > 0
    assert len(bank) == result.counters["members"] > 5
    assert play(project).counters["rounds"] == 0


def test_texts_of_a_megabyte_survive_the_loop(make_project: Callable[..., Path]) -> None:
    long = " ".join(f"word{number % 3000}" for number in range(130_000))
    unbroken = "x" * 1_000_000
    texts = {"long": long, "unbroken": f"Say why this is bad: {unbroken}"}
    assert min(map(len, texts.values())) >= 1_000_000
    project = make_project(
        DATA + EMBED + FILTERS.replace('[[filter]]\nuse = "rouge"\n', "") + SCORE + PIBE, {"data.jsonl": rows_of(texts)}
    )
    result = play(project)
    assert (result.counters["proposed"], result.counters["unreadable"]) == (2, 0)
    stored = dict(query(project, "SELECT input, instruction FROM candidates"))
    assert stored == {name: clean_text(text) for name, text in texts.items()}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"caf\xe9.md", r"docs/caf\udce9.md"),
        ("Gr\u00fc\u00dfe \u202egpj.md".encode(), "docs/Gr\u00fc\u00dfe \\u202egpj.md"),
        (b"new\nline.md", r"docs/new\nline.md"),
    ],
)
def test_files_with_hostile_names_do_not_stop_a_run(make_project: Callable[..., Path], name: bytes, shown: str) -> None:
    text = "# Terms\n\n**Queue** is the folder in which messages wait until they are sent.\n"
    project = make_project(DOCUMENTS + EMBED + PIBE, {"docs/a.md": text})
    try:
        (project / "docs" / Path(name.decode(errors="surrogateescape"))).write_text(text.replace("Queue", "Relay"))
    except OSError:
        pytest.skip("this file system refuses the name")
    result = play(project)
    assert result.reason == "every source is used up"
    assert result.counters["proposed"] + result.counters["unreadable"] >= 2
    sources = {row[0] for row in query(project, "SELECT source FROM proposals UNION SELECT source FROM unreadable")}
    assert shown in sources
