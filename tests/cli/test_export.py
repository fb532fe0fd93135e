from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from datasets import load_dataset
from support.cli import Result
from support.projects import query

Cli = Callable[..., Result]

COLUMNS = {
    "alpaca": {"id", "instruction", "input", "output"},
    "sharegpt": {"id", "system", "conversations"},
    "messages": {"id", "messages"},
    "prompt-completion": {"id", "prompt", "completion"},
}


def ranked(project: Path) -> list[tuple[str, str, str]]:
    return query(project, "SELECT id, instruction, output FROM v_bank")  # type: ignore[return-value]  # three texts


@pytest.mark.parametrize("format_", [*COLUMNS, "parquet"])
def test_every_format_is_read_back_by_datasets(cli: Cli, played: Path, tmp_path: Path, format_: str) -> None:
    out = tmp_path / ("out.parquet" if format_ == "parquet" else "out.jsonl")

    done = cli("export", out, "--format", format_, "-p", played)

    assert (done.code, done.stderr) == (0, "")
    reader = "parquet" if format_ == "parquet" else "json"
    back = load_dataset(reader, data_files=str(out), split="train", cache_dir=str(tmp_path / "cache"))
    assert list(back["id"]) == [id_ for id_, _, _ in ranked(played)]
    assert COLUMNS.get(format_, {"instruction", "rank", "source"}) <= set(back.column_names)
    texts = json.dumps(back[0], ensure_ascii=False, default=str)
    assert all(json.dumps(text, ensure_ascii=False) in texts for text in ranked(played)[0][1:])


def test_top_is_the_beginning_of_the_ranking(cli: Cli, played: Path, tmp_path: Path) -> None:
    done = cli("export", tmp_path / "out.jsonl", "--top", 3, "-p", played)

    assert "Wrote 3 members to " in done.stdout
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == [id_ for id_, _, _ in ranked(played)[:3]]


def test_more_than_there_are_is_all(cli: Cli, played: Path, tmp_path: Path) -> None:
    assert cli("export", tmp_path / "out.jsonl", "--top", 500, "-p", played).code == 0
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 10


def test_card_stands_beside_the_data(cli: Cli, played: Path, tmp_path: Path) -> None:
    done = cli("export", tmp_path / "out.jsonl", "-p", played, "--json").json()

    assert Path(done["card"]) == tmp_path / "out.jsonl.README.md"
    assert (done["members"], done["losses"]) == (10, [])
    assert (tmp_path / "out.jsonl.README.md").read_text().startswith("---\n")


def test_file_that_is_there_is_replaced_only_by_force(cli: Cli, played: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("mine")

    refused = cli("export", out, "-p", played)

    assert (refused.code, refused.stdout) == (1, "")
    assert "--force" in refused.stderr
    assert out.read_text() == "mine"
    assert cli("export", out, "-p", played, "--force").code == 0
    assert len(out.read_text().splitlines()) == 10


def test_unknown_format_is_answered_with_the_known_ones(cli: Cli, played: Path, tmp_path: Path) -> None:
    done = cli("export", tmp_path / "out.jsonl", "--format", "alpacca", "-p", played)

    assert done.code == 2
    assert 'Did you mean "alpaca"?' in done.stderr
    assert not list(tmp_path.glob("out*"))


def test_what_a_format_cannot_carry_is_a_warning_on_stderr(cli: Cli, make_project: Callable[..., Path]) -> None:
    turns = [
        ("user", "What is a pod?"),
        ("assistant", "The unit."),
        ("user", "And a node?"),
        ("assistant", "A machine."),
    ]
    row = {"messages": [{"role": role, "content": text} for role, text in turns]}
    config = (
        '[[generate]]\nuse = "dataset"\npaths = ["data.jsonl"]\n[embed]\nuse = "hashing"\n[select]\nuse = "quality"\n'
    )
    project = make_project(config, {"data.jsonl": [row]})
    assert cli("run", project, "-q").code == 0

    done = cli("export", project / "out.jsonl", "-p", project)

    assert done.code == 0
    assert done.stderr.startswith("Warning: 1 of 1 members lost the later turns")
    assert "Warning" not in done.stdout


def test_path_is_told_as_the_user_named_it(
    cli: Cli, played: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert cli("export", "out.jsonl", "-p", played).stdout == (
        "Wrote 10 members to out.jsonl (format alpaca),\nand their card to out.jsonl.README.md.\n"
    )
