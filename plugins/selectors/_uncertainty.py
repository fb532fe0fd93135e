"""How sure a causal language model is of a text: the uncertainty baselines of DiverseEvol's released code.

l(p, v) = logit of token v at position p; all positions count, those of the question included.
    least_confidence    mean over p of max over v of l(p, v): a *logit*, not a probability; small = unsure
    margin              mean over p of largest - second largest logit; small = unsure
    entropy             mean over p of the entropy of the softmax, in nats; large = unsure
The released entropy multiplies a zero probability by minus infinity; here it is taken from the log-softmax.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from insgen import Candidate, StageError

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from insgen import TargetModel

MEASURES = ("least_confidence", "margin", "entropy")


def unsureness(logits: torch.Tensor, measure: str) -> float:
    """Measure one text.

    :param logits: float32, shape ``(t, v)``, t >= 1, v >= 2.
    :param measure: one of `MEASURES`.
    :returns: larger = less sure: the negated mean for the first two.
    """
    import torch

    if measure == "entropy":
        logs = torch.log_softmax(logits, dim=-1)
        return float(-torch.special.xlogy(logs.exp(), logs.exp()).sum(dim=-1).mean())
    top = logits.topk(2, dim=-1).values
    return float(-(top[:, 0] if measure == "least_confidence" else top[:, 0] - top[:, 1]).mean())


def unsureness_of(target: TargetModel, rows: Sequence[Candidate], measure: str) -> NDArray[np.float64]:
    """Measure rows as they are trained on.

    :returns: float64, shape ``(len(rows),)``; larger = less sure.
    :raises StageError: one of them is not finite.
    """
    found = np.empty(len(rows))
    encoded = [target.encode(row) for row in rows]
    for place, logits in target.logits(encoded):
        found[place] = unsureness(logits, measure)
    if not np.isfinite(found).all():
        row = rows[int(np.flatnonzero(~np.isfinite(found))[0])]
        raise StageError(
            f"The model {target.options.model} gives no finite logits for {row.id}.\n"
            "  Expected finite numbers.\n  Train it with a smaller learning rate, or take another model."
        )
    return found
