"""Where a plugin's code stands, for messages: file and line of a definition, or of what went wrong."""

from __future__ import annotations

import inspect
import os
import sysconfig
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pluggy

_INSGEN = Path(__file__).parents[1]
_CORE = (f"{_INSGEN}{os.sep}", f"{Path(pluggy.__file__).parent}{os.sep}")
_BUILT_IN = f"{_INSGEN / 'plugins'}{os.sep}"


def defined_at(thing: Any) -> str:
    """File and line where a class or function is defined: ``/x/my_filter.py, line 12``; empty where unknown."""
    try:
        bare = inspect.unwrap(thing)
        return f"{inspect.getsourcefile(bare)}, line {inspect.getsourcelines(bare)[1]}"
    except (OSError, TypeError):
        return ""


def raised_at(error: BaseException, near: str = "") -> str:
    """File and line of a plugin's last step before an error was raised; empty where it took none.

    :param near: a file of the plugin; steps in its folder are the plugin's own, and better known to its author than
        those of a library that it called.
    """
    steps = [step for step in traceback.extract_tb(error.__traceback__) if not _is_nobodys(step.filename)]
    own = [step for step in steps if near and step.filename.startswith(str(Path(near).parent))]
    for step in (own or steps)[-1:]:
        return f"{step.filename}, line {step.lineno}"
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}, line {error.lineno}"
    return ""


def one_line(text: str, places: Sequence[str] = ()) -> str:
    """A text as one line without full stop, followed by the places that are known."""
    known = [place for place in places if place]
    return " ".join(text.split())[:400].rstrip(".") + (f" ({'; '.join(known)})" if known else "")


def _is_nobodys(filename: str) -> bool:
    """Whether a line of code is Python's, pluggy's or the core's own, and so never the plugin's fault."""
    standard, installed = sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")
    within_python = filename.startswith(standard) and not filename.startswith(installed)
    within_core = filename.startswith(_CORE) and not filename.startswith(_BUILT_IN)
    return filename.startswith("<") or within_core or within_python
