"""Composes training batches that are diverse inside, after SeDi-Instruct (arXiv:2502.04774).

Flows in: ids and vectors of bank members. Flows out: an ordered plan, each row in exactly one batch. The paper leaves
the clustering open; the reading here: k-means over unit vectors with as many clusters as a batch has rows, members in a
random order within their cluster, then dealt out one by one. Each cluster is one run in the dealing order, so every
batch gets its share of every cluster, one more or less, and batch sizes differ by at most one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import fmean
from typing import TYPE_CHECKING, Any

from insgen.errors import InsgenError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SCHEMA = "insgen.batches/1"
"""What every line says it is."""

_MINI_BATCH_ROWS = 100_000  # k-means over all rows at once takes minutes above


@dataclass(frozen=True)
class Plan:
    """Planned batches, in training order.

    :ivar batches: row numbers, each row in exactly one batch.
    :ivar diversity: of each batch, see `diversity`; ``None`` for a batch of one row.
    :ivar random_diversity: what a random batch is expected to have: the mean over all pairs of all rows.
    """

    batches: tuple[tuple[int, ...], ...]
    diversity: tuple[float | None, ...]
    random_diversity: float | None

    def figures(self) -> dict[str, Any]:
        """Numbers of the whole plan, for people and programs."""
        known = [each for each in self.diversity if each is not None]
        return {
            "batches": len(self.batches),
            "rows": sum(map(len, self.batches)),
            "mean_diversity": fmean(known) if known else None,
            "random_diversity": self.random_diversity,
        }


def diversity(vectors: NDArray[np.float32]) -> float | None:
    """Mean over pairs of 1 - cosine similarity, 0 (all alike) to 2; ``None`` for fewer than two rows.

    The sum over pairs is taken from the norm of the sum of all rows, so it costs one pass.

    :param vectors: float32, shape ``(n, d)``, L2 norm 1 by row.
    """
    import numpy as np

    n = len(vectors)
    if n < 2:
        return None
    rows = vectors.astype(np.float64)
    total = rows.sum(axis=0)
    return float(1 - (total @ total - (rows * rows).sum()) / (n * (n - 1)))


def deal(labels: Sequence[int], size: int, order: Sequence[int]) -> list[list[int]]:
    """Deal rows to batches, cluster after cluster.

    :param labels: the cluster of each row.
    :param size: most rows in a batch, >= 1.
    :param order: for each row its place among the rows of its cluster, as a rank over all rows.
    :returns: row numbers by batch; of every cluster each batch has as many as any other, one more or less.
    """
    n_batches = -(-len(labels) // size)
    dealt = sorted(range(len(labels)), key=lambda row: (labels[row], order[row]))
    return [dealt[batch::n_batches] for batch in range(n_batches)]


def cluster(vectors: NDArray[np.float32], n_clusters: int, seed: int) -> list[int]:
    """Give every row a cluster by k-means.

    Runs in one thread: with more, sums are taken in another order, and the same seed need not give the same clusters.

    :param n_clusters: at most so many; fewer when there are fewer different rows.
    :returns: cluster numbers, counted from 0.
    """
    import numpy as np
    from sklearn.cluster import KMeans, MiniBatchKMeans  # type: ignore[import-untyped]  # it has none
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has none

    distinct = len(np.unique(vectors, axis=0))
    make = KMeans if len(vectors) <= _MINI_BATCH_ROWS else MiniBatchKMeans
    with threadpool_limits(1):
        model = make(min(n_clusters, distinct), n_init=1, random_state=seed)
        labels: list[int] = model.fit(vectors).labels_.tolist()
    return labels


def plan_batches(vectors: NDArray[np.float32], size: int, clusters: int, seed: int) -> Plan:
    """Compose batches.

    :param vectors: float32, shape ``(n, d)``, L2 norm 1 by row.
    :param size: most rows in a batch; ``clusters``: at most so many.
    :param seed: the same gives the same plan.
    """
    n = len(vectors)
    order = Random(seed).sample(range(n), n)  # noqa: S311 - reproducible on purpose
    batches = deal(cluster(vectors, clusters, seed), size, order) if n else []
    return Plan(
        tuple(tuple(batch) for batch in batches),
        tuple(diversity(vectors[batch]) for batch in batches),
        diversity(vectors),
    )


def write_plan(
    ids: Sequence[str],
    vectors: NDArray[np.float32],
    path: Path,
    *,
    size: int,
    clusters: int | None = None,
    seed: int = 0,
    force: bool = False,
) -> Plan:
    """Compose batches of members and write them, one line each: ``schema``, ``batch``, ``ids``, ``diversity``.

    :param clusters: ``None`` = as many as a batch has rows.
    :param force: replace a file that is there.
    :raises InsgenError: there is no member, the file is there, or it cannot be written.
    """
    if not ids:
        raise InsgenError(
            f"There is nothing to write to {path}: the bank has no members.\n  Expected at least one.\n"
            "  `insgen run` fills the bank."
        )
    if path.exists() and not (force and path.is_file()):
        raise InsgenError(
            f"{path} is there already.\n  Expected a new name, so that nothing is lost.\n"
            "  Choose another name, or add --force to replace a file."
        )
    plan = plan_batches(vectors, size, clusters or size, seed)
    lines = [
        json.dumps({"schema": SCHEMA, "batch": number, "ids": [ids[row] for row in rows], "diversity": spread})
        for number, (rows, spread) in enumerate(zip(plan.batches, plan.diversity, strict=True), start=1)
    ]
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text("\n".join(lines) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise InsgenError(
            f"{path} could not be written: {error}.\n  Expected a folder that can be written to.\n"
            "  Choose another place, or mend that."
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return plan
