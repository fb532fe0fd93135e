"""Learns from an episode: K2 passes of PPO over its choices (arXiv:2504.07282, section 3.4 and eq. 10-13).

Flows in: a policy and an episode whose rewards are known. Flows out: the changed policy, and figures. One state is in
memory at a time; gradients add up over the choices, so that a pass is one step of each optimiser.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from insgen.errors import StageError
from insgen.training.raising.episode import Choice, Episode, Table
from insgen.training.raising.learning import actor_loss, advantages, critic_loss, log_probability
from insgen.training.raising.options import RaiseOptions
from insgen.training.raising.policy import Policy

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray


class Learner:
    """A policy with its optimisers."""

    def __init__(self, policy: Policy, options: RaiseOptions) -> None:
        import torch

        self.policy = policy
        self.options = options
        self.actor: Any = torch.optim.Adam(
            policy.actor.parameters(), lr=options.actor_lr, weight_decay=options.weight_decay
        )
        self.critic: Any = torch.optim.Adam(
            policy.critic.parameters(), lr=options.critic_lr, weight_decay=options.weight_decay
        )

    def state_dict(self) -> dict[str, Any]:
        """Everything that learning goes on from."""
        nets = {"actor_net": self.policy.actor, "critic_net": self.policy.critic}
        return {name: each.state_dict() for name, each in {**nets, "actor": self.actor, "critic": self.critic}.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        nets = {"actor_net": self.policy.actor, "critic_net": self.policy.critic}
        for name, each in {**nets, "actor": self.actor, "critic": self.critic}.items():
            each.load_state_dict(state[name])

    def learn(self, episode: Episode) -> dict[str, float]:
        """Make the passes over one episode.

        :returns: losses before the first pass, and the farthest log-ratio of any pass.
        :raises StageError: a loss is not finite.
        """
        import torch

        options, choices = self.options, episode.choices
        rewards = [_known(choice) for choice in choices]
        advantage, returns = (
            torch.tensor(each, dtype=torch.float32)
            for each in advantages(rewards, [c.value for c in choices], options.gamma, options.gae_lambda)
        )
        mean_rows = torch.tensor(np.array([mean_row(state) for state in episode.states()]))
        classes = tensors(episode.table)
        figures: dict[str, float] = {}
        drift = 0.0
        for _ in range(options.ppo_epochs):
            losses, farthest = self._actor_pass(episode, classes, advantage)
            drift = max(drift, farthest)
            self.critic.zero_grad()
            loss = critic_loss(self.policy.value(mean_rows), returns)
            loss.backward()  # type: ignore[no-untyped-call]  # torch's own
            _refuse_nan(losses, float(loss.detach()))
            self.actor.step()
            self.critic.step()
            figures = figures or {"actor_loss": losses, "critic_loss": float(loss.detach())}
        return {**figures, "farthest_log_ratio": drift, "return": sum(rewards)}

    def _actor_pass(
        self, episode: Episode, classes: Sequence[torch.Tensor], advantage: torch.Tensor
    ) -> tuple[float, float]:
        """Add up the actor's gradient over all choices; gives the loss and the farthest log-ratio."""
        import torch

        self.actor.zero_grad()
        total, farthest = 0.0, 0.0
        for place, (choice, state) in enumerate(zip(episode.choices, episode.states(), strict=True)):
            picks = torch.from_numpy(choice.picks)
            new = log_probability(self.policy.score(torch.from_numpy(state)), classes, picks, self.options.ratio)
            farthest = max(farthest, abs(float(new.detach()) - choice.log_p))
            old = torch.tensor([choice.log_p], dtype=new.dtype)
            loss = actor_loss(new[None], old, advantage[place : place + 1], self.options.clip) / len(episode.choices)
            loss.backward()  # type: ignore[no-untyped-call]  # torch's own
            total += float(loss.detach())
        return total, farthest


def mean_row(state: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the critic sees of a state: the mean over its rows, which keeps the stage as it is."""
    row: NDArray[np.float32] = state.mean(axis=0, dtype=np.float64).astype(np.float32)
    return row


def tensors(table: Table) -> list[torch.Tensor]:
    """Row numbers by class, for torch."""
    import torch

    return [torch.from_numpy(rows) for rows in table.classes.rows]


def _known(choice: Choice) -> float:
    if choice.reward is None:
        raise StageError(
            f"The choice for step {choice.step} has no reward yet.\n  Expected an episode that has ended.\n"
            "  Report every step before learning from them."
        )
    return choice.reward


def _refuse_nan(*losses: float) -> None:
    if not np.isfinite(losses).all():
        raise StageError(
            f"Learning the policy diverged: losses {', '.join(map(str, losses))}.\n  Expected finite numbers.\n"
            "  Choose smaller learning rates of actor and critic, or the ratio `mean`."
        )
