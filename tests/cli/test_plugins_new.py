"""`insgen plugins new` and `insgen plugins test`, as a plugin's author calls them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from support.cli import Result

SHOUTING = '''
"""Drops shouting."""

import random
from dataclasses import dataclass
from typing import ClassVar

from insgen import Verdict, hookimpl


@dataclass(frozen=True)
class Coin:
    """Tosses a coin."""

    name: ClassVar[str] = "coin"
    needs_vectors: ClassVar[bool] = False
    limit: float = 0.5

    def filter(self, candidates, bank):
        return [Verdict(c.id, random.random() > self.limit, "luck", 0.5, "0..1", reason="tails") for c in candidates]


@hookimpl
def insgen_filters():
    return [Coin]
'''


def test_command_says_what_to_do_next(
    cli: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = cli("plugins", "new", "polite", "--stage", "filter")

    assert said.code == 0
    assert "src/insgen_polite/__init__.py" in said.stdout
    assert "cd polite\n  pip install -e .\n  pytest\n  insgen plugins show polite" in said.stdout


@pytest.mark.parametrize("options", [(), ("--stage", "filter", "--recipe"), ("--stage", "filtr")])
def test_neither_stage_nor_recipe_or_both_is_refused(
    options: tuple[str, ...], cli: Callable[..., Result], tmp_path: Path
) -> None:
    said = cli("plugins", "new", "polite", "--into", str(tmp_path / "new"), *options)
    assert said.code == 2
    assert "filter" in said.stderr


def test_coin_breaks_the_promises_a_coin_breaks(cli: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "coin.py").write_text(SHOUTING)
    said = cli("plugins", "test", str(tmp_path / "coin.py"), "--json")

    broken = {each["promise"]: each["remark"] for each in said.json() if not each["kept"]}
    assert said.code == 1
    assert set(broken) == {
        "every option has a sentence and a default or is required",
        "the same question gets the same answer",
        "it draws from no global generator, prints nothing and changes nothing around it",
    }
    assert all("coin" in remark for remark in broken.values())
    assert (
        "the state of `random`"
        in broken["it draws from no global generator, prints nothing and changes nothing around it"]
    )


def test_good_plugin_keeps_every_promise(cli: Callable[..., Result], tmp_path: Path) -> None:
    cli("plugins", "new", "polite", "--stage", "filter", "--into", str(tmp_path / "polite"))
    said = cli("plugins", "test", str(tmp_path / "polite" / "src" / "insgen_polite" / "__init__.py"))

    assert said.code == 0
    assert "all kept" in said.stdout
    assert "ms per candidate" in said.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("no_such_module",), "no_such_module"),
        (("insgen.plugins.filters.rouge", "--stage", "polite"), 'no stage called "polite"'),
        (("insgen.plugins.filters.rouge", "--set", "limit=1"), "STAGE.OPTION=VALUE"),
        (("insgen.plugins.recipes.builtin",), "offers no stage"),
    ],
)
def test_plugin_that_cannot_be_tested_is_named(
    cli: Callable[..., Result], arguments: tuple[str, ...], told: str
) -> None:
    said = cli("plugins", "test", *arguments)
    assert said.code in (1, 2)
    assert told in said.stderr
