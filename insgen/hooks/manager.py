"""Builds the plugin manager, and knows which name is offered by whom.

Built-ins come in by the same door as strangers: first `BUILTIN_PLUGINS`, then the entry points of the group
``insgen``, sorted by name and loaded one by one, then what the config names. A plugin that cannot be used is left
out and remembered with its distribution, its file and the cure; only a config that needs it fails.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import importlib.util
import os
import stat
import sys
import sysconfig
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pluggy

from insgen.errors import ConfigError, PluginError, suggest
from insgen.hooks import spec
from insgen.records import Recipe

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

BUILTIN_PLUGINS = (
    "insgen.plugins.generators.documents",
    "insgen.plugins.generators.dataset",
    "insgen.plugins.generators.self_instruct",
    "insgen.plugins.generators.alpaca",
    "insgen.plugins.generators.sedi",
    "insgen.plugins.generators.evol",
    "insgen.plugins.generators.grounded",
    "insgen.plugins.parsers.numbered",
    "insgen.plugins.parsers.alpaca_blocks",
    "insgen.plugins.parsers.json_items",
    "insgen.plugins.embedders.sentence_transformers",
    "insgen.plugins.embedders.hashing",
    "insgen.plugins.filters.length",
    "insgen.plugins.filters.keywords",
    "insgen.plugins.filters.exact_duplicate",
    "insgen.plugins.filters.rouge",
    "insgen.plugins.filters.near_duplicate",
    "insgen.plugins.filters.refusal",
    "insgen.plugins.filters.language",
    "insgen.plugins.filters.pii",
    "insgen.plugins.filters.decontamination",
    "insgen.plugins.responders.llm",
    "insgen.plugins.responders.self_instruct",
    "insgen.plugins.scorers.heuristic",
    "insgen.plugins.scorers.judge",
    "insgen.plugins.scorers.deita",
    "insgen.plugins.selectors.pibe",
    "insgen.plugins.selectors.k_center",
    "insgen.plugins.selectors.deita",
    "insgen.plugins.selectors.facility_location",
    "insgen.plugins.selectors.mmr",
    "insgen.plugins.selectors.cluster_quota",
    "insgen.plugins.selectors.quality",
    "insgen.plugins.selectors.random",
    "insgen.plugins.seed_policies.uniform",
    "insgen.plugins.seed_policies.sedi",
    "insgen.plugins.feedback.training_log",
    "insgen.plugins.exporters.alpaca",
    "insgen.plugins.exporters.sharegpt",
    "insgen.plugins.exporters.messages",
    "insgen.plugins.exporters.prompt_completion",
    "insgen.plugins.exporters.parquet",
    "insgen.plugins.executors.in_process",
    "insgen.plugins.recipes.builtin",
)

KINDS: dict[str, tuple[str, str]] = {
    "generator": ("insgen_generators", "generate"),
    "parser": ("insgen_parsers", "parse"),
    "embedder": ("insgen_embedders", "embed"),
    "filter": ("insgen_filters", "filter"),
    "responder": ("insgen_responders", "respond"),
    "scorer": ("insgen_scorers", "score"),
    "selector": ("insgen_selectors", "select"),
    "seed policy": ("insgen_seed_policies", "draw"),
    "feedback source": ("insgen_feedback_sources", "read"),
    "exporter": ("insgen_exporters", "export"),
    "executor": ("insgen_executors", "map_batches"),
}
"""Kind of stage -> the hook that offers it, and the method that makes it one."""


@dataclass(frozen=True)
class Offer:
    """One name, and who offers it.

    :ivar cls: the stage class, or the recipe or command itself.
    :ivar plugin: module or file of the plugin.
    :ivar distribution: the installed distribution it came with; ``insgen`` for built-ins, ``config`` for named files.
    :ivar version: version of the distribution, or a content id of the file.
    """

    kind: str
    name: str
    cls: Any
    plugin: str
    distribution: str
    version: str


@dataclass(frozen=True)
class Broken:
    """A plugin that was left out.

    :ivar problem: what happened, one line; ``file`` and line where known.
    """

    plugin: str
    distribution: str
    problem: str

    def __str__(self) -> str:
        return (
            f"The plugin {self.plugin} (distribution {self.distribution}) was left out: {self.problem}.\n"
            f"  Upgrade or uninstall {self.distribution}, or tell its author."
        )


@dataclass
class Plugins:
    """Every plugin that could be loaded, and what each offers.

    :ivar manager: the pluggy manager; watchers are called through ``manager.hook``.
    :ivar broken: what was left out, and why.
    """

    manager: pluggy.PluginManager
    offers: list[Offer] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)

    def named(self, kind: str) -> list[Offer]:
        """All offers of one kind, sorted by name."""
        return sorted((offer for offer in self.offers if offer.kind == kind), key=lambda offer: offer.name)

    def find(self, kind: str, name: str, where: str = "") -> Offer:
        """Find the one offer of that name.

        :param where: the place in the config that asks, for the message.
        :raises ConfigError: nobody offers it; with a suggestion.
        :raises PluginError: two plugins offer it.
        """
        found = [offer for offer in self.offers if offer.kind == kind and offer.name == name]
        if len(found) > 1:
            who = " and ".join(f"{offer.plugin} ({offer.distribution} {offer.version})" for offer in found)
            raise PluginError(
                f'Two plugins offer a {kind} called "{name}": {who}.\n  Expected one.\n'
                "  Uninstall one of them, or ask an author to rename theirs."
            )
        if found:
            return found[0]
        known = [offer.name for offer in self.named(kind)]
        lost = "".join(f"\n  {broken.plugin} could not be loaded: {broken.problem}." for broken in self.broken)
        prefix = f"{where}: " if where else ""
        raise ConfigError(
            f'{prefix}No {kind} is called "{name}".{suggest(name, known)}\n'
            f"  Known: {', '.join(known) or 'none'}.{lost}\n"
            "  `insgen plugins list` shows every name and who offers it."
        )


def load_plugins(named: Sequence[str] = (), folder: Path | None = None, *, builtins: bool = True) -> Plugins:
    """Build the manager and collect every offer.

    :param named: files (``./my_filter.py``) or modules named in the config; loaded last.
    :param folder: what relative files are relative to.
    :param builtins: False leaves the built-in stages out (to look for commands only).
    :raises PluginError: a plugin *named in the config* cannot be loaded.
    """
    manager = pluggy.PluginManager("insgen")
    manager.add_hookspecs(spec)
    plugins = Plugins(manager)
    if builtins:
        own = _own_version()
        for built_in in BUILTIN_PLUGINS:
            _register(plugins, importlib.import_module(built_in), built_in, "insgen", own)
    for entry in _entry_points():
        _load_entry(plugins, entry)
    for name in named:
        module, version = _import_named(name, folder or Path())
        _register(plugins, module, name, "config", version)
        if plugins.broken and plugins.broken[-1].plugin == name:
            raise PluginError(
                f'The config names the plugin "{name}": {plugins.broken[-1].problem}.\n'
                "  Expected a module with functions marked @insgen.hookimpl.\n  Mend it, or take it out of `plugins`."
            )
    return plugins


def _load_entry(plugins: Plugins, entry: EntryPoint) -> None:
    distribution = entry.dist.name if entry.dist else "unknown"
    version = entry.dist.version if entry.dist else "unknown"
    try:
        loaded = entry.load()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's import may raise anything; it is named
        plugins.broken.append(Broken(entry.value, distribution, _describe(error)))
        return
    _register(plugins, loaded, entry.value, distribution, version)


def _register(plugins: Plugins, module: Any, name: str, distribution: str, version: str) -> None:
    manager = plugins.manager
    if manager.is_registered(module):
        return  # installed twice, or installed and named in the config as well
    try:
        manager.register(module, name=name)
        manager.check_pending()
        offers = [
            Offer(kind, each, cls, name, distribution, version) for kind, each, cls in _offers_of(manager, module)
        ]
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's hook may raise anything; it is named
        if manager.is_registered(module):
            manager.unregister(module)
        plugins.broken.append(Broken(name, distribution, _describe(error)))
        return
    if not manager.get_hookcallers(module):
        plugins.broken.append(Broken(name, distribution, "it has no function marked @insgen.hookimpl"))
        return
    plugins.offers.extend(offers)


def _offers_of(manager: pluggy.PluginManager, module: Any) -> Iterable[tuple[str, str, Any]]:
    """Ask one plugin alone, so that what goes wrong is its own."""
    others = [plugin for plugin in manager.get_plugins() if plugin is not module]
    for kind, (hook, method) in KINDS.items():
        for cls in _flatten(manager.subset_hook_caller(hook, others)(), hook):
            _check_stage(cls, kind, method)
            yield kind, cls.name, cls
    for recipe in _flatten(manager.subset_hook_caller("insgen_recipes", others)(), "insgen_recipes"):
        if not isinstance(recipe, Recipe):
            raise PluginError(f"insgen_recipes offers {recipe!r}, which is no insgen.Recipe")
        yield "recipe", recipe.name, recipe
    for command in _flatten(manager.subset_hook_caller("insgen_commands", others)(), "insgen_commands"):
        if not isinstance(getattr(command, "name", None), str):
            raise PluginError(f"insgen_commands offers {command!r}, which is no click command with a name")
        yield "command", command.name, command


def _flatten(results: list[Any], hook: str) -> Iterable[Any]:
    for result in results:
        if not isinstance(result, Sequence) or isinstance(result, str):
            raise PluginError(f"{hook} returned {type(result).__name__}, expected a list of offers")
        yield from result


def _check_stage(cls: Any, kind: str, method: str) -> None:
    if not isinstance(cls, type):
        raise PluginError(f"it offers {cls!r} as a {kind}, expected a class")
    name = getattr(cls, "name", None)
    if not isinstance(name, str) or not name:
        raise PluginError(f'{cls.__name__} has no text `name: ClassVar[str] = "..."`')
    if not (dataclasses.is_dataclass(cls) and cls.__dataclass_params__.frozen):  # type: ignore[attr-defined]  # set by the decorator
        raise PluginError(f'the {kind} "{name}" is no frozen dataclass')
    if not callable(getattr(cls, method, None)):
        raise PluginError(f'the {kind} "{name}" has no method {method}()')


def _describe(error: BaseException) -> str:
    """One line: what, and where in the plugin."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_library(frame.filename)]
    place = (
        f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames and not isinstance(error, PluginError) else ""
    )
    what = str(error) if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"
    return " ".join(what.split())[:400].rstrip(".") + place


