"""How headings and lead-ins become instructions a person could have written."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.documents import triples

from insgen.plugins.generators.documents._grammar import Vocabulary, as_mine, is_imperative, plain
from insgen.plugins.generators.documents._leads import goal, maker
from insgen.plugins.generators.documents._wording import Voice

RUNNING = "We keep backups on a server. The write-ahead log grows. Ask Postgres about restoring the write-ahead log."


@pytest.mark.parametrize(
    ("lead", "expected"),
    [
        ("To restore the database:", "restore the database"),
        ("To restore a backup, stop the writers first:", "restore a backup"),
        ("To add, rename or drop a column:", "add, rename or drop a column"),
        ("This takes an hour. To restore the **database**:", "restore the database"),
        ("Follow these steps to `VACUUM` a file:", "`VACUUM` a file"),
        ("The following statements configure a connection:", "configure a connection"),
        ("Use the following command to list all tables:", "list all tables"),
        ("Check the integrity of the copy:", "check the integrity of the copy"),
        ("The following example shows how to bind a list:", "bind a list"),
        ("To check it:", ""),
        ("To do this safely:", ""),
        ("Then check the copy:", ""),
        ("The result is:", ""),
        ("Before the migration:", ""),
        ("A paragraph that leads nowhere.", ""),
    ],
)
def test_lead_in_tells_its_goal_or_nothing(lead: str, expected: str) -> None:
    assert goal(lead) == expected


@pytest.mark.parametrize(
    ("lead", "expected"),
    [
        ("This query lists every index:", ("", "query", "lists every index")),
        ("The following Python function logs the plan:", ("Python", "function", "logs the plan")),
        ("The second query lists every index:", ("", "", "")),
        ("This query lists them:", ("", "", "")),
        ("This query is slow:", ("", "", "")),
    ],
)
def test_lead_in_tells_what_the_code_does_or_nothing(lead: str, expected: tuple[str, str, str]) -> None:
    assert maker(lead) == expected


@pytest.mark.parametrize(
    ("heading", "form", "text"),
    [
        ("Why does it grow?", "question", "Why does it grow?"),
        ("How to restore a backup", "goal", "restore a backup"),
        ("Restore the backups", "goal", "restore the backups"),
        ("Restoring backups", "activity", "restoring backups"),
        ("Why the log grows", "clause", "why the log grows"),
        ("Before you upgrade", "setting", "before you upgrade"),
        ("SQLite runs inside your process", "statement", "SQLite runs inside your process"),
        ("Backups", "thing", "backups"),
        ("Write-ahead log", "thing", "the write-ahead log"),
        ("Postgres settings", "thing", "Postgres settings"),
        ("WAL mode", "thing", "WAL mode"),
        ("`journal_mode`", "thing", "`journal_mode`"),
        ("3.2 Backups", "thing", "backups"),
        ("Understand which locks wait", "clause", "which locks wait"),
        ("Beyond one machine", "other", "Beyond one machine"),
        ("KEEPING BACKUPS SOMEWHERE", "activity", "keeping backups somewhere"),
    ],
)
def test_heading_takes_a_form_that_fits_a_sentence(heading: str, form: str, text: str) -> None:
    from insgen.plugins.generators.documents._wording import clean_heading

    topic = Voice("", "", "", Vocabulary(RUNNING)).topic(clean_heading(heading), [])

    assert topic is not None
    assert (topic.form, topic.text) == (form, text)


def test_heading_that_names_only_a_part_takes_the_one_above() -> None:
    voice = Voice("", "", "", Vocabulary(RUNNING))
    topic = voice.topic("Symptoms", ["Backups"])

    assert topic is not None
    assert topic.text == "the symptoms of backups"
    assert voice.topic("Symptoms", []) is None


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("Checkpoint the log", True),
        ("Keep transactions short", True),
        ("Share work between threads", True),
        ("Store and query documents", True),
        ("Check constraints", False),
        ("Index scans", False),
        ("Store and forward", False),
        ("Only the writer", False),
        ("Locks the file", False),
        ("The file", False),
    ],
)
def test_imperatives_are_told_from_nouns(phrase: str, expected: bool) -> None:
    assert is_imperative(phrase) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("**Bold** and *slanted* `a_b*c*` words", "Bold and slanted `a_b*c*` words"),
        ("a [link](http://example.org) and snake_case_name", "a link and snake_case_name"),
        ("**`PRAGMA x`** &amp; more\nlines", "`PRAGMA x` & more lines"),
        (r"1 \* 2", "1 * 2"),
    ],
)
def test_marks_leave_a_heading_and_code_stays(text: str, expected: str) -> None:
    assert plain(text) == expected


def test_question_speaks_of_my_things() -> None:
    assert as_mine("protect your database before you leave") == "protect my database before I leave"


@pytest.mark.parametrize(
    ("lead", "expected"),
    [
        ("Use a dinghy only when:", "When should I use a dinghy in sailing?"),
        ("Signs of a tired sail:", "signs of a tired sail in sailing"),
        ("A good knot has three properties:", "What properties does a good knot have"),
        ("A good knot serves two ends on a boat:", "A good knot serves two ends on a boat. What are they?"),
        ("Before a race, check the following:", "hat should I check before a race"),
        ("Three things hold a mast up:", "hich three things hold a mast up"),
        ("The common causes of a capsize are:", "he common causes of a capsize"),
        ("A spinnaker is the wrong choice when:", "hen is a spinnaker the wrong choice"),
    ],
)
def test_list_is_asked_for_by_what_its_lead_in_says(tmp_path: Path, lead: str, expected: str) -> None:
    text = f"# Boats\n\n{lead}\n\n- the wind is stronger than usual;\n- the crew is new.\n"
    [candidate] = triples(tmp_path, text, subject="sailing")

    assert expected.lower().removesuffix(" in sailing?").removesuffix(" in sailing") in candidate.instruction.lower()
    assert "sailing" in candidate.instruction
    assert candidate.output == text.removeprefix("# Boats").strip()


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("Meaning", "What does the flag `A` mean?"),
        ("What it costs", "What does the flag `A` cost?"),
        ("Protects against", "What does the flag `A` protect against?"),
        ("Suitable for", "What is the flag `A` suitable for?"),
        ("When to use it", "When should I use the flag `A`?"),
        ("Cure", "For the flag `A`, what is the cure?"),
        ("Kept in", None),
        ("Transactions begin", None),
        ("Addition or fix", None),
        ("So", None),
    ],
)
def test_cell_is_asked_for_only_where_its_column_gives_a_sound_question(
    tmp_path: Path, column: str, expected: str | None
) -> None:
    text = f"# Boats\n\n| Flag | {column} |\n| --- | --- |\n| `A` | some words of text |\n| `B` | |\n"
    cells = [c.instruction for c in triples(tmp_path, text, kinds=("table",)) if c.output == "some words of text"]

    assert cells == ([expected] if expected else [])


def test_wording_does_not_depend_on_the_neighbours_in_the_folder(tmp_path: Path) -> None:
    text = "# Boats\n\n## Mooring lines\n\nA mooring line holds the boat in any weather.\n"
    alone = triples(tmp_path, text)
    (tmp_path / "docs" / "b.md").write_text("# Cars\n\n## Brakes\n\nBrakes stop the car.\n", encoding="utf-8")

    assert [c.id for c in triples(tmp_path, text)] == [c.id for c in alone]


def test_kinds_do_not_all_use_one_template(tmp_path: Path) -> None:
    text = "# Boats\n\n" + "".join(f"To paint part {n}:\n\n1. Sand it.\n2. Paint it.\n\n" for n in range(40))
    openings = {" ".join(c.instruction.split()[:3]) for c in triples(tmp_path, text, subject="boat care")}

    assert len(openings) >= 5
