"""The tutorial's files are taken out of plugins/README.md, tested by its own commands, and used in a run."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.cli import insgen
from support.projects import play, query

from insgen.hooks import spec
from insgen.hooks.manager import load_plugins
from insgen.store import queries
from insgen.store.database import open_reader
from insgen.testing.recipes import check_recipe

if TYPE_CHECKING:
    from insgen.testing.llm_server import LlmServer

TUTORIAL = (Path(__file__).parents[2] / "plugins" / "README.md").read_text(encoding="utf-8")
STAGES = {
    "polite_filter.py": (),
    "clear_scorer.py": ("--files", ".", "--reply", "4"),
    "glossary_generator.py": ("--files", "."),
    "thumbs_feedback.py": (),
}
"""File -> what `insgen plugins test` is given besides."""

BASE = """
[embed]
use = "hashing"

[select]
use = "quality"
"""
GLOSSARY = (
    "pod: The smallest thing that Kubernetes runs.\nNODE AND ITS KUBELET: A machine.\nno meaning\nprobe: A check.\n"
)


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TUTORIAL, re.DOTALL)


def files() -> dict[str, str]:
    """The Python files by the names they are saved under, in the order of the page."""
    names = re.findall(r"Save\s+this\s+as\s+`(\w+\.py)`", TUTORIAL)
    return dict(zip(names, blocks("python"), strict=False))


def tables() -> str:
    """The config's tables of all sections as one config; each names its own plugin file."""
    shown = [block for block in blocks("toml") if block.startswith("plugins = ")]
    named = [name for block in shown for name in tomllib.loads(block)["plugins"]]
    return f"plugins = {json.dumps(named)}\n" + "".join(block.partition("\n")[2] for block in shown)


@pytest.fixture
def project(make_project: Callable[..., Path]) -> Callable[[str], Path]:
    """A project with every file of the page, and these tables besides its own."""

    def make(toml: str) -> Path:
        (prompt,) = blocks("text")
        extra = {
            "prompts/score/clear.md": prompt,
            "glossary.txt": GLOSSARY,
            "thumbs.csv": "id,thumb\nb2:1,up\nb2:2,down\n",
        }
        return make_project(tables() + toml + BASE, files() | extra)

    return make


def test_every_section_has_its_file() -> None:
    assert list(files()) == list(STAGES)
    assert len(blocks("python")) == len(STAGES) + 1  # the recipe's module has the name of its package


@pytest.mark.parametrize("file", STAGES)
def test_file_keeps_every_promise_of_its_kind(project: Callable[[str], Path], file: str) -> None:
    done = insgen("plugins", "test", f"./{file}", *STAGES[file], cwd=project("[llm]\nmodel = 'openai/x'\n"))
    assert done.code == 0, done.stdout + done.stderr
    assert "all kept." in done.stdout


def test_all_of_them_work_together_in_a_run(project: Callable[[str], Path], llm_server: LlmServer) -> None:
    llm_server.reply = lambda asked: "5" if "smallest" in asked.text else "none"
    folder = project(llm_server.toml())
    result = play(folder)
    assert (result.counters["proposed"], result.counters["unreadable"]) == (3, 1)
    (rejected,) = queries.rejected_examples(open_reader(folder / "insgen.db"), 5)
    assert (rejected["filter"], rejected["reason"], rejected["limit_value"]) == ("polite", "shouting", 0.4)
    assert query(folder, "SELECT scorer, value, reason FROM scores ORDER BY value DESC") == [
        ("clear", 5.0, ""),
        ("clear", None, "the reply is no digit from 1 to 5"),
    ]
    assert query(folder, "SELECT candidate_id, name, value FROM signals ORDER BY id") == [
        ("b2:1", "thumb", 1.0),
        ("b2:2", "thumb", -1.0),
    ]
    assert query(folder, "SELECT generator, line_start FROM proposals ORDER BY id") == [
        ("glossary", line) for line in (1, 2, 4)
    ]


def test_the_recipe_loads_and_names_only_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "glossary_set.py").write_text(blocks("python")[-1], encoding="utf-8")
    (offer,) = [each for each in load_plugins(["glossary_set.py"], tmp_path).offers if each.plugin == "glossary_set.py"]
    assert offer.name == "glossary-set"
    check_recipe(offer.cls, tmp_path)


def test_the_commands_of_the_first_section_are_those_that_new_tells(tmp_path: Path) -> None:
    commands = blocks("console")[0].splitlines()
    made = insgen(*commands[1].split()[1:], cwd=tmp_path)
    assert made.code == 0
    told = [line.strip() for line in made.stdout.partition("Next:")[2].splitlines() if line.strip()]
    assert told == commands[2:]


def test_the_entry_point_of_the_tutorial_is_in_the_group_that_is_loaded() -> None:
    (shown,) = [block for block in blocks("toml") if "entry-points" in block]
    assert "insgen" in tomllib.loads(shown)["project"]["entry-points"]


def test_every_hook_stands_in_the_tutorial() -> None:
    missing = [name for name in vars(spec) if name.startswith("insgen_") and f"`{name}`" not in TUTORIAL]
    assert missing == []
