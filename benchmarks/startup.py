"""How long a user waits: CPU seconds of ``insgen --help``, wall seconds of ``insgen quickstart``.

    python benchmarks/startup.py [--runs 15] [--quickstarts 3]

Each run is a fresh process; ``python -c pass`` is measured in turn, so that the interpreter's own start can be told
apart.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HELP = [sys.executable, "-c", "from insgen.cli.main import main; main(['--help'])"]
NOTHING = [sys.executable, "-c", "pass"]


def cpu_s(command: list[str]) -> float:
    """User and system seconds of one process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def quickstart_s() -> float:
    """Wall seconds of one quickstart in a new folder, offline."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-c",
            "from insgen.cli.main import main; main()",
            "quickstart",
            str(Path(folder) / "q"),
            "-q",
        ]
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=os.environ | {"HF_HUB_OFFLINE": "1"})
        return time.perf_counter() - began


def tell(what: str, seconds: list[float]) -> None:
    """Print the median and the spread."""
    spread = f"({min(seconds):.3f} to {max(seconds):.3f}, n = {len(seconds)})"
    print(f"{what:<28} median {statistics.median(seconds):.3f} s  {spread}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--quickstarts", type=int, default=3)
    arguments = parser.parse_args()
    cpu_s(HELP)  # the first run writes the byte code
    pairs = [(cpu_s(HELP), cpu_s(NOTHING)) for _ in range(arguments.runs)]
    tell("insgen --help, CPU", [ours for ours, _ in pairs])
    tell("python -c pass, CPU", [bare for _, bare in pairs])
    if arguments.quickstarts:
        tell("insgen quickstart, wall", [quickstart_s() for _ in range(arguments.quickstarts)])


if __name__ == "__main__":
    main()
