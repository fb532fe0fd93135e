"""PIBE's part of `benchmarks/bank.py`: what is measured, each in a process of its own, and how it is printed."""

from __future__ import annotations

import gzip
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from insgen import BankView, Candidate, CandidateId, Pool, Selection
from insgen.bank.neighbours import Neighbours
from insgen.plugins.selectors.pibe import PibeSelector, _turn
from insgen.plugins.selectors.pibe._nn import BlockSearch
from insgen.plugins.selectors.pibe._round import Plan, by_edges, by_matrix, by_neighbours
from insgen.plugins.selectors.pibe._schedule import Schedule
from insgen.plugins.selectors.pibe._space import Space

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIMENSION = 384
BANK, BATCH = 6_000, 27_000  # the paper's sizes
_CENTERS = 20_000
_SCHEDULE = Schedule(0.5, 0.3, 0.9, 200, 15)
_OVERHEAD = "dense engine at {:,} candidates: {:.0f} GB"


def synthetic(n: int, seed: int) -> NDArray[np.float32]:
    """Unit vectors around 20,000 centers that all seeds share; few centers get most of the rows."""
    fixed = np.random.default_rng(7)
    centers = fixed.standard_normal((_CENTERS, DIMENSION), dtype=np.float32)
    spread = fixed.uniform(0.25, 1.0, size=_CENTERS).astype(np.float32)
    rng = np.random.default_rng([11, seed])
    label = (_CENTERS * rng.uniform(size=n) ** 3).astype(int)
    vectors = rng.standard_normal((n, DIMENSION), dtype=np.float32)
    vectors *= spread[label, None]
    vectors += centers[label]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


class Recent:
    """As much of a bank as the selector asks for: vectors of the pool before, and indexes."""

    def __init__(self, exact: bool) -> None:
        self._exact = exact
        self._row_of: dict[CandidateId, int] = {}
        self._vectors = np.empty((0, DIMENSION), np.float32)

    def remember(self, pool: Pool) -> None:
        """Hold the vectors of one pool, as the store would hold those of all."""
        self._row_of = {each.id: row for row, each in enumerate(pool.candidates)}
        self._vectors = pool.vectors

    def vectors(self, ids: Sequence[CandidateId]) -> NDArray[np.float32]:
        """See `insgen.BankView.vectors`."""
        return self._vectors[[self._row_of[each] for each in ids]]

    def index(self, vectors: NDArray[np.float32]) -> Neighbours:
        """See `insgen.BankView.index`."""
        index = Neighbours(vectors.shape[1], exact_rows=len(vectors) if self._exact else 0)
        index.add(vectors)
        return index


