"""What each seed did for a training: the mean signal of the steps that executed instructions made with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from insgen import Candidate, CandidateId

from ._windows import Window


@dataclass(frozen=True)
class Credit:
    """Of one seed in one window.

    :ivar n: examples with it in their prompt, 1/k each where k seeds stood in it.
    :ivar q: mean signal of their steps, weighted likewise; higher is better.
    """

    n: float
    q: float


def credit_seeds(
    window: Window, strength: Sequence[float], found: Mapping[CandidateId, Candidate]
) -> dict[str, Credit]:
    """Credit every seed that stood in the prompt of an executed instruction.

    :param strength: the signal of each step of the window.
    :param found: the known ones among its instructions, with their origins.
    """
    examples: defaultdict[str, float] = defaultdict(float)
    total: defaultdict[str, float] = defaultdict(float)
    for step, signal in zip(window.steps, strength, strict=True):
        for id_ in (CandidateId(id_) for micro in step.items for id_ in micro):
            seed_ids = found[id_].origin.seed_ids if id_ in found else ()
            for seed_id in seed_ids:
                examples[seed_id] += 1 / len(seed_ids)
                total[seed_id] += signal / len(seed_ids)
    return {seed_id: Credit(n, total[seed_id] / n) for seed_id, n in examples.items()}
