"""Builds the plugin manager, and fills the registry of what every plugin offers.

Built-ins come in by the same door as strangers: first `BUILTIN_PLUGINS`, then the entry points of the group
``insgen``, sorted by name and loaded one by one, then what the config names. A plugin that cannot be used is left
out and remembered with its distribution, its file and the cure; only a config that needs it fails.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import stat
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pluggy

from insgen.errors import PluginError
from insgen.hooks import spec
from insgen.hooks.examine import Fault, check_hooks, offers_of
from insgen.hooks.places import one_line, raised_at
from insgen.hooks.registry import Broken, Offer, Plugins

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
    "insgen.plugins.embedders.target_model",
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
    "insgen.plugins.selectors.raise_policy",
    "insgen.plugins.selectors.quality",
    "insgen.plugins.selectors.random",
    "insgen.plugins.selectors.diverseevol",
    "insgen.plugins.seed_policies.uniform",
    "insgen.plugins.seed_policies.sedi",
    "insgen.plugins.seed_policies.targeted",
    "insgen.plugins.seed_policies.bandit",
    "insgen.plugins.feedback.training_log",
    "insgen.plugins.feedback.eval_results",
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


def load_plugins(
    named: Sequence[str] = (),
    folder: Path | None = None,
    *,
    builtins: bool = True,
    entries: Sequence[EntryPoint] | None = None,
) -> Plugins:
    """Build the manager and collect every offer.

    :param named: files (``./my_filter.py``) or modules named in the config; loaded last.
    :param folder: what relative files are relative to.
    :param builtins: False leaves the built-in stages out (to look for commands only).
    :param entries: installed plugins to load; ``None`` = all of them.
    :raises PluginError: a plugin *named in the config* cannot be loaded.
    """
    manager = pluggy.PluginManager("insgen")
    manager.add_hookspecs(spec)
    plugins = Plugins(manager, named_in_config=frozenset(named))
    if builtins:
        own = _own_version()
        for built_in in BUILTIN_PLUGINS:
            _register(plugins, importlib.import_module(built_in), built_in, "insgen", own)
    for entry in _entry_points() if entries is None else sorted(entries, key=lambda each: each.name):
        _load_entry(plugins, entry)
    for name in named:
        module, distribution, version = _import_named(name, folder or Path())
        _register(plugins, module, name, distribution, version)
        if plugins.broken and plugins.broken[-1].plugin == name:
            raise _refuse(plugins.broken[-1])
    return plugins


def _load_entry(plugins: Plugins, entry: EntryPoint) -> None:
    distribution = entry.dist.name if entry.dist else "unknown"
    version = entry.dist.version if entry.dist else "unknown"
    try:
        loaded = entry.load()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's import may raise anything; it is named
        plugins.broken.append(_broken(entry.value, distribution, version, error))
        return
    _register(plugins, loaded, entry.value, distribution, version)


def _register(plugins: Plugins, module: Any, name: str, distribution: str, version: str) -> None:
    manager = plugins.manager
    if manager.is_registered(module):
        return  # installed twice, or installed and named in the config as well
    try:
        check_hooks(manager, module)
        manager.register(module, name=name)
        manager.check_pending()
        found = offers_of(manager, module, KINDS)
        offers = [Offer(kind, each, cls, name, distribution, version) for kind, each, cls in found]
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's hook may raise anything; it is named
        if manager.is_registered(module):
            manager.unregister(module)
        plugins.broken.append(_broken(name, distribution, version, error))
        return
    plugins.offers.extend(offers)
    plugins.origins[name] = distribution, version


def _broken(name: str, distribution: str, version: str, error: BaseException) -> Broken:
    """Say of a plugin what is wrong with it, and where."""
    if isinstance(error, Fault):
        return Broken(name, distribution, version, str(error), error.expected, error.cure)
    problem = one_line(f"{type(error).__name__}: {error}", [raised_at(error)])
    expected = "a module that can be imported, and hooks that return"
    missing = error.name if isinstance(error, ModuleNotFoundError) and error.name else ""
    cure = f"Install the module {missing}, which it needs." if missing else ""
    return Broken(name, distribution, version, problem, expected, cure)


def _refuse(broken: Broken) -> PluginError:
    """The error for a plugin that the config itself names."""
    return PluginError(
        f'The config names the plugin "{broken.plugin}": {broken.problem}.\n  Expected {broken.expected}.\n'
        f"  {broken.cure} Mend it, or take it out of `plugins`.".replace("   ", "  ")
    )


def _entry_points() -> list[EntryPoint]:
    from importlib.metadata import entry_points

    return sorted(entry_points(group="insgen"), key=lambda entry: entry.name)


def _own_version() -> str:
    from importlib.metadata import version

    return version("insgen")


def _import_named(name: str, folder: Path) -> tuple[ModuleType, str, str]:
    """Import what the config names.

    :returns: the module, its distribution (``config`` when it has none), and its version or its file's content id.
    :raises PluginError: it cannot be had, or anybody may change it.
    """
    expected = "a Python file (relative to the config) or an importable module"
    try:
        if not name.endswith(".py"):
            module = importlib.import_module(name)
            return module, *_origin_of(module)
        path = (folder / name).resolve()
        if os.name == "posix" and path.stat().st_mode & stat.S_IWOTH:
            problem = f"everybody on this machine may write {path}, and it would run as you (chmod o-w {path})"
            raise Fault(problem, "a file that only you, or those you trust, can write")
        code = path.read_bytes()
        version = content_version(code)
        title = f"insgen_config_plugin_{path.stem}_{version[3:]}"
        module_spec = importlib.util.spec_from_file_location(title, path)
        if module_spec is None:
            raise Fault("it is no Python file", expected)
        module = importlib.util.module_from_spec(module_spec)
        sys.modules[title] = module  # dataclasses and type hints look their module up there
        exec(compile(code, path, "exec"), module.__dict__)  # noqa: S102 - what a loader does, without a cache beside the file
    except (Exception, SystemExit) as error:
        broken = _broken(name, "config", "", error)
        raise _refuse(broken if isinstance(error, Fault) else replace(broken, expected=expected)) from error
    return module, "config", version


def content_version(code: bytes) -> str:
    """Name a plugin file by what is in it: ``b2:`` and 16 hexadecimal digits of BLAKE2b."""
    return "b2:" + hashlib.blake2b(code, digest_size=8).hexdigest()


def _origin_of(module: ModuleType) -> tuple[str, str]:
    """Distribution and version of an imported module; ``config`` and its file's content id when it has none."""
    from importlib.metadata import packages_distributions, version

    top = module.__name__.split(".")[0]
    found = ["insgen"] if top == "insgen" else packages_distributions().get(top)
    if found:
        return found[0], version(found[0])
    return "config", content_version(Path(module.__file__).read_bytes()) if module.__file__ else "unversioned"