def _is_library(filename: str) -> bool:
    """Whether a line of code is Python's, pluggy's or this file's own, and so never the plugin's fault."""
    standard, installed = sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")
    within_python = filename.startswith(standard) and not filename.startswith(installed)
    return filename.startswith(("<", str(Path(pluggy.__file__).parent))) or filename == __file__ or within_python


def _entry_points() -> list[EntryPoint]:
    from importlib.metadata import entry_points

    return sorted(entry_points(group="insgen"), key=lambda entry: entry.name)


def _own_version() -> str:
    from importlib.metadata import version

    return version("insgen")


def _import_named(name: str, folder: Path) -> tuple[ModuleType, str]:
    def refuse(problem: str) -> PluginError:
        return PluginError(
            f'The config names the plugin "{name}": {problem}.\n'
            "  Expected a Python file (relative to the config) or an importable module.\n"
            "  Mend it, or take it out of `plugins`."
        )

    try:
        if not name.endswith(".py"):
            return importlib.import_module(name), "unversioned"
        path = (folder / name).resolve()
        if os.name == "posix" and path.stat().st_mode & stat.S_IWOTH:
            raise refuse(f"everybody on this machine may write {path}, and it would run as you (chmod o-w {path})")
        code = path.read_bytes()
        version = "b2:" + hashlib.blake2b(code, digest_size=8).hexdigest()
        title = f"insgen_config_plugin_{path.stem}_{version[3:]}"
        module_spec = importlib.util.spec_from_file_location(title, path)
        if module_spec is None:
            raise refuse("it is no Python file")
        module = importlib.util.module_from_spec(module_spec)
        sys.modules[title] = module  # dataclasses and type hints look their module up there
        exec(compile(code, path, "exec"), module.__dict__)  # noqa: S102 - what a loader does, without a cache beside the file
    except PluginError:
        raise
    except (Exception, SystemExit) as error:
        raise refuse(_describe(error)) from error
    return module, version
