"""Whether a plugin can have commands is told from its source, and where that cannot be, it is imported."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from insgen.hooks.scan import may_offer

COMMANDS = "@hookimpl\ndef insgen_commands():\n    return []\n"
SOURCES = {
    "plain": (COMMANDS, True),
    "filters": ("def insgen_filters(): ...\n", False),
    "imported": ("from scanned_x.cli import insgen_commands\n", True),
    "renamed": ("@hookimpl(specname='insgen_commands')\ndef offer(): ...\n", True),
    "starred": ("from scanned_x.cli import *\n", True),
}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.parametrize("case", SOURCES)
def test_a_module_that_never_names_the_hook_cannot_have_it(site: Path, case: str) -> None:
    source, expected = SOURCES[case]
    (site / f"scanned_{case}.py").write_text(source)
    assert may_offer(EntryPoint("x", f"scanned_{case}", "insgen"), "insgen_commands") is expected


def test_a_module_inside_packages_is_read_without_importing_them(site: Path) -> None:
    deep = site / "scanned_outer" / "inner"
    deep.mkdir(parents=True)
    for folder in (deep.parent, deep):
        (folder / "__init__.py").write_text("raise AssertionError('imported')\n")
    (deep / "hooks.py").write_text("def insgen_filters(): ...\n")
    (deep / "cli.py").write_text(COMMANDS)
    assert not may_offer(EntryPoint("x", "scanned_outer.inner.hooks", "insgen"), "insgen_commands")
    assert may_offer(EntryPoint("x", "scanned_outer.inner.cli", "insgen"), "insgen_commands")


@pytest.mark.parametrize("value", ["scanned_nowhere", "scanned_nowhere.deep", "scanned_plain:Plugin", "sys"])
def test_what_cannot_be_read_may_have_it(value: str) -> None:
    assert may_offer(EntryPoint("x", value, "insgen"), "insgen_commands")
