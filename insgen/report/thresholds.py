"""Where a threshold should lie, by what people said, and how sure that is. Pure numbers.

The threshold maximises balanced accuracy, (share of the good that pass + share of the bad that do not) / 2, which is
(1 + J) / 2 of Youden's index J (Youden 1950). Its interval is the percentile bootstrap (Efron and Tibshirani 1993,
chapter 13), with good and bad resampled apart, so that no resample lacks one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from insgen.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEAST_EACH = 5
"""Labels of either kind without which nothing is placed."""


@dataclass(frozen=True)
class Placed:
    """A threshold: what lies above it passes.

    :ivar threshold: in the middle between two values that were seen, of equally good places the one with most room.
    :ivar low: of the 95 % bootstrap interval of the threshold; ``high``: its other end.
    :ivar accuracy: balanced, 0 to 1, on these very labels (0.5 = a coin): a new label will fare a little worse.
    :ivar n_good: labels that should pass; ``n_bad``: that should not.
    """

    threshold: float
    low: float
    high: float
    accuracy: float
    n_good: int
    n_bad: int


def place(values: Sequence[float], good: Sequence[bool], seed: int, n_resamples: int = 2000) -> Placed:
    """Place a threshold.

    :param values: higher is better; negate what is better when lower.
    :param good: for each, whether it should pass.
    :raises ConfigError: fewer than `LEAST_EACH` of either kind.
    """
    import numpy as np

    labels = np.asarray(good, dtype=bool)
    passing, failing = np.sort(np.asarray(values, dtype=float)[labels]), np.sort(np.asarray(values)[~labels])
    if min(len(passing), len(failing)) < LEAST_EACH:
        raise ConfigError(
            f"There are {len(passing)} labels for passing and {len(failing)} against.\n"
            f"  Expected at least {LEAST_EACH} of either kind, some 50 in all.\n"
            "  Label more with `insgen review` (`--pairs` for near-duplicates), with --sample random for both kinds."
        )
    rng = np.random.default_rng(seed)
    threshold, accuracy = _best(passing, failing)
    resampled = [
        _best(np.sort(rng.choice(passing, len(passing))), np.sort(rng.choice(failing, len(failing))))[0]
        for _ in range(n_resamples)
    ]
    low, high = np.quantile(resampled, (0.025, 0.975)).tolist()
    return Placed(threshold, low, high, accuracy, len(passing), len(failing))


def _best(passing: NDArray[np.float64], failing: NDArray[np.float64]) -> tuple[float, float]:
    """The best threshold and its balanced accuracy; both arrays ascending."""
    import numpy as np

    seen = np.unique(np.concatenate([passing, failing]))
    cuts = (seen[:-1] + seen[1:]) / 2
    if not len(cuts):
        return float(seen[0]), 0.5
    above = 1 - np.searchsorted(passing, cuts, side="right") / len(passing)
    below = np.searchsorted(failing, cuts, side="right") / len(failing)
    accuracy = (above + below) / 2
    room = np.where(accuracy >= accuracy.max() - 1e-12, np.diff(seen), -1.0)
    place = int(room.argmax())
    return float(cuts[place]), float(accuracy[place])
