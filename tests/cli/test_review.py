"""`insgen review` as scripts drive it: verdicts, edits, undo, resuming, pairs; and what the next run makes of them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.cli import Result
from support.projects import play, query

from insgen.cli.editing import PARTS, _from_editor
from insgen.errors import DataError
from insgen.loop.reviewing import Review as Session
from insgen.store.database import open_store

Review = Callable[..., Result]
OVERRULED = "SELECT c.id FROM candidates c WHERE c.fate = ? ORDER BY c.rowid"


@pytest.fixture
def review(cli: Callable[..., Result], project: Path, monkeypatch: pytest.MonkeyPatch) -> Review:
    """Answer the questions of a review with lines."""

    def call(lines: str, *arguments: object) -> Result:
        monkeypatch.setattr("sys.stdin", io.StringIO(lines))
        return cli("review", "-p", project, "--reviewer", "me", *arguments)

    return call


def verdicts(project: Path) -> list[tuple[str, float, str]]:
    return query(project, "SELECT candidate_id, value, source FROM signals WHERE name = 'verdict' ORDER BY id")


def test_verdicts_are_signals_of_the_reviewer(review: Review, project: Path) -> None:
    told = review("a\nr\ns\nq\n", "--sample", "top")
    assert told.code == 0
    best = [row[0] for row in query(project, "SELECT candidate_id FROM members ORDER BY rank LIMIT 2")]
    assert verdicts(project) == [(best[0], 1.0, "me"), (best[1], -1.0, "me")]
    assert "Judged by me: 1 accepted, 1 rejected." in told.stdout
    assert "[instruction]" in told.stdout


def test_a_review_goes_on_where_it_was_left(review: Review, project: Path) -> None:
    one = review("a\n", "--sample", "random").stdout
    two = review("a\n", "--sample", "random").stdout
    whole = [line for line in (one + two).splitlines() if line.startswith("--- 1 of")]
    assert len(set(whole)) == 2
    assert len({id_ for id_, *_ in verdicts(project)}) == 2
    other = review("", "--sample", "random", "--reviewer", "you", "--json").json()
    assert other == {"reviewer": "you", "left": query(project, "SELECT count(*) FROM kept")[0][0]}


def test_a_rejection_by_a_measure_without_a_limit_is_shown(review: Review, project: Path) -> None:
    store = open_store(project / "insgen.db")
    with store.atomic() as conn:  # as a filter of a plugin may leave it
        conn.execute("UPDATE verdicts SET value = 0.25, limit_value = NULL WHERE NOT kept")
    store.close()
    told = review("s\nq\n", "--from", "rejected")
    assert told.code == 0
    assert ": 0.25" in told.stdout


def test_undo_takes_back_what_was_said(review: Review, project: Path) -> None:
    tables = ("signals", "candidates", "proposals", "arrivals")
    before = [query(project, f"SELECT * FROM {table} ORDER BY rowid") for table in tables]
    lines = 'r\nu\na\nu\ne {"output": "Better."}\nu\ns\nu\nu\nq\n'
    told = review(lines, "--from", "rejected", "--json")
    assert [query(project, f"SELECT * FROM {table} ORDER BY rowid") for table in tables] == before
    assert "There is nothing to undo" in told.stderr
    assert "accepted" not in told.json()


def test_undo_brings_an_earlier_verdict_back(review: Review, project: Path) -> None:
    review("r\n", "--sample", "top")
    before = query(project, "SELECT * FROM signals")

    store = open_store(project / "insgen.db")
    session = Session(store, "me")
    session.accept(before[0][1])
    assert session.undo() == "accepted"
    store.close()
    assert query(project, "SELECT * FROM signals") == before


def test_n_and_unknown_keys(review: Review, project: Path) -> None:
    told = review("x\na\na\na\n", "--n", "2")
    assert "'x' is none of these." in told.stdout
    assert len(verdicts(project)) == 2


@pytest.mark.parametrize(
    ("line", "problem"),
    [("e oops", "is no JSON"), ("e {}", "names no texts"), ('e {"outputs": "x"}', "names no texts"),
     ('e {"instruction": " "}', "no instruction")],
)  # fmt: skip
def test_an_edit_that_cannot_be_is_told_and_asked_again(review: Review, project: Path, line: str, problem: str) -> None:
    told = review(f"{line}\na\n", "--n", "1")
    assert problem in told.stdout
    assert [value for _, value, _ in verdicts(project)] == [1.0]


def test_an_edit_without_a_change_is_told(review: Review, project: Path) -> None:
    (text,) = query(project, "SELECT instruction FROM v_bank ORDER BY rank LIMIT 1")[0]

    told = review(f"e {json.dumps({'instruction': text})}\nq\n", "--sample", "top")
    assert "Nothing was changed." in told.stdout
    assert verdicts(project) == []


def test_an_edited_task_keeps_the_original_as_parent_and_enters_the_bank(review: Review, project: Path) -> None:
    (parent,) = query(project, "SELECT candidate_id FROM members ORDER BY rank LIMIT 1")[0]
    review(
        'e {"output": "The node is asked by the pod, and the label says which one it is to be."}\n', "--sample", "top"
    )
    ((new, source, kind, generator),) = query(
        project, "SELECT candidate_id, source, kind, generator FROM proposals WHERE generator = 'review'"
    )
    assert (source, kind, generator) == (f"edit of {parent} by me", "edit", "review")
    assert verdicts(project) == [(parent, -1.0, "me"), (new, 1.0, "me")]
    play(project)
    assert query(project, "SELECT fate FROM candidates WHERE id = ?", new) == [("kept",)]
    assert query(project, "SELECT count(*) FROM members WHERE candidate_id = ?", parent) == [(0,)]
    overruled = query(project, "SELECT reason FROM verdicts WHERE candidate_id = ? AND reason != ''", new)
    assert overruled == [(f"{why}; overruled by a reviewer",) for why in ("exact duplicate", "near-duplicate")]


def test_an_accepted_candidate_passes_the_filter_that_rejected_it(
    review: Review, project: Path, cli: Callable[..., Result]
) -> None:
    review("a\n", "--from", "rejected")
    ((accepted, _, _),) = verdicts(project)
    assert query(project, "SELECT fate FROM candidates WHERE id = ?", accepted) == [("waiting",)]
    play(project)
    assert query(project, "SELECT fate FROM candidates WHERE id = ?", accepted) == [("kept",)]
    assert "overruled by a reviewer" in cli("why", accepted, "-p", project).stdout


def test_advice_is_only_stored(review: Review, project: Path) -> None:
    text = (project / "insgen.toml").read_text().replace("[loop]\n", '[loop]\nverdicts = "advise"\n')
    (project / "insgen.toml").write_text(text)
    before = query(project, OVERRULED, "rejected")
    review("a\n", "--from", "rejected")
    review("r\n", "--from", "bank", "--sample", "top")
    assert query(project, OVERRULED, "rejected") == before
    members = query(project, "SELECT candidate_id FROM members")
    assert verdicts(project)[1][0] in [row[0] for row in members]


def test_a_rejected_member_leaves_at_the_next_ranking(
    review: Review, project: Path, cli: Callable[..., Result]
) -> None:
    review("r\nr\n", "--from", "bank", "--sample", "top")
    gone = {id_ for id_, *_ in verdicts(project)}
    more = project / "more.jsonl"
    more.write_text(
        '{"instruction": "Name the port of etcd.", "output": "Clients of etcd use port 2379 by default."}\n'
    )
    cli("add", more, "-p", project)  # brings the round that ranks
    play(project)
    now = {row[0] for row in query(project, "SELECT candidate_id FROM members")}
    assert len(gone) == 2
    assert not gone & now
    assert query(project, "SELECT DISTINCT fate FROM v_fate WHERE id IN (?, ?)", *gone) == [("evicted",)]


def test_pairs_are_labelled_from_the_limit_outwards(review: Review, project: Path) -> None:
    told = review("d\nm\nu\nq\n", "--pairs", "--json")
    assert told.json()["different"] == 1
    ((name, value),) = query(project, "SELECT name, value FROM signals")
    assert (name.startswith("distinct:b2:"), value) == (True, 1.0)
    shown = [line for line in told.stderr.splitlines() if "cosine similarity" in line]
    distances = [abs(float(line.rpartition(" ")[2]) - 0.9) for line in shown[:2]]
    assert distances == sorted(distances)
    again = review("q\n", "--pairs", "--json")
    assert again.json()["left"] == told.json()["left"]


def test_texts_of_the_editor_are_read_back() -> None:
    texts = dict.fromkeys(PARTS, "Two\n\nlines") | {"input": ""}
    written = "".join(f"=== {name} ===\n{texts[name]}\n" for name in PARTS)
    assert {name: text.strip("\n") for name, text in _from_editor(written).items()} == texts
    with pytest.raises(DataError, match="has the parts instruction, input"):
        _from_editor("=== instruction ===\nx\n=== input ===\n")


def test_there_may_be_nothing_to_judge(review: Review, project: Path) -> None:
    n = query(project, "SELECT count(*) FROM kept")[0][0]
    review("a\n" * n, "--n", n)
    assert "There is nothing left to judge here." in review("").stdout
