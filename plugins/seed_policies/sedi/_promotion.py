"""Which instructions of the strongest batches become seeds, and in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from insgen import Candidate, CandidateId, Seed, SeedContext, StageError, TrainingStep

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Promoted:
    """A new seed.

    :ivar batch: the step whose batch it is from.
    :ivar why: what made it come first, with the figure.
    """

    seed: Seed
    batch: TrainingStep
    why: str


@dataclass(frozen=True)
class Rule:
    """Who may be promoted.

    :ivar n: at most so many.
    :ivar order: ``spread`` or ``loss``, as the policy's option.
    :ivar min_quality: 0 = any.
    """

    n: int
    order: str
    min_quality: float


def promote(
    batches: Sequence[TrainingStep],
    found: Mapping[CandidateId, Candidate],
    seeds: Sequence[Seed],
    rule: Rule,
    context: SeedContext,
) -> list[Promoted]:
    """Choose the new seeds.

    :param batches: strongest first.
    :param found: the known ones among their instructions; others cannot be promoted.
    :param seeds: those in force now.
    :raises StageError: they are ordered by loss, and the trainer told none.
    """
    taken = {seed.id for seed in seeds} | context.dropped
    pool: dict[CandidateId, TrainingStep] = {}
    for step in batches:
        for id_ in (CandidateId(id_) for micro in step.items for id_ in micro):
            if id_ in found and id_ not in taken and _good(found[id_], rule.min_quality):
                pool.setdefault(id_, step)
    if not pool or not rule.n:
        return []
    chosen = _by_loss(pool) if rule.order == "loss" else _by_spread(list(pool), seeds, rule.n, context)
    return [Promoted(_seed_of(id_, found[id_]), pool[id_], why) for id_, why in chosen[: rule.n]]


def _good(candidate: Candidate, min_quality: float) -> bool:
    return not min_quality or (candidate.quality is not None and candidate.quality >= min_quality)


def _seed_of(id_: CandidateId, candidate: Candidate) -> Seed:
    return Seed(id_, candidate.instruction, candidate.input, candidate.output)


def _by_loss(pool: Mapping[CandidateId, TrainingStep]) -> list[tuple[CandidateId, str]]:
    """Largest loss first; of two with the same, the one executed first."""
    losses = {id_: step.item_loss[id_] for id_, step in pool.items() if id_ in step.item_loss}
    if not losses:
        step = next(iter(pool.values()))
        raise StageError(
            f'The seed policy "sedi" cannot order by loss: step {step.step} of the training {step.run_id} tells no loss'
            ' of its instructions.\n  Expected "item_loss" in its record.\n'
            '  Let the trainer write it, or set [seeds] order = "spread".'
        )
    return [(id_, f"loss {losses[id_]:.6f}") for id_ in sorted(losses, key=lambda id_: -losses[id_])]


def _by_spread(
    ids: Sequence[CandidateId], seeds: Sequence[Seed], n: int, context: SeedContext
) -> list[tuple[CandidateId, str]]:
    """Again and again the one whose nearest seed, promoted ones included, is farthest; of equals the first."""
    import numpy as np

    vectors = context.bank.vectors(ids)
    distance = np.full(len(ids), 2.0)  # 1 - cosine similarity is never larger
    for row in context.bank.vectors([CandidateId(seed.id) for seed in seeds]):
        distance = np.minimum(distance, _distance(vectors, row))
    chosen: list[tuple[CandidateId, str]] = []
    for _ in range(min(n, len(ids))):
        place = int(distance.argmax())
        chosen.append((ids[place], f"cosine distance {distance[place]:.6f} to the nearest seed"))
        distance = np.minimum(distance, _distance(vectors, vectors[place]))
        distance[place] = -1.0
    return chosen


def _distance(vectors: NDArray[np.float32], row: NDArray[np.float32]) -> NDArray[np.float64]:
    distance: NDArray[np.float64] = 1 - vectors.astype("float64") @ row.astype("float64")
    return distance
