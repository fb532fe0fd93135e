"""Installed plugins: real distributions on `sys.path`; a broken one is named and harms nobody else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.projects import DATA, PLAIN, play, plugin, rows

from insgen.errors import ConfigError, PluginError
from insgen.hooks.manager import load_plugins

GOOD = plugin(
    "def filter(self, candidates, bank):\n    return [Verdict(c.id, True) for c in candidates]", "insgen_filters"
)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Install a distribution with one module and one entry point, as pip would lay it out."""
    known = set(sys.modules)

    def put(name: str, text: str, version: str = "1.2.3") -> Path:
        folder = tmp_path / "site" / name
        info = folder / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[insgen]\n{name} = {name}_plugin\n")
        module = folder / f"{name}_plugin.py"
        module.write_text(text)
        monkeypatch.syspath_prepend(folder)
        return module

    yield put
    for name in set(sys.modules) - known:
        if name.endswith("dist_plugin"):
            del sys.modules[name]


def test_an_installed_plugin_offers_its_stages_with_its_version(install: Callable[..., Path]) -> None:
    install("gooddist", GOOD)
    offer = load_plugins().find("filter", "rogue")
    assert (offer.plugin, offer.distribution, offer.version) == ("gooddist_plugin", "gooddist", "1.2.3")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("import os\n\nraise RuntimeError('bad day')\n", ("RuntimeError: bad day", "line 3")),
        ("import no_such_thing\n", ("No module named 'no_such_thing'", "line 1")),
        ("x = (\n", ("SyntaxError", "baddist_plugin.py, line 1")),
        ("raise SystemExit('bye')\n", ("SystemExit: bye", "line 1")),
        (
            "from insgen import hookimpl\n@hookimpl\ndef insgen_filters():\n    return 1 / 0\n",
            ("ZeroDivisionError", "line 4"),
        ),
        (
            "from insgen import hookimpl\n@hookimpl\ndef insgen_fliters():\n    return []\n",
            ("unknown hook 'insgen_fliters'",),
        ),
        ("x = 1\n", ("no function marked @insgen.hookimpl",)),
    ],
)
def test_a_broken_installed_plugin_is_named_and_left_out(
    install: Callable[..., Path], text: str, parts: tuple[str, ...]
) -> None:
    install("baddist", text)
    install("gooddist", GOOD)
    plugins = load_plugins()
    (broken,) = plugins.broken
    for part in ("baddist_plugin (distribution baddist 1.2.3) was left out", "Upgrade or uninstall baddist", *parts):
        assert part in str(broken)
    if parts[-1].startswith("line"):
        assert "baddist_plugin.py, " + parts[-1] in str(broken)
    assert plugins.find("filter", "rogue").distribution == "gooddist"
    assert plugins.find("filter", "length").distribution == "insgen"


def test_nothing_of_a_plugin_that_was_left_out_acts(install: Callable[..., Path]) -> None:
    text = GOOD + "\n@hookimpl\ndef insgen_selectors():\n    raise ValueError('half')\n"
    text += "\n@hookimpl\ndef insgen_round_finished():\n    raise AssertionError('heard')\n"
    install("halfdist", text)
    plugins = load_plugins()
    assert [broken.distribution for broken in plugins.broken] == ["halfdist"]
    plugins.manager.hook.insgen_round_finished(run_id=1, round=1, counters={})
    with pytest.raises(ConfigError):
        plugins.find("filter", "rogue")


def test_a_run_goes_on_beside_a_broken_plugin_it_does_not_need(
    install: Callable[..., Path], make_project: Callable[..., Path]
) -> None:
    install("baddist", "raise RuntimeError('bad day')\n")
    project = make_project(DATA + PLAIN, {"data.jsonl": rows(5)})
    assert play(project).counters["proposed"] == 5


def test_a_config_that_needs_a_broken_plugin_is_told_why_it_is_not_there(
    install: Callable[..., Path], make_project: Callable[..., Path]
) -> None:
    install("baddist", "raise RuntimeError('bad day')\n")
    project = make_project(PLAIN + '[[filter]]\nuse = "rogue"\n')
    with pytest.raises(ConfigError) as caught:
        play(project)
    for part in ('No filter is called "rogue"', "baddist_plugin could not be loaded: RuntimeError: bad day"):
        assert part in str(caught.value)
    assert not (project / "insgen.db").exists()


def test_two_distributions_with_one_name_are_both_named(install: Callable[..., Path]) -> None:
    install("onedist", GOOD)
    install("twodist", GOOD, version="4.5")
    with pytest.raises(PluginError) as caught:
        load_plugins().find("filter", "rogue")
    for part in ("onedist_plugin (onedist 1.2.3)", "twodist_plugin (twodist 4.5)", "Uninstall one of them"):
        assert part in str(caught.value)


def test_an_installed_plugin_that_the_config_names_too_acts_once(
    install: Callable[..., Path], make_project: Callable[..., Path]
) -> None:
    install("gooddist", GOOD)
    project = make_project(
        'plugins = ["gooddist_plugin"]\n' + DATA + PLAIN + '[[filter]]\nuse = "rogue"\n', {"data.jsonl": rows(5)}
    )
    assert play(project).counters["proposed"] == 5
