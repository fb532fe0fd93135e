"""Which columns moved a policy's choices, over the states of its newest episode.

Two figures per column. *Sensitivity*: how much the score moves with one standard deviation of the column, the mean over
rows and choices of |d score / d column| times the deviation; *direction* is the same with its sign. *Changed*: the share
of picks that are others when the column is held at its mean, which is an ablation of the choice (the paper's ablation
trains without the group; this does not train again). Stage columns are the same for all rows of a state: their mean
and deviation are those over the states.
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
    features = FeatureFile(place.features, policy.facts.semantics)
    ids = tuple(place.pool())
    static = policy.scaling.static(features.columns(ids))
    table = Table(ids, static, policy.scaling, policy.classes(static, ids))
    episode = Episode(table, round(choices[0].step / policy.facts.stages[0][1]), choices)
    states = list(episode.states())
    semantics = policy.facts.semantics
    names, groups = column_names(semantics), column_groups(semantics)
    group_of = {column: name for name, part in groups.items() for column in range(len(names))[part]}
    slopes = _slopes(policy, states)
    means, deviations = _moments(states)
    changed = _Ablation(policy, table, states, [len(choice.picks) for choice in choices], means)
    moves = [(float(each.mean()), float(np.abs(each).mean())) for each in (slopes * deviations).reshape(-1, len(names)).T]
    columns = tuple(
        Influence(name, group_of[place], moves[place][1], moves[place][0], changed([place]))
        for place, name in enumerate(names)
    )
    whole = tuple(
        Influence(
            name,
            name,
            float(np.linalg.norm([each.sensitivity for each in columns[part]])),
            sum(each.direction for each in columns[part]),
            changed(list(range(len(names))[part])),
        )
        for name, part in groups.items()
    )
    return Explanation(policy.facts.label, len(choices), whole, columns)
