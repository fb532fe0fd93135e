"""A learned policy outside of a training: rows of a bank, valued and ranked.

A policy scores rows at a stage of a training. Outside of one a row's value is the mean of its scores over the stages
of the newest episode, never chosen before (our reading: the paper has no such use). Ranked are first the best rows of
each class, then the second best of each, and so on, so that any prefix is the choice of Algorithm 1 for that size.

A row that the policy's auxiliary model finds no answer in (there is none, or the question alone fills what it reads)
could never be learned from, so no policy has seen its like: it has no value, and stands behind all that have one.

New rows are measured by the policy's auxiliary model and scaled by the policy's statistics. They join the class of the
nearest centre; a pool that has grown by more than a tenth since then is clustered anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from insgen.records import Candidate
from insgen.training.raising.choosing import Classes
from insgen.training.raising.features import FeatureFile, identity
from insgen.training.raising.folder import RaiseFolder
from insgen.training.raising.policy import Policy
from insgen.training.raising.run import class_centres
from insgen.training.raising.state import fuse
from insgen.training.target import ModelOptions, TargetModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

_GROWTH = 1.1
_STAGES = 16
"""Stages that a value is the mean over, at most: evenly spread over the episode."""
_ANSWER_TOKENS = 1
"""The static column that counts them; see `state.DIFFICULTY`."""
_UNTRAINED_STAGE = (-1.0, 0.0)
"""Where a policy without an episode stands: P as at the beginning (scaled), no step made."""


@dataclass(frozen=True)
class PolicyRanking:
    """Rows by value.

    :ivar order: row numbers, best first.
    :ivar values: of each row, higher is better; float64, shape ``(n,)``, NaN for a row that has none.
    :ivar places: of each row within its class, from 0; rows without a value follow, one behind the other, by id.
    :ivar label: what the policy is, for people.
    """

    order: NDArray[np.int64]
    values: NDArray[np.float64]
    places: NDArray[np.int64]
    label: str

    def value(self, row: int) -> float | None:
        """Give a row's value; ``None`` where it has none."""
        return None if np.isnan(self.values[row]) else float(self.values[row])

    def place(self, row: int) -> int | None:
        """Give a row's place within its class, from 1; ``None`` where it has no value, and so no class."""
        return None if np.isnan(self.values[row]) else int(self.places[row]) + 1

    @property
    def n_unvalued(self) -> int:
        """How many rows have no value."""
        return int(np.isnan(self.values).sum())


@dataclass(frozen=True)
class Measuring:
    """How new rows are measured.

    :ivar device: where the auxiliary model runs, if it has to.
    :ivar rows_at_once: in one forward pass of it.
    :ivar watch: told how many are measured, of how many.
    """

    device: str
    rows_at_once: int
    watch: Callable[[int, int], None]


def rank_rows(
    rows: Sequence[Candidate],
    folder: Path,
    device: str = "auto",
    rows_at_once: int = 16,
    watch: Callable[[int, int], None] = lambda _done, _of: None,
) -> PolicyRanking:
    """Rank rows by a policy.

    :param rows: each once.
    :param folder: where `insgen raise train` learned it; what is measured now is kept there too.
    :param device: where the auxiliary model runs, if it has to; ``rows_at_once``: in one forward pass of it; ``watch``:
        told how many rows are measured.
    :raises InsgenError: no such policy, its auxiliary model is gone, or another one stands in its place.
    """
    place = RaiseFolder(folder)
    policy = Policy.load(place.policy)
    raw = measured(place, policy, rows, Measuring(device, rows_at_once, watch))
    answered = raw[:, _ANSWER_TOKENS] > 0
    static = policy.scaling.static(raw[answered])
    ids = np.array([row.id for row in rows])
    values, places = np.full(len(rows), np.nan), np.full(len(rows), -1)
    if answered.any():
        values[answered] = valued(policy, static)
        classes = classes_of(policy, static, ids[answered].tolist())
        places[answered] = classes.places(values[answered].astype(np.float32))
    by_id = np.argsort(ids, kind="stable")
    behind = by_id[~answered[by_id]]
    places[behind] = places.max() + 1 + np.arange(len(behind))
    order = by_id[np.lexsort((-values[by_id], places[by_id]))]
    return PolicyRanking(order, values, places, policy.facts.label)


def measured(place: RaiseFolder, policy: Policy, rows: Sequence[Candidate], how: Measuring) -> NDArray[np.float32]:
    """Give the static columns of rows, as the policy's auxiliary model measures them.

    :raises DataError: another model stands where it was.
    """
    facts = policy.facts

    def load() -> TargetModel:
        settings: dict[str, Any] = place.about()["settings"]
        beside = place.path / facts.auxiliary_path
        options = ModelOptions(
            str(beside) if beside.is_dir() else facts.auxiliary_path,
            device=how.device,
            **{name: settings[f"model.{name}"] for name in ("template", "max_tokens", "dtype")},
        )
        if not settings["auxiliary"]:
            options = replace(options, revision=settings["model.revision"])
        target = TargetModel.load(options)
        policy.refuse_other(identity(target), facts.semantics)
        return target

    return FeatureFile(place.features, facts.semantics, how.rows_at_once).measured(
        rows, load, facts.auxiliary, how.watch
    )


def classes_of(policy: Policy, static: NDArray[np.float32], ids: Sequence[str]) -> Classes:
    """Give rows their classes: those of the policy's centres, or new ones for a pool that has grown by a tenth."""
    if len(ids) > _GROWTH * policy.facts.n_rows:
        by_id = np.argsort(np.array(ids), kind="stable")  # k-means minds the order of rows
        policy.centres = class_centres(static[by_id], len(policy.centres), policy.facts.seed)
    return policy.classes(static, ids)


def valued(policy: Policy, static: NDArray[np.float32]) -> NDArray[np.float64]:
    """Value rows: the mean of their scores over the stages of the newest episode, float64, shape ``(n,)``."""
    import torch

    stages = policy.facts.stages or (_UNTRAINED_STAGE,)
    taken = sorted({round(place) for place in np.linspace(0, len(stages) - 1, _STAGES)})
    never = np.zeros(len(static), dtype=np.float32)
    total = np.zeros(len(static))
    with torch.inference_mode():
        for place in taken:
            total += policy.score(torch.from_numpy(fuse(static, stages[place], never))).double().numpy()
    return total / len(taken)
