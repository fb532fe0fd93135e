"""Replay: the stored proposals judged again, without cost and without a trace."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support.projects import DATA, EMBED, FILTERS, SCORE, count, file_hashes, play, plugin, query, rows

from insgen.errors import ConfigError, StoreError
from insgen.hooks.spec import hookimpl
from insgen.loop.adding import add_data
from insgen.loop.assemble import Assembly
from insgen.loop.replay import replay
from insgen.store.database import open_store

TOML = "[loop]\nbatch = 15\n" + DATA + EMBED + FILTERS + SCORE
SELECTORS = {name: f'[select]\nuse = "{name}"\nsize = 10\n' for name in ("quality", "pibe", "k_center", "random")}


class Ranks:
    """Notes the bank of every version."""

    def __init__(self) -> None:
        self.versions: list[tuple[int, list[str], list[str]]] = []

    @hookimpl
    def insgen_bank_changed(self, version: int, admitted: list[str], evicted: list[str]) -> None:
        self.versions.append((version, list(admitted), list(evicted)))


class Impatient:
    """Raises after the first round."""

    @hookimpl
    def insgen_round_finished(self) -> None:
        raise RuntimeError("enough")


@pytest.mark.parametrize("selector", SELECTORS)
def test_without_overrides_the_same_bank_comes_out_version_by_version(
    make_project: Callable[..., Path], selector: str
) -> None:
    project = make_project(TOML + SELECTORS[selector], {"data.jsonl": [*rows(50), *rows(10)]})
    first, again = Ranks(), Ranks()
    play(project, rounds=1, watchers=[first])
    play(project, watchers=[first])
    before = file_hashes(project)
    found = replay(project, [], again)
    assert found.old == found.new
    assert (found.shared, found.gained, found.lost) == (10, [], [])
    assert again.versions == first.versions
    assert len(first.versions) == 4
    assert file_hashes(project) == before


@pytest.mark.parametrize("bad_first", [True, False])
def test_rounds_that_proposed_nothing_keep_their_number(make_project: Callable[..., Path], bad_first: bool) -> None:
    paths = ["bad.jsonl", "data.jsonl"] if bad_first else ["more.jsonl", "bad.jsonl", "data.jsonl"]
    toml = TOML.replace('["data.jsonl"]', str(paths).replace("'", '"')).replace(
        'use = "dataset"', 'use = "dataset"\nformat = "alpaca"'
    )
    files = {"data.jsonl": rows(40), "bad.jsonl": '{"instruction": ""}\n' * 3, "more.jsonl": rows(15, seed=2)}
    project = make_project(toml + SELECTORS["random"], files)
    play(project)
    empty = query(project, "SELECT round FROM rounds WHERE proposed = 0")
    assert empty == [(1 if bad_first else 2,)]
    found = replay(project, [])
    assert (found.shared, found.gained, found.lost) == (10, [], [])
    assert found.old == found.new


def test_another_limit_gives_another_bank_and_tells_what_came_and_went(make_project: Callable[..., Path]) -> None:
    project = make_project(TOML + SELECTORS["quality"], {"data.jsonl": rows(60)})
    play(project)
    before = file_hashes(project)
    found = replay(project, ["filter.near_duplicate.limit=0.3", "select.size=8"])
    assert file_hashes(project) == before
    assert found.new["candidates"] == found.old["candidates"] == 60
    assert found.new["kept"] < found.old["kept"]
    assert found.new["members"] <= 8 < found.old["members"]
    assert found.shared + len(found.gained) == found.new["members"]
    assert found.shared + len(found.lost) == found.old["members"]
    near = [
        sum(n for reason, n in figures["rejections"].items() if reason.startswith("near_duplicate: "))
        for figures in (found.old, found.new)
    ]
    assert near[0] < near[1]
    bank = {row[0] for row in query(project, "SELECT candidate_id FROM members")}
    assert {row["id"] for row in found.lost} <= bank
    assert not {row["id"] for row in found.gained} & bank


def test_no_scratch_file_is_left_behind(
    make_project: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(TOML + SELECTORS["quality"], {"data.jsonl": rows(20)})
    play(project)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    replay(project, [])
    with pytest.raises(RuntimeError, match="enough"):
        replay(project, [], Impatient())
    assert list(scratch.iterdir()) == []


def test_vectors_are_not_made_again(make_project: Callable[..., Path]) -> None:
    embedder = """
identity = "counted"
dimension = 4
def embed(self, texts):
    import pathlib
    with pathlib.Path("CALLS").open("a") as calls:
        calls.write("x" * len(texts))
    made = np.zeros((len(texts), 4), dtype=np.float32)
    made[:, 0] = 1
    return made
"""
    project = make_project(
        'plugins = ["mine.py"]\n' + DATA + '[embed]\nuse = "rogue"\n' + SELECTORS["quality"], {"data.jsonl": rows(9)}
    )
    calls = project / "calls"
    (project / "mine.py").write_text(plugin(embedder.replace("CALLS", str(calls)), "insgen_embedders"))
    play(project)
    replay(project, ["select.size=3"])
    assert len(calls.read_text()) == count(project, "vectors") == 9


def test_generators_are_not_asked(make_project: Callable[..., Path]) -> None:
    project = make_project(TOML + SELECTORS["quality"], {"data.jsonl": rows(20)})
    play(project)
    (project / "data.jsonl").unlink()
    assert replay(project, []).shared == 10


def test_what_was_never_judged_stays_out(make_project: Callable[..., Path]) -> None:
    project = make_project(TOML + SELECTORS["quality"], {"data.jsonl": rows(20), "more.jsonl": rows(20, seed=7)})
    play(project)
    assembly = Assembly(project)
    store = open_store(project / "insgen.db")
    add_data(store, assembly.config, assembly.plugins, "more.jsonl", {}, lambda _: None)
    store.close()
    found = replay(project, [])
    assert found.new["candidates"] == 20
    assert found.lost == found.gained == []
    assert query(project, "SELECT count(*) FROM proposals WHERE round IS NULL") == [(20,)]


def test_an_unplayed_project_cannot_be_replayed(make_project: Callable[..., Path]) -> None:
    project = make_project(EMBED + SELECTORS["quality"])
    with pytest.raises(StoreError, match="There is no database"):
        replay(project, [])
    play(project)
    with pytest.raises(ConfigError, match=r"No round was played in this project yet\.\n  Expected stored proposals"):
        replay(project, [])
