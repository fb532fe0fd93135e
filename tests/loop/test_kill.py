"""Real processes killed at seeded random moments: the next run goes on, and ends with the same bytes."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from support.projects import DATA, EMBED, FILTERS, SCORE, contents, play, query, rounds_played, rows, versions

TOML = "[loop]\nbatch = 12\n" + DATA + EMBED + FILTERS + SCORE + '[select]\nuse = "pibe"\nsize = 30\n'
N_ROUNDS = 60
N_AT_START = 6
N_INTERRUPTED = 4
LINES_PER_ROUND = 7  # what `insgen run` says on stderr: six stages, and the round


def start(project: Path) -> subprocess.Popen[str]:
    code = f"from insgen.cli.main import main; main(['run', {str(project)!r}])"
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def break_off(project: Path, n_lines: int, wait_s: float, sign: signal.Signals) -> tuple[int, str]:
    """Start a run and send a signal, once it has said so many lines and so much time has passed."""
    with start(project) as process:
        assert process.stderr is not None
        for _ in range(n_lines):
            process.stderr.readline()
        try:
            process.wait(timeout=wait_s)
        except subprocess.TimeoutExpired:
            process.send_signal(sign)
        _, said = process.communicate()
        return process.returncode, said


def same(one: Path, other: Path) -> None:
    assert contents(one) == contents(other)
    assert (rounds_played(one), versions(one)) == (rounds_played(other), versions(other))
    assert query(one, "PRAGMA integrity_check") == [("ok",)]


def test_killed_while_the_database_is_made_a_project_can_be_run(make_project: Callable[..., Path]) -> None:
    files = {"data.jsonl": rows(24), "seeds.jsonl": rows(3, seed=4)}
    undisturbed = make_project(TOML, files)
    began = time.monotonic()
    with start(undisturbed) as process:
        assert process.stderr is not None
        process.stderr.readline()
        startup_s = time.monotonic() - began
        process.communicate()
        assert process.returncode == 0
    rng = random.Random(20260101)
    for _ in range(N_AT_START):
        project = make_project(TOML, files)
        code, _ = break_off(project, 0, rng.uniform(0.5, 1.0) * startup_s, signal.SIGKILL)
        assert code in (-signal.SIGKILL, 0)
        play(project)
        same(undisturbed, project)


def test_killed_and_interrupted_again_and_again_a_project_ends_with_the_same_bytes(
    make_project: Callable[..., Path],
) -> None:
    files = {"data.jsonl": rows(12 * N_ROUNDS), "seeds.jsonl": rows(3, seed=4)}
    undisturbed, project = make_project(TOML, files), make_project(TOML, files)
    play(undisturbed)
    assert len(rounds_played(undisturbed)) == N_ROUNDS
    rng = random.Random(20260102)
    signs = [signal.SIGKILL] * (30 - N_AT_START) + [signal.SIGINT] * N_INTERRUPTED
    rng.shuffle(signs)
    for sign in signs:
        code, said = break_off(project, rng.randrange(1, LINES_PER_ROUND + 3), rng.uniform(0, 0.02), sign)
        assert code == (130 if sign is signal.SIGINT else -sign), said
        assert sign is signal.SIGKILL or "Interrupted. Everything finished is stored; call the command again" in said
    assert 10 < len(rounds_played(project)) < N_ROUNDS
    code, said = break_off(project, 0, 600, signal.SIGKILL)
    assert code == 0, said
    same(undisturbed, project)
    assert query(project, "SELECT count(*) FROM runs WHERE reason = 'it was interrupted'") == [(N_INTERRUPTED,)]
    assert query(project, "SELECT count(*) FROM v_fate WHERE fate IN ('proposed', 'waiting')") == [(0,)]
