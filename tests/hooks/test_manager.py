"""Who offers which name: built-ins, plugins that the config names, and what is refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from support.projects import DATA, EMBED, PLAIN, play, plugin, query, rows

from insgen.errors import ConfigError, PluginError
from insgen.hooks import stages
from insgen.hooks.examine import ALSO
from insgen.hooks.manager import BUILTIN_PLUGINS, KINDS, load_plugins
from insgen.hooks.spec import hookimpl

KEEP_ALL = """
#: Longest instruction, in words, >= 1.
most: int = 99

def filter(self, candidates, bank):
    return [Verdict(c.id, len(c.instruction.split()) <= self.most, reason="too long") for c in candidates]
"""


def refusal(folder: Path, *named: str) -> str:
    with pytest.raises(PluginError) as caught:
        load_plugins(named, folder)
    return str(caught.value)


def test_every_built_in_is_usable_and_bears_a_name_of_its_own() -> None:
    plugins = load_plugins()
    assert plugins.broken == []
    names = [(offer.kind, offer.name) for offer in plugins.offers]
    assert len(set(names)) == len(names)
    assert {offer.plugin for offer in plugins.offers} == set(BUILTIN_PLUGINS)
    assert {offer.distribution for offer in plugins.offers} == {"insgen"}


def test_without_built_ins_only_installed_plugins_are_asked() -> None:
    assert [offer for offer in load_plugins(builtins=False).offers if offer.distribution == "insgen"] == []


def test_a_file_named_in_the_config_offers_its_stages(make_project: Callable[..., Path]) -> None:
    project = make_project(
        'plugins = ["stages/mine.py"]\n' + DATA + PLAIN + '[[filter]]\nuse = "rogue"\nmost = 1\n',
        {"stages/mine.py": plugin(KEEP_ALL, "insgen_filters"), "data.jsonl": rows(20)},
    )
    counters = play(project).counters
    one_word = sum(len(row["instruction"].split()) == 1 for row in rows(20))
    assert 0 < counters["kept"] <= one_word
    version = load_plugins(["stages/mine.py"], project).find("filter", "rogue").version
    assert query(project, "SELECT DISTINCT filter, version FROM verdicts") == [("rogue", version)]
    assert version.startswith("b2:")


def test_the_version_of_a_file_changes_with_its_text(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    versions = []
    for body in (KEEP_ALL, KEEP_ALL + "\n# changed", KEEP_ALL):
        file.write_text(plugin(body, "insgen_filters"))
        versions.append(load_plugins(["mine.py"], tmp_path).find("filter", "rogue").version)
    assert versions[0] == versions[2] != versions[1]


def test_two_plugins_with_one_name_are_both_named_once_the_name_is_used(make_project: Callable[..., Path]) -> None:
    project = make_project(
        'plugins = ["first.py", "second.py"]\n' + EMBED,
        {"first.py": plugin(KEEP_ALL, "insgen_filters"), "second.py": plugin(KEEP_ALL + "# 2", "insgen_filters")},
    )
    assert play(project).reason == "there was nothing new to judge"  # nobody uses the name
    config = project / "insgen.toml"
    config.write_text(config.read_text() + '[[filter]]\nuse = "rogue"\n')
    with pytest.raises(PluginError) as caught:
        play(project)
    for part in (
        'Two plugins offer a filter called "rogue"',
        "first.py (config b2:",
        "second.py (config b2:",
        "Uninstall one",
    ):
        assert part in str(caught.value)


def test_a_plugin_may_not_shadow_a_built_in(make_project: Callable[..., Path]) -> None:
    body = plugin(KEEP_ALL, "insgen_filters").replace('"rogue"', '"length"')
    project = make_project('plugins = ["mine.py"]\n' + EMBED + '[[filter]]\nuse = "length"\n', {"mine.py": body})
    with pytest.raises(
        PluginError, match=r'filter called "length": insgen\.plugins\.filters\.length \(insgen .* and mine\.py'
    ):
        play(project)


BROKEN_FILES = {
    "missing.py": (None, ("FileNotFoundError", "missing.py")),
    "syntax.py": ("def broken(:\n    pass\n", ("SyntaxError", "syntax.py, line 1")),
    "raises.py": ("x = 1\nraise ValueError('not today')\n", ("ValueError: not today", "raises.py, line 2")),
    "leaves.py": ("import sys\n\nsys.exit(3)\n", ("SystemExit: 3", "leaves.py, line 3")),
    "imports.py": (
        "import no_such_module_anywhere\n",
        ("No module named 'no_such_module_anywhere'", "imports.py, line 1"),
    ),
    "deep.py": ("import json\njson.loads('{')\n", ("JSONDecodeError", "deep.py, line 2")),
    "empty.py": ("x = 1\n", ("no function marked @insgen.hookimpl",)),
    "binary.py": ("\x00\x01", ("null bytes",)),
    "no_such_module": (None, ("No module named 'no_such_module'",)),
}


@pytest.mark.parametrize("name", BROKEN_FILES)
def test_a_named_plugin_that_cannot_be_loaded_is_refused_with_its_file_and_line(tmp_path: Path, name: str) -> None:
    text, parts = BROKEN_FILES[name]
    if text is not None:
        (tmp_path / name).write_text(text)
    message = refusal(tmp_path, name)
    for part in (f'The config names the plugin "{name}"', "Mend it, or take it out of `plugins`", *parts):
        assert part in message


HOOK = "from insgen import *\nfrom dataclasses import dataclass\n@hookimpl\ndef insgen_filters():\n    "
MISUSED_HOOKS = {
    "raises": (HOOK + "raise ValueError('no filters today')", ("ValueError: no filters today", "mine.py, line 5")),
    "leaves": (HOOK + "raise SystemExit(1)", ("SystemExit: 1", "mine.py, line 5")),
    "none": (HOOK + "return 7", ("insgen_filters returned int",)),
    "text": (HOOK + "return 'length'", ("insgen_filters returned str",)),
    "instance": (
        HOOK + "return [object()]",
        (
            "as a filter",
            "Expected a class",
        ),
    ),
    "nameless": (HOOK + "return [dict]", ("dict has no name",)),
    "plain class": (
        HOOK + "return [type('C', (), {'name': 'c', 'filter': print})]",
        ('the filter "c" is no frozen dataclass',),
    ),
    "not frozen": (
        HOOK + "return [dataclass(type('C', (), {'name': 'c', 'filter': print}))]",
        ('the filter "c" is no frozen dataclass',),
    ),
    "methodless": (
        HOOK + "return [dataclass(frozen=True)(type('C', (), {'name': 'c'}))]",
        ('the filter "c" has no method filter()',),
    ),
    "incomplete": (
        HOOK + "return [dataclass(frozen=True)(type('C', (), {'name': 'c', 'filter': print}))]",
        ('the filter "c" has no needs_vectors', "Expected a filter as docs/hooks.md describes it"),
    ),
    "wrong signature": (
        "from insgen import hookimpl\n@hookimpl\ndef insgen_filters(candidates):\n    return []\n",
        ("its insgen_filters(candidates) asks for candidates (", "mine.py, line 2)", "Expected insgen_filters(), or"),
    ),
    "unknown hook": (
        "from insgen import hookimpl\n@hookimpl\ndef insgen_fliters():\n    return []\n",
        ("unknown hook 'insgen_fliters' (", "mine.py, line 2)", 'perhaps "insgen_filters"'),
    ),
    "recipe": (
        "from insgen import hookimpl\n@hookimpl\ndef insgen_recipes():\n    return [1]\n",
        ("insgen_recipes offers 1 (", "Expected an insgen.Recipe"),
    ),
    "command": (
        "from insgen import hookimpl\n@hookimpl\ndef insgen_commands():\n    return [len]\n",
        ("Expected a click command with a name",),
    ),
}


@pytest.mark.parametrize("case", MISUSED_HOOKS)
def test_a_plugin_that_misuses_a_hook_is_refused(tmp_path: Path, case: str) -> None:
    text, parts = MISUSED_HOOKS[case]
    (tmp_path / "mine.py").write_text(text)
    message = refusal(tmp_path, "mine.py")
    for part in ('The config names the plugin "mine.py"', *parts):
        assert part in message


def test_a_hook_may_answer_none_and_offer_nothing(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(HOOK + "return None")
    plugins = load_plugins(["mine.py"], tmp_path)
    assert (plugins.broken, [offer for offer in plugins.offers if offer.plugin == "mine.py"]) == ([], [])


def test_a_plugin_named_twice_acts_once(tmp_path: Path) -> None:
    plugins = load_plugins(["insgen.plugins.filters.length"], tmp_path)
    assert plugins.broken == []
    assert [offer.plugin for offer in plugins.named("filter") if offer.name == "length"] == [
        "insgen.plugins.filters.length"
    ]
    assert plugins.manager.is_registered(plugins.manager.get_plugin("insgen.plugins.filters.length"))


def test_unknown_name_lists_the_known_and_suggests_one() -> None:
    with pytest.raises(ConfigError) as caught:
        load_plugins().find("filter", "rogue", "insgen.toml, [[filter]] 1")
    message = str(caught.value)
    for part in (
        "insgen.toml, [[filter]] 1: ",
        'No filter is called "rogue"',
        'Did you mean "rouge"?',
        "Known: ",
        "`insgen plugins list`",
    ):
        assert part in message


def test_every_kind_of_stage_has_a_hook_of_its_own() -> None:
    manager = load_plugins().manager
    for hook, _ in KINDS.values():
        assert getattr(manager.hook, hook).spec is not None


@pytest.mark.parametrize("kind", KINDS)
def test_every_member_of_a_kinds_protocol_is_looked_for(kind: str) -> None:
    protocol = getattr(stages, kind.title().replace(" ", ""))
    members = {each for each in (*vars(protocol), *protocol.__annotations__) if not each.startswith("_")}
    assert members == {"name", KINDS[kind][1], *ALSO.get(kind, ())}


def test_a_watcher_hears_what_it_asks_for_only() -> None:
    heard: list[int] = []

    class Watcher:
        @hookimpl
        def insgen_round_finished(self, round: int) -> None:
            heard.append(round)

    manager = load_plugins().manager
    manager.register(Watcher())
    manager.hook.insgen_round_finished(run_id=1, round=4, counters={})
    assert heard == [4]


@pytest.mark.skipif(os.name != "posix", reason="permissions of others are a thing of POSIX")
def test_file_that_everybody_may_write_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(plugin(KEEP_ALL, "insgen_filters"))
    file.chmod(0o646)
    assert "chmod o-w" in refusal(tmp_path, "mine.py")

    file.chmod(0o644)
    assert load_plugins(["mine.py"], tmp_path).find("filter", "rogue").name == "rogue"
