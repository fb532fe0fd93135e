"""Compares selectors: the same stored candidates, several selectors and sizes; the project stays as it is.

Flows in: a project and which selectors to try. Flows out: a `Comparison`. Only the selectors act: filters, scores and
vectors are taken from the store as they are. What was chosen is measured when the last trial has ended, since this
process must hold little while they run (see `choose_apart`).
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from insgen.config.load import load_config
from insgen.config.settings import RunConfig
from insgen.errors import ConfigError, InsgenError
from insgen.hooks.manager import load_plugins
from insgen.hooks.registry import Plugins
from insgen.loop.trials import Choice, Trial, choose_apart, make_selector
from insgen.records import Pool
from insgen.report import metrics
from insgen.report.batches import cluster
from insgen.store import members as member_store
from insgen.store.database import explained, open_reader
from insgen.store.pools import Arrived, arrived
from insgen.store.rounds import last_round

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


_LOG = logging.getLogger(__name__)
_CLUSTERED_ROWS = 20_000  # k-means on a sample of so many; 5 s for 100 clusters at 384 dimensions
_FIGURES = ("quality", "spacing_median", "spacing_p10", "vendi", "coverage", "radius", "evenness")


@dataclass
class Comparison:
    """Several selectors over one pool.

    :ivar pool: candidates, rounds, left_out (kept, but without quality or vector), model, clusters, arrivals.
    :ivar rows: one per size and selector: selector, size, chosen, the figures of `measure`, shared (with the first
        selector at this size), asked (rounds it took), seconds, peak_mb, pool_mb, error.
    :ivar shared: by size, for every two selectors the share of the smaller choice that both made.
    """

    pool: dict[str, Any]
    rows: list[dict[str, Any]] = field(default_factory=list)
    shared: list[dict[str, Any]] = field(default_factory=list)


def compare(
    project: Path,
    selectors: Sequence[str],
    sizes: Sequence[int],
    *,
    arrivals: bool = False,
    clusters: int = 100,
    advance: Callable[[str], None] = lambda _: None,
) -> Comparison:
    """Let selectors choose from everything that was ever kept and scored, and measure their choices.

    A selector that adds some rows per round is asked again until it is full. What one learns on the way (the policy
    of ``raise``) serves all sizes and is thrown away at the end.

    :param selectors: names, or ``NAME:KEY=VALUE,...``; none = all that need no options, the project's own first. The
        project's own selector starts from the options in its config.
    :param sizes: none = the bank's size in the config.
    :param arrivals: rank round after round, in the order in which the candidates came.
    :param clusters: of how many clusters of the pool the evenness is taken, at most.
    :param advance: told which trial begins.
    :raises ConfigError: no such selector or option, or nothing was kept and scored yet.
    """
    config, _ = load_config(project)
    plugins = load_plugins(config.plugins, config.folder)
    named = list(dict.fromkeys(selectors)) or _all_selectors(config, plugins)
    wanted = sorted(set(sizes)) or [config.select[0].size]
    for each in named:
        make_selector(config, plugins, each)
    with explained(config.database), tempfile.TemporaryDirectory(prefix="insgen-compare-") as scratch:
        with closing(open_reader(config.database)) as conn:
            _, _, model = member_store.selector_state(conn)
            last = last_round(conn)
        folders = {each: Path(scratch) / str(number) for number, each in enumerate(named)}
        trials = [Trial(project, each, size, model, last, arrivals, folders[each]) for size in wanted for each in named]
        choices = dict(_choices(trials, advance) if model else ())
        with closing(open_reader(config.database)) as conn:
            found = arrived(conn, model, last)
    if not found.pool.candidates:
        raise ConfigError(
            "Nothing was kept and scored in this project yet.\n  Expected candidates to choose from.\n"
            "  Call `insgen run` first."
        )
    about = {"model": model, "arrivals": arrivals}
    return _compared(found, choices, about, clusters, config.project.seed)


def _choices(
    trials: Sequence[Trial], advance: Callable[[str], None]
) -> Iterator[tuple[tuple[int, str], Choice | InsgenError]]:
    for number, trial in enumerate(trials, start=1):
        advance(f"{trial.selector}, size {trial.size} ({number} of {len(trials)})")
        try:
            yield (trial.size, trial.selector), choose_apart(trial)
        except InsgenError as error:
            yield (trial.size, trial.selector), error


def _compared(
    found: Arrived,
    choices: Mapping[tuple[int, str], Choice | InsgenError],
    about: Mapping[str, Any],
    clusters: int,
    seed: int,
) -> Comparison:
    labels, n_clusters = _clusters(found.pool.vectors, clusters, seed)
    made = Comparison(
        {
            "candidates": len(found.pool.candidates),
            "rounds": len(set(found.rounds.tolist())),
            "left_out": found.left_out,
            "clusters": n_clusters,
            **about,
        }
    )
    firsts: dict[int, tuple[int, ...]] = {}
    for (size, selector), outcome in choices.items():
        choice = Choice() if isinstance(outcome, InsgenError) else outcome
        first = firsts.setdefault(size, choice.rows)
        figures = measure(found.pool, labels, n_clusters, choice.rows) if choice.rows else dict.fromkeys(_FIGURES)
        made.rows.append(
            {"selector": selector, "size": size, "chosen": len(choice.rows)}
            | figures
            | {"shared": metrics.overlap(first, choice.rows), "asked": choice.asked, "seconds": choice.seconds}
            | {"peak_mb": choice.peak_mb, "pool_mb": choice.pool_mb}
            | {"error": str(outcome) if isinstance(outcome, InsgenError) else None}
        )
    for size in firsts:
        rows = {name: each.rows for (n, name), each in choices.items() if n == size and isinstance(each, Choice)}
        shares = [[metrics.overlap(one, other) for other in rows.values()] for one in rows.values()]
        made.shared.append({"size": size, "selectors": list(rows), "shares": shares})
    return made


def measure(pool: Pool, labels: NDArray[np.int64], n_clusters: int, rows: Sequence[int]) -> dict[str, float | None]:
    """Measure one choice; distances are 1 - cosine similarity, 0 to 2.

    :param labels: the cluster of every row of the pool.
    :param rows: what was chosen, at least one.
    :returns: quality (mean, 0 to 1); spacing_median and spacing_p10 (distance of a member to its nearest other);
        vendi (effective number of different members, 1 to n); coverage and radius (mean and greatest distance of a
        candidate of the pool to its nearest member; smaller covers better); evenness over the pool's clusters, 0 to 1.
    """
    import numpy as np

    chosen = np.asarray(rows)
    vectors = pool.vectors[chosen]
    apart = metrics.spacing(vectors)
    gaps = metrics.nearest_distance(pool.vectors, vectors)
    figures = (
        float(pool.quality[chosen].mean()),
        float(np.median(apart)) if len(apart) else None,
        float(np.quantile(apart, 0.1)) if len(apart) else None,
        metrics.vendi_score(vectors),
        float(gaps.mean(dtype=np.float64)),
        float(gaps.max()),
        metrics.share_entropy(labels[chosen], n_clusters),
    )
    return dict(zip(_FIGURES, figures, strict=True))


def _clusters(vectors: NDArray[np.float32], n_clusters: int, seed: int) -> tuple[NDArray[np.int64], int]:
    """Give every candidate of the pool a cluster: k-means on a sample, then the nearest mean direction."""
    import numpy as np

    n = len(vectors)
    sample = sorted(Random(seed).sample(range(n), min(n, _CLUSTERED_ROWS)))  # noqa: S311 - reproducible on purpose
    labels = np.asarray(cluster(vectors[sample], n_clusters, seed))
    centers = np.zeros((int(labels.max()) + 1, vectors.shape[1]), np.float32)
    np.add.at(centers, labels, vectors[sample])
    lengths = np.linalg.norm(centers, axis=1, keepdims=True)
    centers /= np.where(lengths > 0, lengths, 1)
    return metrics.assign(vectors, centers), len(centers)


def _all_selectors(config: RunConfig, plugins: Plugins) -> list[str]:
    """Name the project's own selector, and the others that work without being told anything."""
    own = config.select[1].use
    others = [offer.name for offer in plugins.named("selector") if offer.name != own]
    return [own, *(name for name in others if _works_bare(config, plugins, name))]


def _works_bare(config: RunConfig, plugins: Plugins, name: str) -> bool:
    try:
        make_selector(config, plugins, name)
    except ConfigError as error:
        _LOG.info("%s is left out: %s", name, error)
        return False
    return True
