"""The command line, as a user calls it: in this process where that is enough, in a process of its own elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.projects import DATA, EMBED, FILTERS, SCORE

PROGRAM = (sys.executable, "-c", "from insgen.cli.main import main; main()")
SMALL = "[loop]\nbatch = 40\n" + DATA + EMBED + FILTERS + SCORE + '[select]\nuse = "k_center"\nsize = 10\n'
"""Two or three rounds out of some sixty rows, with versions in which members come and go."""


@dataclass(frozen=True)
class Result:
    """What one call left."""

    code: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        """Read stdout as JSON; constants that JSON does not have are refused."""

        def refuse(constant: str) -> None:
            raise ValueError(f"{constant} is no JSON")

        return json.loads(self.stdout, parse_constant=refuse)


def insgen(*arguments: object, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Result:
    """Call insgen in a process of its own, without a terminal."""
    done = subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        cwd=cwd,
        env=plain_environment() | dict(env or {}),
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="backslashreplace",
        timeout=600,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def plain_environment() -> dict[str, str]:
    """This process's environment without what changes the look of the output."""
    return {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TERM")}
