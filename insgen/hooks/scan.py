"""Whether an installed plugin can offer anything of one kind, without importing it.

``insgen --help`` must show the commands of plugins, and must not wait for fifty plugins that have none. So the source
of the entry point's module is read: one that never names the hook cannot have it. Where that cannot be told (an object,
compiled code, ``import *``, an import hook) the answer is yes, and the plugin is imported.
"""

from __future__ import annotations

from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


def may_offer(entry: EntryPoint, hook: str) -> bool:
    """Whether the plugin behind an entry point may implement a hook.

    :param hook: its name, ``insgen_commands``.
    """
    found = None if ":" in entry.value else _spec(entry.value.strip())
    if found is None or not found.origin or not found.origin.endswith(".py"):
        return True
    try:
        source = Path(found.origin).read_bytes()
    except OSError:
        return True
    return hook.encode() in source or b"import *" in source


def _spec(name: str) -> ModuleSpec | None:
    """Find a module as an import would, but without importing the packages it stands in."""
    parts = name.split(".")
    found: ModuleSpec | None = None
    for depth in range(1, len(parts) + 1):
        if depth > 1 and (found is None or found.submodule_search_locations is None):
            return None
        places = found.submodule_search_locations if found is not None else None
        found = PathFinder.find_spec(".".join(parts[:depth]), list(places) if places is not None else None)
    return found
