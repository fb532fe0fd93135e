"""Weights that a seed policy gives single generators: made anew every round, the same after a kill."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.llm_project import SEEDS, llm_project, writes
from support.projects import COMPARED, contents, play, query

from insgen.hooks import call

if TYPE_CHECKING:
    from insgen.testing.llm_server import LlmServer

TABLES = [*COMPARED, "seeds", "seed_events", "seed_notes"]


@pytest.fixture
def project(make_project: Callable[..., Path], llm_server: LlmServer) -> Path:
    llm_server.reply = writes
    toml, files = llm_project(llm_server, "rounds = 4")
    more = [{"instruction": f"Say what the word {word} means.", "output": "This."} for word in ("pod", "node", "quota")]
    return make_project(f'{toml}\n[seeds]\nuse = "bandit"\ngroups = 2\n', files | {"seeds.jsonl": [*SEEDS, *more]})


def test_the_first_round_draws_evenly_and_later_ones_by_yield(project: Path) -> None:
    play(project, rounds=1)
    assert query(project, "SELECT count(*) FROM seed_notes") == [(0,)]
    play(project, rounds=2)
    assert query(project, "SELECT round, policy FROM seed_notes ORDER BY round") == [(2, "bandit"), (3, "bandit")]
    assert query(project, "SELECT count(*) FROM positions WHERE stage = 'seeds' AND name = 'bandit'") == [(2,)]
    assert query(project, "SELECT count(*) FROM seed_events WHERE event = 'weighted'") == [(0,)]


def test_a_killed_round_draws_the_same_seeds_again(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(project, rounds=2)
    killed = Path(shutil.copytree(project, project.parent / "killed"))
    play(project, rounds=1)
    whole = call.generate

    def ended(*arguments: Any) -> None:
        whole(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(call, "generate", ended)
        with pytest.raises(KeyboardInterrupt):
            play(killed, rounds=1)
    play(killed, rounds=1)
    assert contents(killed, TABLES) == contents(project, TABLES)
