"""Which columns moved a policy's choices, over the states of its newest episode.

Two figures per column. *Sensitivity*: how much the score moves with one standard deviation of the column, the mean
over rows and choices of |d score / d column| times the deviation; *direction* is the same with its sign. *Changed*: the
share of picks that are others when the column is held at its mean, which is an ablation of the choice (the paper's
ablation trains without the group; this does not train again). Mean and deviation are those over all rows of all states:
the columns of the stage, the same for every row of a state, differ between states only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from insgen.errors import DataError
from insgen.training.raising.episode import Episode, Table
from insgen.training.raising.features import FeatureFile
from insgen.training.raising.folder import RaiseFolder
from insgen.training.raising.policy import Policy
from insgen.training.raising.state import column_groups, column_names

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Influence:
    """What a group, or a column, does.

    :ivar sensitivity: >= 0, in units of the score.
    :ivar direction: the same with its sign: above 0, more of it is chosen sooner.
    :ivar changed: share of picks, 0 to 1.
    """

    name: str
    group: str
    sensitivity: float
    direction: float
    changed: float


@dataclass(frozen=True)
class Explanation:
    """What moved the choices.

    :ivar label: what the policy is.
    :ivar n_choices: choices of the newest episode.
    :ivar groups: the four groups, then ``columns`` one by one; both in the order of the state.
    """

    label: str
    n_choices: int
    groups: tuple[Influence, ...]
    columns: tuple[Influence, ...]


def explain(folder: Path) -> Explanation:
    """Explain the policy of a folder by the choices of its newest episode, as it would make them now.

    :raises DataError: no policy, or no episode was played.
    """
    place = RaiseFolder(folder)
    policy = Policy.load(place.policy)
    choices = place.played()
    if not choices:
        raise DataError(
            f"The policy of {folder} is untrained: no episode was played.\n  Expected at least one.\n"
            "  Learn one with `insgen raise train --rounds 1` or more."
        )
    semantics = policy.facts.semantics
    ids = tuple(place.about()["rows"])
    static = policy.scaling.static(FeatureFile(place.features, semantics).columns(ids))
    table = Table(ids, static, policy.scaling, policy.classes(static, ids))
    probe = _Probe(policy, Episode(table, round(choices[0].step / policy.facts.stages[0][1]), choices))
    names, groups = column_names(semantics), column_groups(semantics)
    moves, directions = probe.slopes()
    spans = {name: list(range(len(names))[part]) for name, part in groups.items()}
    group_of = {column: name for name, span in spans.items() for column in span}
    changed = probe.changed([*([place] for place in range(len(names))), *spans.values()])
    columns = [
        Influence(name, group_of[at], float(moves[at]), float(directions[at]), changed[at])
        for at, name in enumerate(names)
    ]
    whole = [
        Influence(
            name, name, float(np.linalg.norm(moves[span])), float(directions[span].sum()), changed[len(names) + at]
        )
        for at, (name, span) in enumerate(spans.items())
    ]
    return Explanation(policy.facts.label, len(choices), tuple(whole), tuple(columns))


class _Probe:
    """A policy and the states of an episode; these are rebuilt for each pass, so that one is held at a time."""

    def __init__(self, policy: Policy, episode: Episode) -> None:
        self.policy = policy
        self.episode = episode
        n = len(episode.table.ids) * len(episode.choices)
        total = sum(state.sum(axis=0, dtype=np.float64) for state in episode.states())
        self.means = total / n
        squares = sum(((state - self.means) ** 2).sum(axis=0) for state in episode.states())
        self.deviations = np.sqrt(squares / n)

    def slopes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean size, and mean, of the score's slope along each column, per deviation."""
        import torch

        sizes, signed = np.zeros(len(self.means)), np.zeros(len(self.means))
        for state in self.episode.states():
            rows = torch.from_numpy(state).requires_grad_()
            (slope,) = torch.autograd.grad(self.policy.score(rows).sum(), rows)
            sizes += slope.abs().mean(dim=0).double().numpy()
            signed += slope.mean(dim=0).double().numpy()
        n = len(self.episode.choices)
        return sizes / n * self.deviations, signed / n * self.deviations

    def changed(self, sets: Sequence[Sequence[int]]) -> list[float]:
        """Share of picks that are others when some columns are held at their means, for each set of columns."""
        missed, n_picks = np.zeros(len(sets)), 0
        for choice, state in zip(self.episode.choices, self.episode.states(), strict=True):
            own = self._choose(state, len(choice.picks))
            n_picks += len(own)
            for at, columns in enumerate(sets):
                held = state.copy()
                held[:, columns] = self.means[columns]
                missed[at] += len(np.setdiff1d(own, self._choose(held, len(own))))
        return [float(share) for share in missed / n_picks]

    def _choose(self, state: NDArray[np.float32], size: int) -> NDArray[np.int64]:
        import torch

        with torch.inference_mode():
            scores = self.policy.score(torch.from_numpy(state)).numpy()
        return self.episode.table.classes.choose(scores, size)
