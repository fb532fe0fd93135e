"""Shared fixtures: those that plugin authors have too, and projects on disk."""

from __future__ import annotations

import itertools
import json
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

pytest_plugins = ["insgen.testing.fixtures"]


def pytest_configure() -> None:
    """Let Ctrl-C be heard: a shell that starts the tests in the background tells them to ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def make_project(tmp_path: Path) -> Callable[..., Path]:
    """Write a project's folder: its config, and files by their names; rows become JSON Lines."""
    numbers = itertools.count(1)

    def make(toml: str, files: Mapping[str, str | bytes | Sequence[Mapping[str, object]]] | None = None) -> Path:
        folder = tmp_path / f"project-{next(numbers)}"
        for name, content in {"insgen.toml": toml, **(files or {})}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if not isinstance(content, str | bytes):
                content = "".join(json.dumps(row) + "\n" for row in content)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return folder

    return make
