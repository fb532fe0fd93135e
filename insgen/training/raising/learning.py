"""Generalised advantage estimation and PPO (arXiv:2504.07282, eq. 7-13).

Flows in: rewards and values of an episode, scores of its steps. Flows out: advantages, probabilities of picks, losses.

Eq. 8 as printed ends its sum one step early, which leaves the last step without an advantage; here it ends with the
last step. The state after the last is worth 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray


def advantages(
    rewards: Sequence[float], values: Sequence[float], gamma: float, gae_lambda: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Estimate how much better each step was than the critic thought (eq. 7-9).

    :param rewards: R_t; ``values``: V(S_t), of the same steps.
    :returns: advantages Adv_t and returns G_t = V(S_t) + Adv_t.
    """
    value = np.array([*values, 0.0])
    delta = np.asarray(rewards, dtype=np.float64) + gamma * value[1:] - value[:-1]
    advantage = np.zeros(len(delta))
    later = 0.0
    for step in range(len(delta) - 1, -1, -1):
        later = delta[step] + gamma * gae_lambda * later
        advantage[step] = later
    return advantage, value[:-1] + advantage


def log_probability(
    scores: torch.Tensor, classes: Sequence[torch.Tensor], picks: torch.Tensor, kind: str
) -> torch.Tensor:
    """Log-probability of a batch under the softmax of each class (eq. 10).

    :param scores: shape ``(n,)``.
    :param classes: row numbers by class, each row in one.
    :param picks: chosen row numbers, in the order of choice; ``kind`` as in `RaiseOptions.ratio`.
    :returns: shape ``()``; for ``mean`` that of the average pick.
    """
    import torch

    chosen = torch.zeros(len(scores), dtype=torch.bool, device=scores.device)
    chosen[picks] = True
    place = torch.empty(len(scores), dtype=torch.int64, device=scores.device)
    place[picks] = torch.arange(len(picks), device=scores.device)
    total = scores.new_zeros(())
    for rows in classes:
        own = rows[chosen[rows]]
        if not len(own):
            continue
        own = own[place[own].argsort()]
        if kind == "plackett_luce":
            total = total + _without_replacement(scores[own], scores[rows[~chosen[rows]]])
        else:
            total = total + (scores[own] - torch.logsumexp(scores[rows], 0)).sum()
    return total / len(picks) if kind == "mean" else total


def _without_replacement(own: torch.Tensor, rest: torch.Tensor) -> torch.Tensor:
    """Log-probability of drawing rows in this order, each from what is left (Plackett-Luce)."""
    import torch

    backwards = own.flip(0)
    if len(rest):
        backwards = torch.cat([torch.logsumexp(rest, 0, keepdim=True), backwards])
    left = torch.logcumsumexp(backwards, 0)[-len(own) :]
    return (own.flip(0) - left).sum()


def actor_loss(log_new: torch.Tensor, log_old: torch.Tensor, advantage: torch.Tensor, clip: float) -> torch.Tensor:
    """Clipped surrogate (eq. 12), the mean over steps.

    :param log_new: log-probabilities of the picks of each step, shape ``(t,)``; ``log_old`` and ``advantage`` likewise,
        both constants.
    """
    import torch

    ratio = torch.exp(log_new - log_old)
    return -torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage).mean()


def critic_loss(values: torch.Tensor, returns: torch.Tensor) -> torch.Tensor:
    """Mean squared error of the critic (eq. 13); both of shape ``(t,)``."""
    return (values - returns).square().mean()
