"""Time and memory of the rival selectors at 100,000 candidates, each beside the plain way of doing the same.

    python benchmarks/bank_rivals.py [k_center] [deita] [--vectors FILE.npy] [--rows 100000] [--repeat 3]

Without ``--vectors`` (float32, shape (rows, d)) the vectors are synthetic: 384-d unit vectors in families of about 20,
with a spectrum that falls about as that of a sentence encoder on instructions does. What would take too long or too
much memory is measured in part, and the line says how it was extended.
"""

from __future__ import annotations

import argparse
import statistics
import time
import tracemalloc
from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import TYPE_CHECKING, cast

import numpy as np

from insgen import BankView, Candidate, Pool, Selector
from insgen.plugins.selectors.deita import DeitaSelector
from insgen.plugins.selectors.k_center import KCenterSelector

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PICKS = 1000
_RELEASED_ROWS = 10_000  # of which a full matrix of distances still fits: 0.4 GB
_RELEASED_PICKS = 200
_NO_BANK = cast("BankView", None)  # neither selector looks at the bank


def synthetic(n: int, dimension: int = 384, seed: int = 7) -> NDArray[np.float32]:
    """Unit vectors in families of about 20, of unequal tightness; near-duplicates among them."""
    rng = np.random.default_rng(seed)
    scale = np.exp(-np.arange(dimension) / 160.0).astype(np.float32)
    centers = rng.standard_normal((max(n // 20, 1), dimension), dtype=np.float32)
    spread = rng.uniform(0.05, 0.34, size=len(centers)).astype(np.float32)
    family = rng.integers(len(centers), size=n)
    vectors = rng.standard_normal((n, dimension), dtype=np.float32)
    vectors = (centers[family] + spread[family, None] * vectors) * scale
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def pool_of(vectors: NDArray[np.float32]) -> Pool:
    """A pool of newcomers, of random quality."""
    candidates = tuple(Candidate(f"Task {row}.", output=f"Answer {row}.") for row in range(len(vectors)))
    for each in candidates:
        _ = each.id  # hashed once in its life, and not by the selector
    return Pool(candidates, vectors, np.random.default_rng(11).uniform(size=len(vectors)), 0)


def seconds(work: Callable[[], object], repeat: int) -> list[float]:
    """Wall time of each run."""
    times = []
    for _ in range(repeat):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return times


def show(label: str, times: Sequence[float], note: str = "") -> float:
    """Print median and spread; give the median."""
    middle = statistics.median(times)
    print(f"{label:<52} {middle:9.2f} s  ({min(times):.2f}-{max(times):.2f}) {note}")
    return middle


def chosen(selector: Selector, pool: Pool, size: int) -> list[int]:
    """Rows that a selector keeps, in order."""
    row_of = {each.id: row for row, each in enumerate(pool.candidates)}
    ranking = selector.select(pool, size, _NO_BANK, Random(1), "").ranking
    return [row_of[place.candidate_id] for place in ranking]


def peak_mib(work: Callable[[], object]) -> float:
    """Most memory that a call holds at once beyond what was there, NumPy's included."""
    tracemalloc.start()
    work()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 2**20


def agreeing(left: Sequence[int], right: Sequence[int]) -> int:
    """Places with the same row."""
    return sum(one == other for one, other in zip(left, right, strict=True))


def one_pass_per_pick(vectors: NDArray[np.float32], first: int, n_picks: int) -> list[int]:
    """Farthest-first traversal with distances kept up to date: the plain loop."""
    squares = np.einsum("ij,ij->i", vectors, vectors)
    gap = np.full(len(vectors), np.inf, dtype=vectors.dtype)
    order = [first]
    while len(order) < n_picks:
        squared = squares + squares[order[-1]] - 2.0 * (vectors @ vectors[order[-1]])
        np.minimum(gap, np.maximum(squared, 0.0), out=gap)
        gap[order[-1]] = -1.0
        order.append(int(np.argmax(gap)))
    return order


def released_k_center(vectors: NDArray[np.float32], first: int, n_picks: int) -> list[int]:
    """The shape of DiverseEvol's code: a full matrix, and for each pick a copy of a block and minima of its rows."""
    squares = np.einsum("ij,ij->i", vectors, vectors)
    distances = np.sqrt(np.maximum(squares[:, None] + squares - 2.0 * (vectors @ vectors.T), 0.0))
    taken = np.zeros(len(vectors), dtype=bool)
    taken[first] = True
    order = [first]
    while len(order) < n_picks:
        rest = np.flatnonzero(~taken)
        order.append(int(rest[distances[~taken][:, taken].min(axis=1).argmax()]))
        taken[order[-1]] = True
    return order


def recomputed(vectors: NDArray[np.float32], n_picks: int) -> float:
    """Seconds of a traversal that measures all distances to all taken rows anew for each pick; from three picks."""
    counts = [max(n_picks // 10, 1), n_picks // 2, n_picks]
    times = []
    for count in counts:
        begin = time.perf_counter()
        for start in range(0, len(vectors), 4096):
            (vectors[start : start + 4096] @ vectors[:count].T).max(axis=1)
        times.append(time.perf_counter() - begin)
    return float(np.trapezoid([times[0], *times], [0, *counts]))


def k_center(vectors: NDArray[np.float32], repeat: int) -> None:
    """Print what 1,000 picks take, and what else they could take."""
    pool, selector = pool_of(vectors), KCenterSelector()
    n, first = len(vectors), int(np.argmax(pool.quality))
    print(f"k_center: {_PICKS:,} of {n:,} x {vectors.shape[1]}")
    bound = [10 * each for each in seconds(lambda: [vectors @ vectors[row] for row in range(_PICKS // 10)], repeat)]
    ours = show("select", seconds(lambda: selector.select(pool, _PICKS, _NO_BANK, Random(1), ""), repeat))
    limit = show("bandwidth bound: one product per pick", bound, "a tenth of them, times 10")
    print(f"{'':<52} {ours / limit:9.2f} of the bound")
    rows = chosen(selector, pool, _PICKS)
    loop: list[list[int]] = []
    plain = show("plain loop", seconds(lambda: loop.append(one_pass_per_pick(vectors, first, _PICKS)), 1))
    exact = one_pass_per_pick(vectors.astype(np.float64), first, _PICKS)
    print(
        f"{'':<52} {plain / ours:9.1f} times as long; {agreeing(rows, exact)} of {_PICKS} picks the same in float64, "
        f"{agreeing(rows, loop[0])} in float32"
    )
    anew = show("distances to all taken measured anew per pick", [recomputed(vectors, _PICKS)], "from 3 picks")
    print(f"{'':<52} {anew / ours:9.1f} times as long")
    peak = peak_mib(lambda: selector.select(pool, _PICKS, _NO_BANK, Random(1), ""))
    print(
        f"{'memory beside the vectors':<52} {peak:9.0f} MiB "
        f"(vectors {vectors.nbytes / 2**20:.0f}; n x n {n * n / 2**18:,.0f})"
    )
    few = vectors[:_RELEASED_ROWS]
    small = pool_of(few)
    start = int(np.argmax(small.quality))
    quick = show(
        f"select, {_RELEASED_PICKS} of {len(few):,}",
        seconds(lambda: selector.select(small, _RELEASED_PICKS, _NO_BANK, Random(1), ""), repeat),
    )
    released: list[list[int]] = []
    slow = show(
        f"as released, {_RELEASED_PICKS} of {len(few):,}",
        seconds(lambda: released.append(released_k_center(few, start, _RELEASED_PICKS)), 1),
    )
    same = agreeing(chosen(selector, small, _RELEASED_PICKS), released[0])
    print(f"{'':<52} {slow / quick:9.1f} times as long; {same} of {_RELEASED_PICKS} picks the same")


def deita(vectors: NDArray[np.float32], repeat: int) -> None:
    """Print what looking at every candidate once takes, and what a loop over candidates takes."""
    pool, selector = pool_of(vectors), DeitaSelector()
    n = len(vectors)
    rows = np.array(chosen(selector, pool, n))
    print(f"deita: {n:,} x {vectors.shape[1]} looked at, {len(rows):,} kept")
    ours = show("select", seconds(lambda: selector.select(pool, n, _NO_BANK, Random(1), ""), repeat))
    order = np.argsort(-pool.quality, kind="stable")
    before: NDArray[np.int64] = np.cumsum(np.isin(order, rows)) - np.isin(order, rows)  # kept before each place
    places = np.linspace(0, n - 1, min(n, 500)).astype(int)
    kept, was_kept, listed = vectors[rows], set(rows.tolist()), rows.tolist()
    for label, copied in (
        ("loop over candidates, kept rows in one array", False),
        ("the same, kept rows collected anew", True),
    ):
        same, times = 0, []
        for place in places:
            count, row = int(before[place]), int(order[place])
            begin = time.perf_counter()
            known = vectors[listed[:count]] if copied else kept[:count]
            decision = count == 0 or float((known @ vectors[row]).max()) <= selector.max_similarity
            times.append(time.perf_counter() - begin)
            same += decision == (row in was_kept)
        loop = sum(times) / len(times) * n
        show(label, [loop], f"from {len(places)} candidates")
        print(f"{'':<52} {loop / ours:9.1f} times as long; {same} of {len(places)} decisions the same")
    few = Pool(pool.candidates[:10_000], vectors[:10_000], pool.quality[:10_000], 0)
    whole: list[int] = []
    for row in np.argsort(-few.quality, kind="stable").tolist():
        if not whole or float((few.vectors[whole] @ few.vectors[row]).max()) <= selector.max_similarity:
            whole.append(row)
    agrees = whole == chosen(selector, few, len(few.vectors))
    print(f"{'':<52} whole loop over {len(few.vectors):,}: {'the same picks' if agrees else 'OTHER PICKS'}")


def sections(
    vectors: NDArray[np.float32] | None = None, rows: int = 100_000, repeat: int = 3
) -> dict[str, Callable[[], None]]:
    """Name each measurement; calling one prints it."""
    made = synthetic(rows) if vectors is None else vectors[:rows].astype(np.float32)
    return {"k_center": partial(k_center, made, repeat), "deita": partial(deita, made, repeat)}


def main() -> None:
    """Print the measurements that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("only", nargs="*", choices=["k_center", "deita", []], help="all without a name")
    parser.add_argument("--vectors", help="a .npy file of unit vectors instead of synthetic ones")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=3)
    asked = parser.parse_args()
    vectors = np.load(asked.vectors) if asked.vectors else None
    for name, work in sections(vectors, asked.rows, asked.repeat).items():
        if not asked.only or name in asked.only:
            work()


if __name__ == "__main__":
    main()