def peak_mib() -> float:
    """Peak resident memory of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def arrivals(sizes: Sequence[int], size: int, search: str) -> dict[str, Any]:
    """Let data arrive, and say after each arrival what ranking it took and the peak so far.

    :param search: ``default``, or ``hnswlib`` to have it used at any size.
    """
    if search == "hnswlib":
        _turn._BLOCK_SEARCH_ROWS = 0  # the selector chooses by size alone
    bank, selector = Recent(exact=False), PibeSelector()
    made, members = Selection(()), list[tuple[Candidate, "NDArray[np.float32]", float]]()
    seconds, cpu, peaks, total = [], [], [], 0
    for number, n in enumerate(sizes):
        new = [Candidate(f"Task {total + row}.", output=f"Answer {total + row}.") for row in range(n)]
        quality = np.random.default_rng([13, number]).uniform(size=n).round(3)
        vectors = np.concatenate([*(vector[None] for _, vector, _ in members), synthetic(n, number)])
        values = np.concatenate([[value for _, _, value in members], quality])
        pool = Pool((*(each for each, _, _ in members), *new), vectors, values, len(members))
        begin, begin_cpu = time.perf_counter(), time.process_time()
        made = selector.select(pool, size, cast("BankView", bank), Random(number), made.state)
        seconds.append(time.perf_counter() - begin)
        cpu.append(time.process_time() - begin_cpu)
        peaks.append(peak_mib())
        bank.remember(pool)
        row_of = {each.id: row for row, each in enumerate(pool.candidates)}
        rows = [row_of[place.candidate_id] for place in made.ranking]
        members = [(pool.candidates[row], vectors[row].copy(), float(values[row])) for row in rows]
        total += n
    return {"seconds": seconds, "cpu": cpu, "peaks": peaks, "bank": [place.candidate_id for place in made.ranking]}


def propagation(n: int, engine: str) -> dict[str, Any]:
    """One propagation over n newcomers with preference 0, by an engine or by scikit-learn."""
    space = Space(synthetic(n, 0), "euclidean")
    begin, begin_cpu = time.perf_counter(), time.process_time()
    if engine == "scikit-learn":
        from sklearn.cluster import AffinityPropagation

        similarity = -space.block(np.arange(n))
        begin, begin_cpu = time.perf_counter(), time.process_time()
        AffinityPropagation(affinity="precomputed", preference=0.0, random_state=0).fit(similarity)
    elif engine == "dense":
        by_matrix(space, None, Plan(_SCHEDULE), Random(0))
    else:
        by_neighbours(space, BlockSearch.over, None, Plan(_SCHEDULE), Random(0))
    cpu = time.process_time() - begin_cpu
    return {"seconds": [time.perf_counter() - begin], "cpu": [cpu], "peaks": [peak_mib()]}


def approximation(n: int, links: int, with_dense: bool) -> dict[str, Any]:
    """The sparse engine at the median preference; with the dense one, their rank correlation (Spearman)."""
    space = Space(synthetic(n, 0), "euclidean")
    plan = Plan(_SCHEDULE, None, links=links)
    begin, begin_cpu = time.perf_counter(), time.process_time()
    sparse = by_edges(space, BlockSearch.over, None, plan, Random(0)).messages
    facts = {"seconds": [time.perf_counter() - begin], "cpu": [time.process_time() - begin_cpu]}
    facts |= {"peaks": [peak_mib()], "converged": sparse.converged}
    if with_dense:
        begin = time.perf_counter()
        dense = by_matrix(space, None, plan, Random(0)).messages
        ranks = [np.argsort(np.argsort(each.rep)) for each in (sparse, dense)]
        common = len(np.intersect1d(sparse.exemplars, dense.exemplars)) / max(len(dense.exemplars), 1)
        facts |= {"dense": time.perf_counter() - begin, "rho": np.corrcoef(*ranks)[0, 1], "exemplars": common}
    return facts


JOBS: dict[str, Callable[..., dict[str, Any]]] = {
    "arrivals": arrivals,
    "propagation": propagation,
    "approximation": approximation,
}


def measured(job: str, **asked: object) -> dict[str, Any]:
    """Do one job in a fresh process."""
    command = [sys.executable, __file__, json.dumps({"job": job, **asked})]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout))


def repeated(repeat: int, job: str, **asked: object) -> tuple[list[dict[str, Any]], float, str]:
    """Do a job several times; the runs, the median of the last seconds, and both with their spread as text."""
    runs = [measured(job, **asked) for _ in range(repeat)]
    seconds = [run["seconds"][-1] for run in runs]
    peak = statistics.median(run["peaks"][-1] for run in runs)
    middle = statistics.median(seconds)
    cpu = statistics.median(run["cpu"][-1] for run in runs)
    said = f"{middle:8.2f} s ({min(seconds):.2f}-{max(seconds):.2f}), {cpu:.1f} s of CPU, peak {peak:.0f} MiB"
    return runs, middle, said


def paper_size(repeat: int) -> None:
    """A bank of 6,000 and 27,000 newcomers, found exactly and by hnswlib."""
    banks = {}
    for search in ("default", "hnswlib"):
        runs, _, said = repeated(repeat, "arrivals", sizes=[BATCH, BATCH], size=BANK, search=search)
        banks[search] = runs[0]["bank"]
        print(f"{BANK:,} members + {BATCH:,} newcomers, {search:>8} search: {said}")
    exact, other = banks["default"], banks["hnswlib"]
    same = sum(one == two for one, two in zip(exact, other, strict=True)) / len(exact)
    common = len({*exact} & {*other}) / len(exact)
    print(
        f"hnswlib against exact: {same:.2%} of {len(exact):,} places the same (one newcomer moves all below it), "
        f"{common:.2%} of the members, after two rounds"
    )
    n = BANK + BATCH
    print(_OVERHEAD.format(n, 56 * n * n / 1e9))


def many(repeat: int) -> None:
    """A bank of 6,000 and 100,000 newcomers in one arrival."""
    _, seconds, said = repeated(repeat, "arrivals", sizes=[BATCH, 100_000], size=BANK, search="default")
    print(f"{BANK:,} members + 100,000 newcomers: {said}, {1e6 * seconds / 100_000:.0f} us a newcomer")
    n = BANK + 100_000
    print(_OVERHEAD.format(n, 56 * n * n / 1e9))


def stream() -> None:
    """A million newcomers in batches."""
    sizes = [BATCH] * (1_000_000 // BATCH) + [1_000_000 % BATCH]
    run = measured("arrivals", sizes=sizes, size=BANK, search="default")
    arrived = np.cumsum(sizes)
    costs = [1e6 * seconds / n for seconds, n in zip(run["seconds"], sizes, strict=True)]
    before = 0
    per_newcomer = []
    for mark in (100_000, 300_000, 1_000_000):
        upto = int(np.searchsorted(arrived, mark)) + 1
        per_newcomer.append(1e6 * sum(run["seconds"][before:upto]) / sum(sizes[before:upto]))
        print(
            f"{arrived[upto - 1]:>9,} arrived: {sum(run['seconds'][:upto]):7.1f} s, {per_newcomer[-1]:4.0f} us each "
            f"since the line above, peak {run['peaks'][upto - 1]:5.0f} MiB"
        )
        before = upto
    print(f"slowest of the three against fastest: {max(per_newcomer) / min(per_newcomer):.2f}")
    print(
        f"single batches: median {statistics.median(costs):.0f}, {min(costs):.0f}-{max(costs[:-1]):.0f} us a newcomer"
    )


def against_dense(repeat: int) -> None:
    """The nn engine against dense affinity propagation, own and scikit-learn's; no history, preference 0."""
    for n in (3_000, 5_000, 8_000):
        found = {}
        for engine in ("nn", "dense", "scikit-learn"):
            _, found[engine], said = repeated(repeat, "propagation", n=n, engine=engine)
            ratio = "" if engine == "nn" else f", {found[engine] / found['nn']:6.1f} times nn"
            print(f"{n:,} {engine:>12}: {said}{ratio}", flush=True)


