"""`insgen export` with budgets: what is written, what is told, and what the card says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.cli import Result
from support.projects import query

Cli = Callable[..., Result]


def tokens(project: Path) -> list[int]:
    """Reply tokens of the members, best first, by the estimate."""
    return [-(-len(text.encode()) // 4) for (text,) in query(project, "SELECT output FROM v_bank")]


def written(path: Path) -> list[str]:
    return [json.loads(line)["id"] for line in path.read_text().splitlines()]


def test_budgets_cut_the_ranking_and_smaller_ones_are_beginnings(cli: Cli, played: Path, tmp_path: Path) -> None:
    counts, cuts = tokens(played), []
    for n in (1, 4, 9):
        out = tmp_path / f"{n}.jsonl"
        done = cli("export", out, "--max-tokens", sum(counts[: n + 1]) - 1, "-p", played, "--json").json()
        assert (done["members"], done["cut"]["n_tokens"], done["cut"]["n_replies"]) == (n, sum(counts[:n]), n)
        assert done["cut"]["tokenizer"] == "bytes/4, an estimate"
        cuts.append(written(out))

    assert cuts[0] == cuts[2][:1]
    assert cuts[1] == cuts[2][:4]


def test_reply_budget_counts_replies(cli: Cli, played: Path, tmp_path: Path) -> None:
    done = cli("export", tmp_path / "out.jsonl", "--max-replies", 3, "-p", played)

    assert (done.code, done.stderr) == (0, "")
    assert f"3 replies with {sum(tokens(played)[:3])} tokens, counted with bytes/4, an estimate." in done.stdout


def test_card_says_what_the_cut_is_and_who_counted(cli: Cli, played: Path, tmp_path: Path) -> None:
    cli("export", tmp_path / "out.jsonl", "--max-tokens", 100, "--max-length", 90, "-p", played)
    card = (tmp_path / "out.jsonl.README.md").read_text()

    assert "## The cut" in card
    assert "at most 100 tokens in replies, at most 90 tokens in one conversation" in card
    assert "`bytes/4, an estimate`" in card


def test_card_of_the_best_rows_needs_no_counter(cli: Cli, played: Path, tmp_path: Path) -> None:
    done = cli("export", tmp_path / "out.jsonl", "--top", 3, "-p", played, "--json").json()
    card = (tmp_path / "out.jsonl.README.md").read_text()

    assert "with at most 3 rows." in card
    assert "okens" not in card
    assert (done["cut"]["top"], done["cut"]["tokenizer"]) == (3, "")


def test_whole_bank_has_no_cut(cli: Cli, played: Path, tmp_path: Path) -> None:
    assert cli("export", tmp_path / "out.jsonl", "-p", played, "--json").json()["cut"] is None
    assert "## The cut" not in (tmp_path / "out.jsonl.README.md").read_text()


def test_released_walk_is_named_in_the_card(cli: Cli, played: Path, tmp_path: Path) -> None:
    done = cli("export", tmp_path / "out.jsonl", "--walk", "paper", "--max-tokens", 60, "-p", played)

    assert done.code == 0
    assert "arXiv:2502.11419" in (tmp_path / "out.jsonl.README.md").read_text()


@pytest.mark.parametrize("budget", [("--max-tokens", 1), ("--max-length", 1)])
def test_budget_without_room_for_one_row_is_an_error_that_says_so(
    cli: Cli, played: Path, tmp_path: Path, budget: tuple[str, int]
) -> None:
    done = cli("export", tmp_path / "out.jsonl", *budget, "-p", played)

    assert (done.code, done.stdout) == (1, "")
    assert "no row fits at most 1 tokens in" in done.stderr
    assert not list(tmp_path.glob("*out*"))


@pytest.mark.parametrize("option", [("--max-tokens", 0), ("--max-replies", -1), ("--walk", "fast"), ("--top", 0)])
def test_impossible_budget_is_a_usage_error(cli: Cli, played: Path, tmp_path: Path, option: tuple[str, object]) -> None:
    assert cli("export", tmp_path / "out.jsonl", *option, "-p", played).code == 2


def test_unknown_tokenizer_is_a_usage_error(cli: Cli, played: Path, tmp_path: Path) -> None:
    done = cli("export", tmp_path / "out.jsonl", "--max-tokens", 9, "--tokenizer", "tiktoken:nope", "-p", played)

    assert (done.code, done.stdout) == (2, "")
    assert 'The tokenizer "tiktoken:nope" cannot be loaded' in done.stderr
