"""Progress on a terminal: a real pseudo-terminal on stderr, and what a run writes to it."""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from support.cli import PROGRAM, plain_environment
from support.projects import query

if sys.platform == "win32":
    pytest.skip("pseudo-terminals of POSIX", allow_module_level=True)

import fcntl
import termios

COLOURED = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-9]|38;[\d;]+|9[0-7])(?:;\d+)*m")


def on_a_terminal(*arguments: object, columns: int = 80, **env: str) -> tuple[int, str, str]:
    """Call insgen with stderr on a terminal: exit status, stdout, and all that reached the terminal."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    with subprocess.Popen(
        [*PROGRAM, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=plain_environment() | {"TERM": "xterm-256color"} | env,
    ) as running:
        os.close(theirs)
        seen = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # Linux says EIO where the other end is closed
                break
            if not part:
                break
            seen += part
        assert running.stdout is not None
        told = running.stdout.read()
    os.close(ours)
    return running.returncode, told.decode(), seen.decode()


def fresh(played: Path, folder: Path) -> Path:
    return Path(shutil.copytree(played, folder, ignore=shutil.ignore_patterns("insgen.db*", "*.lock")))


def cursor_is_shown(seen: str) -> bool:
    return seen.rfind("\x1b[?25h") > seen.rfind("\x1b[?25l")


@pytest.mark.parametrize("columns", [80, 120])
def test_terminal_shows_the_stage_at_work_and_every_round(played: Path, tmp_path: Path, columns: int) -> None:
    code, told, seen = on_a_terminal("run", fresh(played, tmp_path / "p"), columns=columns)

    assert code == 0
    assert told.startswith("Stopped because")
    assert "\x1b" not in told
    assert "loading the embedding model" in seen
    assert "round 1: proposed 40" in seen
    assert "round 2: proposed 19" in seen
    assert COLOURED.search(seen)
    assert cursor_is_shown(seen)
    assert max(len(re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", line)) for line in re.split(r"[\r\n]+", seen)) <= columns


def test_no_color_takes_the_colours_away(played: Path, tmp_path: Path) -> None:
    _, _, seen = on_a_terminal("run", fresh(played, tmp_path / "p"), NO_COLOR="1")

    assert "round 2: proposed" in seen
    assert not COLOURED.search(seen)


def test_quiet_leaves_the_terminal_alone(played: Path, tmp_path: Path) -> None:
    assert on_a_terminal("run", fresh(played, tmp_path / "p"), "-q")[2] == ""


def test_what_a_stage_tells_the_log_stands_above_the_bar(played: Path, tmp_path: Path) -> None:
    code, told, seen = on_a_terminal("run", fresh(played, tmp_path / "p"), "--set", "select.use=pibe", "--json")

    assert code == 0
    assert json.loads(told)["rounds"] == 2
    assert seen.count("  pibe ranks exactly, with the nn engine\r\n") == 1


INTERRUPTING = """
import os, signal
from insgen import hookimpl

@hookimpl
def insgen_stage_advanced(progress):
    if progress.round == 2:
        os.kill(os.getpid(), signal.SIGINT)
"""


def test_interrupted_run_gives_the_terminal_back(played: Path, tmp_path: Path) -> None:
    project = fresh(played, tmp_path / "p")
    (project / "insgen.toml").write_text('plugins = ["./press.py"]\n' + (project / "insgen.toml").read_text())
    (project / "press.py").write_text(INTERRUPTING)

    code, told, seen = on_a_terminal("run", project)

    assert (code, told) == (130, "")
    assert seen.rstrip().endswith("Interrupted. Everything finished is stored; call the command again to go on.")
    assert cursor_is_shown(seen)
    assert query(project, "SELECT round FROM rounds") == [(1,)]


def test_error_before_the_run_gives_the_terminal_back(played: Path, tmp_path: Path) -> None:
    project = fresh(played, tmp_path / "p")
    (project / "insgen.db").write_bytes(b"no database" * 1000)

    code, _, seen = on_a_terminal("run", project)

    assert code == 1
    assert "Error:" in seen
    assert cursor_is_shown(seen)
