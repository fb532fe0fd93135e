from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.cli import Result
from support.projects import PLAIN, contents, count, query

Cli = Callable[..., Result]

QUESTION, ANSWER = "Explain what a pod is.", "A pod is the smallest unit."
ROWS: dict[str, dict[str, Any]] = {
    "alpaca": {"instruction": QUESTION, "input": "", "output": ANSWER},
    "sharegpt": {"conversations": [{"from": "human", "value": QUESTION}, {"from": "gpt", "value": ANSWER}]},
    "messages": {"messages": [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": ANSWER}]},
    "prompt-completion": {"prompt": QUESTION, "completion": ANSWER},
}


@pytest.fixture
def empty(make_project: Callable[..., Path]) -> Path:
    return make_project(PLAIN)


def write(path: Path, row: dict[str, Any]) -> Path:
    text = json.dumps(row) + "\n"
    if path.name.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    elif path.suffix == ".json":
        path.write_text(f"[{text}]")
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist([row]), path)
    elif path.suffix == ".csv":
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([list(row), list(row.values())])
    else:
        path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("format_", "suffix"),
    [
        *((format_, suffix) for format_ in ROWS for suffix in (".jsonl", ".json", ".jsonl.gz", ".parquet")),
        *((format_, ".csv") for format_ in ("alpaca", "prompt-completion")),  # CSV has no lists
    ],
)
def test_rows_of_every_form_become_the_same_candidate(cli: Cli, empty: Path, format_: str, suffix: str) -> None:
    done = cli("add", write(empty / f"data{suffix}", ROWS[format_]), "-p", empty)

    assert (done.code, done.stderr) == (0, "")
    assert "data" in done.stdout
    assert "1 new" in done.stdout
    assert query(empty, "SELECT instruction, output, fate FROM candidates") == [(QUESTION, ANSWER, "waiting")]


@pytest.mark.parametrize(("n", "said"), [(1, "1 new row."), (2, "2 new rows.")])
def test_new_rows_are_counted_in_words_that_fit(cli: Cli, empty: Path, n: int, said: str) -> None:
    file = empty / "data.jsonl"
    file.write_text(
        "".join(json.dumps({"instruction": f"Explain pod {i}.", "output": ANSWER}) + "\n" for i in range(n))
    )
    assert f"{file}: {said}" in cli("add", file, "-p", empty).stdout


def test_next_run_judges_what_was_added(cli: Cli, empty: Path) -> None:
    cli("add", write(empty / "a.jsonl", ROWS["alpaca"]), "-p", empty)

    assert cli("run", empty, "-q").code == 0
    assert count(empty, "members") == 1
    assert cli("status", empty, "--json").json()["waiting"] == 0


def test_rows_seen_before_are_counted_and_not_judged_again(cli: Cli, empty: Path) -> None:
    file = write(empty / "a.jsonl", ROWS["alpaca"])

    added = [cli("add", file, "-p", empty, "--json").json()[0] for _ in range(2)]

    assert [(each["new"], each["repeated"], each["unreadable"]) for each in added] == [(1, 0, 0), (0, 1, 0)]
    assert count(empty, "candidates") == 1


def test_unreadable_rows_are_counted_and_named(cli: Cli, empty: Path) -> None:
    (empty / "a.jsonl").write_text(json.dumps(ROWS["alpaca"]) + '\n{"instruction": \n[1, 2]\n')

    done = cli("add", empty / "a.jsonl", "-p", empty)

    assert done.code == 0
    assert "1 new row" in done.stdout
    assert "2 unreadable" in done.stdout
    assert "SELECT * FROM unreadable" in done.stdout
    assert [line for (line,) in query(empty, "SELECT line FROM unreadable")] == [2, 3]


@pytest.mark.parametrize("bad", ["missing.jsonl", "bad.jsonl"])
def test_bad_data_set_loses_nothing_of_the_one_before(cli: Cli, empty: Path, bad: str) -> None:
    good = write(empty / "good.jsonl", ROWS["alpaca"])
    (empty / "bad.jsonl").write_text('{"a": 1}\n')

    done = cli("add", good, empty / bad, "-p", empty)

    assert done.code == 1
    assert bad in done.stderr
    assert "Traceback" not in done.stderr
    assert f"{good}: 1 new" in done.stdout
    assert count(empty, "candidates") == 1
    assert count(empty, "arrivals") == 1


def test_bad_data_set_alone_changes_nothing(cli: Cli, project: Path) -> None:
    before = contents(project)
    (project / "bad.jsonl").write_text('{"a": 1}\n')

    assert cli("add", project / "bad.jsonl", "-p", project).code == 1
    assert contents(project) == before


def test_json_tells_what_was_added_before_an_error(cli: Cli, empty: Path) -> None:
    good = write(empty / "good.jsonl", ROWS["alpaca"])

    done = cli("add", good, empty / "missing.jsonl", "-p", empty, "--json")

    assert done.code == 1
    assert "`insgen add` looks in the current folder first" in done.stderr
    assert [each["source"] for each in done.json()] == [str(good)]


def test_columns_are_named_by_options_and_licence_is_kept(cli: Cli, empty: Path) -> None:
    file = write(empty / "faq.csv", {"question": QUESTION, "answer": ANSWER})
    options = ["-o", "format=columns", "-o", "instruction_column=question", "-o", "output_column=answer"]

    done = cli("add", file, "-p", empty, *options, "--licence", "CC-BY-4.0")

    assert done.code == 0
    assert query(empty, "SELECT instruction, output FROM candidates") == [(QUESTION, ANSWER)]
    assert query(empty, "SELECT licence FROM proposals") == [("CC-BY-4.0",)]


@pytest.mark.parametrize("option", ["no-equals-sign", "formt=columns", "format=7"])
def test_wrong_option_is_a_usage_error(cli: Cli, empty: Path, option: str) -> None:
    done = cli("add", write(empty / "a.jsonl", ROWS["alpaca"]), "-p", empty, "-o", option)

    assert done.code == 2
    assert done.stdout == ""


def test_file_is_found_from_the_current_folder(
    cli: Cli, empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    write(elsewhere / "near.jsonl", ROWS["alpaca"])
    monkeypatch.chdir(elsewhere)

    assert cli("add", "near.jsonl", "-p", empty).code == 0
