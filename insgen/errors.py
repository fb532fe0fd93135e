"""The errors a user can mend: one message each, of three parts.

Flows in: what happened (with the value), what was expected, what to do. Flows out: text for one
reader. `insgen.cli.main` is the only place that catches `InsgenError`; anything else is a bug and
keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InsgenError(Exception):
    """Something the user can mend.

    :cvar exit_code: what the process returns; 1 for a run that could not go on, 2 for usage and config.
    """

    exit_code = 1


class ConfigError(InsgenError):
    """The config, or a command's arguments, cannot be understood."""

    exit_code = 2


class PluginError(InsgenError):
    """A plugin cannot be loaded, offers a name twice, or broke a stage's contract."""


class StageError(InsgenError):
    """A stage cannot do its work now; the round stops and can be resumed once the cause is mended."""


class StoreError(InsgenError):
    """The project's database cannot be opened, read or written."""


class DataError(InsgenError):
    """An input file cannot be read as what it was said to be."""


def suggest(name: str, known: Iterable[str]) -> str:
    """Say which known name was probably meant, as a sentence beginning with a space; empty when none is near."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f' Did you mean "{near[0]}"?' if near else ""
