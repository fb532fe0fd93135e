"""What the hook layer costs: per candidate against a direct call, and what installed plugins add to ``insgen --help``.

    python benchmarks/hooks.py [--candidates 1000] [--rounds 200] [--plugins 50] [--starts 15]

The first part lets a filter and a scorer that do nothing judge candidates, directly and through `insgen.hooks.call`,
which checks every answer and keeps the time; beside them stands a filter that works (``length``). The second makes
small distributions in a temporary folder, each with an entry point and a filter, and starts ``insgen --help`` in fresh
processes with them and without, in turn.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from insgen.hooks import call
from insgen.hooks.live import Live
from insgen.plugins.filters.length import LengthFilter
from insgen.records import Candidate, Score, Verdict

PLUGIN = """
from dataclasses import dataclass
from typing import ClassVar
from insgen import Verdict, hookimpl

@dataclass(frozen=True)
class Filter:
    name: ClassVar[str] = "filter-{n}"
    needs_vectors: ClassVar[bool] = False

    def filter(self, candidates, bank):
        return [Verdict(c.id, True) for c in candidates]

@hookimpl
def insgen_filters():
    return [Filter]
"""
HELP = [sys.executable, "-c", "from insgen.cli.main import main; main(['--help'])"]


@dataclass(frozen=True)
class Idle:
    """Keeps all, and scores all the same."""

    name: ClassVar[str] = "idle"
    needs_vectors: ClassVar[bool] = False

    def filter(self, candidates: Sequence[Candidate], bank: Any) -> list[Verdict]:  # noqa: ARG002 - the stage's signature
        """Keep."""
        return [Verdict(candidate.id, True) for candidate in candidates]

    def score(self, candidates: Sequence[Candidate], *rest: Any) -> list[Score]:  # noqa: ARG002 - the stage's signature
        """Score."""
        return [Score(candidate.id, 1.0, 0.0, 1.0) for candidate in candidates]


def us_per_candidate(work: Callable[[], object], n: int, rounds: int) -> list[float]:
    """Microseconds per candidate of each round, after one that does not count."""
    work()
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) / n * 1e6)
    return taken


def tell(what: str, values: list[float], unit: str) -> float:
    """Print median, quartiles and extremes; returns the median."""
    low, middle, high = statistics.quantiles(values, n=4)
    print(f"{what:<34} median {middle:8.2f} {unit}  (quartiles {low:.2f} to {high:.2f}, n = {len(values)})")
    return middle


def measure_calls(n: int, rounds: int) -> None:
    """Compare direct calls with calls through the hook layer."""
    rows = [Candidate(f"Explain topic number {k} in a sentence.", output=f"Topic {k} is this.") for k in range(n)]
    for row in rows:
        row.id  # noqa: B018 - computed once, before anything is measured
    idle, length = Idle(), LengthFilter()
    nothing: Any = None
    compared: list[tuple[str, Callable[[], object], Callable[[], object]]] = []
    for name, stage in (("idle", idle), ("length", length)):
        live = Live(stage, "filter", name, "benchmark", "0")
        compared.append(
            (
                f"filter {name}",
                lambda stage=stage: stage.filter(rows, nothing),
                lambda live=live: call.filter_(live, rows, nothing),
            )
        )
    live = Live(idle, "scorer", "idle", "benchmark", "0")
    compared.append(
        (
            "scorer idle",
            lambda: idle.score(rows, nothing, nothing, nothing),
            lambda: call.score(live, rows, nothing, nothing, nothing),
        )
    )
    for name, direct, checked in compared:
        bare = tell(f"{name}, direct", us_per_candidate(direct, n, rounds), "us")
        through = tell(f"{name}, through the layer", us_per_candidate(checked, n, rounds), "us")
        print(f"{'':<34} ratio {through / bare:.2f}, {through - bare:.2f} us more per candidate")


def install(folder: Path, n: int) -> None:
    """Lay out distributions as pip would."""
    for number in range(n):
        about = folder / f"bench_plugin_{number}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: bench-plugin-{number}\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(f"[insgen]\nbench-{number} = bench_plugin_{number}\n")
        (about / "RECORD").write_text(f"bench_plugin_{number}.py,,\n")
        (folder / f"bench_plugin_{number}.py").write_text(PLUGIN.replace("{n}", str(number)))


def measure_start(n: int, starts: int) -> None:
    """Compare ``insgen --help`` with and without installed plugins."""
    with tempfile.TemporaryDirectory() as folder:
        install(Path(folder), n)
        environments = [os.environ.copy(), os.environ | {"PYTHONPATH": folder}]
        taken: list[list[float]] = [[], []]
        for _ in range(starts + 1):
            for place, environment in enumerate(environments):
                began = time.perf_counter()
                subprocess.run(HELP, check=True, stdout=subprocess.DEVNULL, env=environment)
                taken[place].append((time.perf_counter() - began) * 1000)
    bare = tell("insgen --help", taken[0][1:], "ms")
    full = tell(f"insgen --help, {n} plugins", taken[1][1:], "ms")
    pairs = [two - one for one, two in zip(taken[0][1:], taken[1][1:], strict=True)]
    print(f"{'':<34} {full - bare:.0f} ms more ({statistics.median(pairs):.0f} ms as the median of pairs)")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--candidates", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--plugins", type=int, default=50)
    parser.add_argument("--starts", type=int, default=15)
    arguments = parser.parse_args()
    measure_calls(arguments.candidates, arguments.rounds)
    measure_start(arguments.plugins, arguments.starts)


if __name__ == "__main__":
    main()
