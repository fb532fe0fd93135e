"""Evaluation results from the command line to other seeds: import, coverage before and after, a feedback source."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.cli import Result
from support.llm_project import llm_project, writes
from support.projects import play, query

from insgen.loop.assemble import Assembly

Cli = Callable[..., Result]
LOG = "samples_kubernetes_2026-03-01T10-20-30.123456.jsonl"


def items(failed: str = "node") -> list[dict[str, Any]]:
    """Items of an evaluation: those about one thing fail."""
    things = ("pod", "node", "secret", "quota")
    return [
        {"text": f"Explain how a {thing} uses the {other} when it is {n}.", "score": float(thing != failed)}
        for thing in things
        for n, other in enumerate(("volume", "label", "probe", "taint", "image"))
    ]


def plain(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def harness(path: Path, rows: list[dict[str, Any]]) -> Path:
    return plain(
        path,
        [
            {"doc_id": n, "doc": {"question": row["text"]}, "target": "", "filtered_resps": [""], "acc": row["score"]}
            for n, row in enumerate(rows)
        ],
    )


@pytest.mark.parametrize("format_", [(), ("--format", "eval")])
def test_plain_rows_are_imported_once(cli: Cli, project: Path, tmp_path: Path, format_: tuple[str, ...]) -> None:
    path = plain(tmp_path / "eval [1].jsonl", items())
    told = cli("feedback", "import", path, "-p", project, *format_)
    assert "signals about single instructions: 20 new." in told.stdout
    assert "Unknown here" not in told.stdout
    again = cli("feedback", "import", path, "-p", project, "--json").json()
    assert (again["signals"], again["unknown"]) == ({"unchanged": 20}, {})
    listed = cli("feedback", "list", "-p", project, "--json").json()["signals"]
    assert [(row["name"], row["source"], row["n"]) for row in listed] == [("eval:items", "evaluation", 20)]


def test_sample_logs_are_known_by_their_rows_and_options_reach_the_reader(
    cli: Cli, project: Path, tmp_path: Path
) -> None:
    path = harness(tmp_path / LOG, items())
    cli("feedback", "import", path, "-p", project)
    cli("feedback", "import", path, "-p", project, "-o", "source=big", "-o", "task=k8s", "--format", "lm-eval")
    listed = cli("feedback", "list", "-p", project, "--json").json()["signals"]
    assert [(row["name"], row["source"]) for row in listed] == [("eval:k8s", "big"), ("eval:kubernetes", "evaluation")]


def test_a_later_evaluation_takes_the_place_of_the_earlier(cli: Cli, project: Path, tmp_path: Path) -> None:
    cli("feedback", "import", harness(tmp_path / LOG, items()), "-p", project)
    later = harness(tmp_path / LOG.replace("2026-03", "2026-04"), items("pod"))
    assert cli("feedback", "import", later, "-p", project, "--json").json()["signals"] == {"overwritten": 20}
    assert query(project, "SELECT count(*) FROM signals WHERE value > 0 AND text LIKE '% pod uses%'") == [(5,)]


def test_what_is_no_result_leaves_nothing_behind(cli: Cli, project: Path, tmp_path: Path) -> None:
    path = plain(tmp_path / "eval.jsonl", [*items(), {"text": "x", "score": 7}])
    refused = cli("feedback", "import", path, "-p", project)
    assert (refused.code, refused.stdout) == (1, "")
    assert f'{path}, line 21: "score" is 7' in refused.stderr
    assert query(project, "SELECT count(*) FROM signals") == [(0,)]
    for odd in (("--format", "lm-eval"), ()):
        assert cli("feedback", "import", tmp_path / "none", "-p", project, *odd).code == 1
    contract = plain(tmp_path / "log.jsonl", [{"schema": "insgen.feedback/1"}])
    assert cli("feedback", "import", contract, "-p", project, "-o", "task=x").code == 2


def test_coverage_is_told_before_and_after(cli: Cli, project: Path, tmp_path: Path) -> None:
    assert "no evaluation results yet" in cli("feedback", "coverage", "-p", project).stdout
    path = plain(tmp_path / "eval.jsonl", items())
    cli("feedback", "import", path, "-p", project)
    (before,) = cli("feedback", "coverage", "-p", project, "--json").json()
    assert (before["items"], before["failed"]) == (20, 5)
    assert before["failed_before"] == before["failed_now"] == pytest.approx(nearest(project, "node"), abs=1e-6)
    about_nodes = [
        {"instruction": f"Explain how a node uses the {other}.", "output": f"The {other} is read by the node at once."}
        for other in ("volume", "label", "probe")
    ]
    cli("add", plain(tmp_path / "more.jsonl", about_nodes), "-p", project)
    play(project, "select.size=60")
    (after,) = cli("feedback", "coverage", "-p", project, "--json").json()
    assert after["version_before"] < after["version_now"]
    assert after["failed_before"] == before["failed_now"]
    assert after["failed_now"] > after["failed_before"] + 0.05
    assert "passed now" in cli("feedback", "coverage", "-p", project).stdout


def nearest(project: Path, thing: str) -> float:
    """Mean similarity of the items about one thing to the nearest member, written out."""
    with Assembly(project).open() as run:
        vectors = run.player.bank.embed([row["text"] for row in items() if f" {thing} uses" in row["text"]])
        members = run.player.bank.vectors([member.candidate.id for member in run.player.bank.members()])
    return float((vectors @ members.T).max(axis=1).mean())


def test_a_source_in_the_config_steers_the_targeted_policy(
    cli: Cli, make_project: Callable[..., Path], llm_server: Any
) -> None:
    llm_server.reply = writes
    toml, files = llm_project(llm_server, "rounds = 3")
    steering = '[seeds]\nuse = "targeted"\nregions = 3\n[[feedback]]\nuse = "eval-results"\npath = "evals/*.jsonl"\n'
    project = make_project(toml + steering, files)
    play(project, rounds=2)
    texts = [row[0] for row in query(project, "SELECT instruction FROM v_bank ORDER BY rank")]
    (project / "evals").mkdir()
    harness(project / "evals" / LOG, [{"text": text, "score": float("pod" not in text)} for text in texts])
    play(project, rounds=1)
    log = cli("seeds", "log", "-p", project, "--json").json()
    weighted = [row for row in log if row["event"] == "weighted"]
    assert weighted
    assert all(row["round"] == 3 and "95 % interval" in row["reason"] for row in weighted)
    assert query(project, "SELECT count(*) FROM signals WHERE name = 'eval:kubernetes'") == [(len(texts),)]
    assert "What the seed policy targeted went by in round 3:" in cli("status", project).stdout
