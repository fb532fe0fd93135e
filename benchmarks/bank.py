"""The bank's figures: time, memory and agreement of the selectors, each beside its alternative in the same run.

    python benchmarks/bank.py [--only pibe-33k ...] [--repeat 3] [--data FILE.jsonl.gz] [--list]

Sections are printed one after another; `--list` names them, `--only` picks some. Every measurement of PIBE runs in a
process of its own, so that its memory is its own: the peak resident set, data and imports included. Times are medians
with their spread. The data are synthetic and made from a seed: 384-d unit vectors in clusters of very unequal size and
tightness. `--data` (JSON Lines with a field ``instruction``) adds a section on real instructions.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
from collections.abc import Callable

import bank_pibe
import numpy as np


def sections(repeat: int, data: str | None) -> dict[str, Callable[[], None]]:
    """Name and work of every section there is."""
    found = bank_pibe.sections(repeat, data)
    if importlib.util.find_spec("bank_rivals") is not None:
        import bank_rivals

        found.update(bank_rivals.sections())
    return found


def main() -> None:
    """Print the sections asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="sections to print; all without it")
    parser.add_argument("--repeat", type=int, default=3, help="how often PIBE's short measurements are made")
    parser.add_argument("--data", help="JSON Lines, plain or .gz, with a field `instruction`")
    parser.add_argument("--list", action="store_true", help="name the sections and stop")
    asked = parser.parse_args()
    known = sections(asked.repeat, asked.data)
    if asked.list:
        print("\n".join(known))
        return
    unknown = sorted(set(asked.only or ()) - set(known))
    if unknown:
        parser.error(f"no section is called {', '.join(unknown)}; there are {', '.join(known)}")
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    print(f"{os.cpu_count()} cores, load {load}, numpy {np.__version__}")
    for name in asked.only or known:
        print(f"\n== {name}", flush=True)
        known[name]()


if __name__ == "__main__":
    main()