def sparse(repeat: int) -> None:
    """The sparse engine: agreement with the dense one, and time where that has no place."""
    for n, links in ((3_000, 16), (3_000, 64), (6_000, 64)):
        run = measured("approximation", n=n, links=links, with_dense=True)
        print(
            f"{n:,}, {links} links: Spearman {run['rho']:.6f} to dense, {run['exemplars']:.1%} of its exemplars,"
            f" {run['seconds'][0]:.1f} s against {run['dense']:.1f} s"
        )
    for n in (BANK + BATCH,):
        runs, _, said = repeated(repeat, "approximation", n=n, links=64, with_dense=False)
        print(f"{n:,}, 64 links: {said}, converged: {runs[0]['converged']}")


def growth(repeat: int) -> None:
    """A bank of a fifth; n candidates in its second round."""
    last = None
    for n in (5_000, 10_000, 20_000, 50_000):
        _, seconds, said = repeated(repeat, "arrivals", sizes=[n - n // 5, n - n // 5], size=n // 5, search="default")
        grown = f", {seconds / last[1]:.2f} times the line above for {n / last[0]:g} times the rows" if last else ""
        print(f"{n:>6,} candidates: {said}{grown}", flush=True)
        last = n, seconds


def real(path: str) -> None:
    """Five arrivals of real instructions (hashing embedder) into a bank of 1,000: nn against dense, with history."""
    from insgen.plugins.embedders.hashing import HashingEmbedder

    raw = Path(path).read_bytes()
    lines = (gzip.decompress(raw) if path.endswith(".gz") else raw).decode("utf-8").splitlines()
    texts = list(dict.fromkeys(str(json.loads(line)["instruction"]) for line in lines))[:5_000]
    vectors = np.asarray(HashingEmbedder(dimension=DIMENSION).embed(texts), dtype=np.float32)
    quality = np.array([len(text) for text in texts]).argsort().argsort() / len(texts)
    candidates = [Candidate(text) for text in texts]
    kept: dict[str, list[int]] = {}
    for engine in ("nn", "dense"):
        selector, bank = PibeSelector(engine=cast("Any", engine)), Recent(exact=True)
        made, members, seconds = Selection(()), list[int](), 0.0
        for number in range(5):
            rows = [*members, *range(number * len(texts) // 5, (number + 1) * len(texts) // 5)]
            pool = Pool(tuple(candidates[row] for row in rows), vectors[rows], quality[rows], len(members))
            begin = time.perf_counter()
            made = selector.select(pool, 1_000, cast("BankView", bank), Random(number), made.state)
            seconds += time.perf_counter() - begin
            bank.remember(pool)
            row_of = {each.id: row for row, each in zip(rows, pool.candidates, strict=True)}
            members = [row_of[place.candidate_id] for place in made.ranking]
        kept[engine] = members
        print(f"{engine:>6}: five arrivals of {len(texts) // 5:,} into 1,000: {seconds:.1f} s")
    same = sum(one == two for one, two in zip(kept["nn"], kept["dense"], strict=True))
    print(f"{same} of {len(members)} places the same, {len({*kept['nn']} & {*kept['dense']})} members in common")


def sections(repeat: int, data: str | None) -> dict[str, Callable[[], None]]:
    """Name and work of every section; see `benchmarks/bank.py`."""
    found: dict[str, Callable[[], None]] = {
        "pibe-33k": partial(paper_size, repeat),
        "pibe-100k": partial(many, repeat),
        "pibe-1m": stream,
        "pibe-dense": partial(against_dense, repeat),
        "pibe-sparse": partial(sparse, repeat),
        "pibe-growth": partial(growth, repeat),
    }
    return {**found, "pibe-real": partial(real, data)} if data else found


if __name__ == "__main__":
    request = json.loads(sys.argv[1])
    print(json.dumps(JOBS[request.pop("job")](**request)))
