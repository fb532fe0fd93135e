"""Time and memory of PIBE's nn engine, and whether it keeps the bank that the dense engine keeps.

    python benchmarks/pibe.py [--vectors FILE.npy] [--sizes 5000 10000 20000 50000] [--check 3000] [--repeat 3]

Two rounds each: n newcomers to an empty bank, then the bank and newcomers, n together again, with history. The bank
keeps a fifth. Every measurement runs in a process of its own; seconds are those of `PibeSelector.select`, with the
building of any index; memory is the process's peak resident set, of which "vectors" were there before the first call.
Without ``--vectors`` (float32, shape (rows, d), at least 1.8 times the largest n rows) the vectors are synthetic:
384-d unit vectors in clusters of about 20, of unequal tightness.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np

from insgen import Candidate, Pool, Selection
from insgen.bank.bank import Bank
from insgen.plugins.selectors.pibe import PibeSelector
from insgen.store import ledger
from insgen.store.database import open_store

if TYPE_CHECKING:
    from numpy.typing import NDArray

_KEPT_SHARE = 5  # one in so many stays
_MODEL = "benchmark"


def synthetic(n: int, dimension: int = 384, seed: int = 7) -> NDArray[np.float32]:
    """Unit vectors in clusters of about 20; within a cluster cosines lie between .5 and .95."""
    rng = np.random.default_rng(seed)
    centers = rng.standard_normal((max(n // 20, 1), dimension))
    spread = rng.uniform(0.25, 1.0, size=len(centers))
    label = rng.integers(len(centers), size=n)
    vectors = np.empty((n, dimension), dtype=np.float32)
    for start in range(0, n, 4096):
        here = label[start : start + 4096]
        vectors[start : start + 4096] = centers[here] + spread[here, None] * rng.standard_normal((len(here), dimension))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def peak_mib() -> float:
    """Peak resident memory of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def measure(n: int, engine: str, path: str | None) -> dict[str, Any]:
    """Run two rounds and say what they took and what they kept."""
    size = n // _KEPT_SHARE
    total = 2 * n - size
    vectors = np.load(path)[:total].astype(np.float32) if path else synthetic(total)
    quality = np.random.default_rng(11).uniform(size=total).round(3)
    candidates = [Candidate(f"Task {row}.", output=f"Answer {row}.") for row in range(total)]
    row_of = {candidate.id: row for row, candidate in enumerate(candidates)}
    selector = PibeSelector(engine="dense", max_memory_gb=64.0) if engine == "dense" else PibeSelector()
    state, members, seconds = "", list[int](), []
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder) / "insgen.db")
        with store.atomic() as conn:
            ledger.add_proposals(conn, candidates, 1)
            ledger.add_vectors(
                conn, _MODEL, 1, {each.id: vectors[row] for each, row in zip(candidates, range(total), strict=True)}
            )
        bank = Bank(store.conn, _MODEL, vectors.shape[1])
        before = peak_mib()
        for round_, arrivals in enumerate((range(n), range(n, total))):
            rows = [*members, *arrivals]
            pool = Pool(tuple(candidates[row] for row in rows), vectors[rows], quality[rows], len(members))
            begin = time.perf_counter()
            selection: Selection = selector.select(pool, size, bank, Random(round_), state)
            seconds.append(time.perf_counter() - begin)
            state, members = selection.state, [row_of[place.candidate_id] for place in selection.ranking]
        store.close()
    return {"seconds": seconds, "peak": peak_mib(), "before": before, "bank": members, "state_kib": len(state) / 1024}


def measured(n: int, engine: str, path: str | None) -> dict[str, Any]:
    """`measure` in a fresh process."""
    command = [sys.executable, __file__, "--one", str(n), "--engine", engine, *(["--vectors", path] if path else [])]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def show(label: str, runs: list[dict[str, Any]], last: float | None) -> float:
    """Print one row of the table, medians and spread; give the median of both rounds' seconds."""
    first, second = (statistics.median(run["seconds"][which] for run in runs) for which in (0, 1))
    both = [sum(run["seconds"]) for run in runs]
    peak, before = (statistics.median(run[key] for run in runs) for key in ("peak", "before"))
    growth = f"{statistics.median(both) / last:8.2f}" if last else "       -"
    print(
        f"{label:>14} {first:9.2f} {second:9.2f} {statistics.median(both):9.2f} "
        f"{min(both):7.2f}-{max(both):<7.2f}{growth} {peak:9.0f} {before:9.0f} {runs[0]['state_kib']:9.0f}"
    )
    return statistics.median(both)


def main() -> None:
    """Print the check and the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", help="a .npy file of unit vectors instead of synthetic ones")
    parser.add_argument("--sizes", type=int, nargs="+", default=[5_000, 10_000, 20_000, 50_000])
    parser.add_argument("--check", type=int, default=3_000, help="n at which both engines run; 0 for none")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--engine", default="nn", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measure(asked.one, asked.engine, asked.vectors)))
        return
    heads = (f"{word:>9}" for word in ("round 1 s", "round 2 s", "both s"))
    print(f"{'n':>14} {' '.join(heads)} {'spread':^15}  growth  peak MiB   vectors state KiB")
    if asked.check:
        runs = {
            engine: [measured(asked.check, engine, asked.vectors) for _ in range(asked.repeat)]
            for engine in ("dense", "nn")
        }
        for engine, each in runs.items():
            show(f"{asked.check} {engine}", each, None)
        dense, near = (runs[engine][0]["bank"] for engine in ("dense", "nn"))
        same = len(set(dense) & set(near))
        print(f"{'':>14} {same} of {len(dense)} members in common, {'the same' if dense == near else 'another'} order")
    last = None
    for n in asked.sizes:
        last = show(f"{n} nn", [measured(n, "nn", asked.vectors) for _ in range(asked.repeat)], last)


if __name__ == "__main__":
    main()
