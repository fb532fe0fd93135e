"""What a command imports: a look at a project must not wait for torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.cli import plain_environment

HEAVY = {"torch", "litellm", "datasets", "hnswlib", "sentence_transformers", "transformers", "sklearn", "pyarrow"}
LOOK = """
import json, sys
from insgen.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit as ended:
    print(json.dumps([ended.code, sorted(sys.modules)]), file=sys.stderr)
"""


def imported(*arguments: object) -> set[str]:
    """Top-level modules that a command leaves behind in a fresh interpreter."""
    command = [sys.executable, "-c", LOOK, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=plain_environment(), timeout=120, check=True)
    code, modules = json.loads(done.stderr.splitlines()[-1])
    assert code == 0, done.stderr
    return {name.split(".")[0] for name in modules}


def test_help_imports_nothing_heavy() -> None:
    light = {"pandas", "sqlite_utils", "numpy", "rich", "sqlite3", "asyncio"}

    assert imported("--help") & (HEAVY | light) == set()


@pytest.mark.parametrize("command", [["status", "{p}"], ["why", "1", "-p", "{p}"], ["bank", "list", "-p", "{p}"]])
def test_looking_at_a_project_imports_nothing_heavy(played: Path, command: list[str]) -> None:
    found = imported(*(each.format(p=played) for each in command))

    assert "sqlite3" in found
    assert found & HEAVY == set()


def test_listing_plugins_imports_nothing_heavy() -> None:
    assert imported("plugins", "list") & (HEAVY | {"pandas"}) == set()
