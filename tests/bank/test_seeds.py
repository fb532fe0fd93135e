"""Seed tasks: the file is read strictly, and the set keeps its order and its history."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.projects import EMBED, SELECT, play, query

from insgen.bank.ingest import read_seed_tasks
from insgen.bank.seeds import active_seeds, seed_of, sync_seeds
from insgen.errors import DataError
from insgen.records import Candidate
from insgen.store.database import Store


def write(path: Path, text: str | bytes) -> Path:
    file = path / "seeds.jsonl"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def test_tasks_are_read_in_order_with_their_lines(tmp_path: Path) -> None:
    first = '\ufeff{"instruction": "One.", "input": "i", "output": "o", "note": "kept out"}\r\n'
    text = first + '\n{"instruction": "Tw\\u00f6.\u2028"}\n'
    tasks = read_seed_tasks(write(tmp_path, text))
    assert [(t.instruction, t.input, t.output) for t in tasks] == [("One.", "i", "o"), ("Tw\u00f6.", "", "")]
    assert [(t.origin.generator, t.origin.source, t.origin.line_start) for t in tasks] == [
        ("seed", "seeds.jsonl", 1),
        ("seed", "seeds.jsonl", 3),
    ]


def test_no_file_means_no_seeds(tmp_path: Path) -> None:
    assert read_seed_tasks(tmp_path / "seeds.jsonl") == []
    assert read_seed_tasks(write(tmp_path, "\n \n")) == []


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("{oops", "no JSON ("),
        ("[1]", "a JSON value that is no object"),
        ('"text"', "a JSON value that is no object"),
        ("{}", '"instruction" is missing or empty'),
        ('{"instruction": " \\u0000 "}', '"instruction" is missing or empty'),
        ('{"instruction": null}', '"instruction" is no text but NoneType'),
        ('{"instruction": "x", "output": 3}', '"output" is no text but int'),
        ("[" * 100_000, "no JSON ("),
    ],
)
def test_a_line_that_is_no_task_is_refused_with_its_number(tmp_path: Path, line: str, part: str) -> None:
    file = write(tmp_path, '{"instruction": "Fine."}\n\n' + line + "\n")
    with pytest.raises(DataError) as caught:
        read_seed_tasks(file)
    for expected in (f"{file}, line 3: ", part, 'Expected an object such as {"instruction"', "Mend or delete the line"):
        assert expected in str(caught.value)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"is not UTF-8 text \(invalid .* at byte 3\)\.\n  Expected one JSON object a line"
    ):
        read_seed_tasks(write(tmp_path, b"{}\n\xff\xfe"))


def test_a_seed_has_the_id_of_the_candidate_with_its_texts() -> None:
    task = Candidate("Sort.", "3 1", "1 3")
    assert seed_of(task).id == task.id
    assert seed_of(task).weight == 1.0


def test_seeds_are_taken_in_once_in_order_of_arrival(store: Store) -> None:
    first, second, third = (Candidate(f"Task {number}") for number in range(3))
    with store.atomic() as conn:
        sync_seeds(conn, [second, first, second], 0, "seeds.jsonl")
        sync_seeds(conn, [third, first], 2, "promoted")
    assert [seed.id for seed in active_seeds(store.conn)] == [second.id, first.id, third.id]
    events = store.conn.execute("SELECT round, seed_id, event, reason FROM seed_events ORDER BY id").fetchall()
    assert events == [
        (0, second.id, "added", "seeds.jsonl"),
        (0, first.id, "added", "seeds.jsonl"),
        (2, third.id, "added", "promoted"),
    ]


def test_new_lines_are_taken_in_by_the_next_run(make_project: Callable[..., Path]) -> None:
    project = make_project(EMBED + SELECT, {"seeds.jsonl": [{"instruction": "One."}]})
    play(project)
    with (project / "seeds.jsonl").open("a") as file:
        file.write(json.dumps({"instruction": "Two.", "output": "2"}) + "\n")
    play(project)
    play(project)
    assert query(project, "SELECT ordinal, instruction, output, active FROM seeds ORDER BY ordinal") == [
        (1, "One.", "", 1),
        (2, "Two.", "2", 1),
    ]


def test_a_broken_seed_file_stops_the_run_before_it_begins(make_project: Callable[..., Path]) -> None:
    project = make_project(EMBED + SELECT, {"seeds.jsonl": '{"instruction": "One."}\nnot json\n'})
    with pytest.raises(DataError, match="line 2"):
        play(project)
    assert query(project, "SELECT (SELECT count(*) FROM runs) + (SELECT count(*) FROM seeds)") == [(0,)]
