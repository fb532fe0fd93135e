"""The dialogue with a training: which rows next, and how did it go.

    dialogue = Dialogue(policy, table, options, n_steps, explore=True)
    for step in 1..T:
        ids = dialogue.propose(step, perf)      # P before the step
        ... one optimiser step on those rows ...
        dialogue.report(step, perf, executed=ids)   # P after it

It has to be this way round: a batch depends on what the step before it brought. A loader that looks one batch ahead
asks too early and is refused. A trainer that cannot be asked step by step sets ``choose_every`` to M: then
`propose_block` gives M batches at once, and `report_block` takes what came of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from insgen.errors import DataError, StageError
from insgen.training.raising.episode import Choice, Episode, Table
from insgen.training.raising.learner import mean_row, tensors
from insgen.training.raising.learning import log_probability
from insgen.training.raising.options import RaiseOptions
from insgen.training.raising.policy import Policy


class Dialogue:
    """One episode as it is played.

    :ivar episode: what was chosen so far.
    :ivar step: the last step that was reported; 0 before the first.
    """

    def __init__(
        self,
        policy: Policy,
        table: Table,
        options: RaiseOptions,
        n_steps: int,
        *,
        number: int = 1,
        explore: bool = True,
    ) -> None:
        """Begin.

        :param number: of the episode, from 1: with the seed it decides the noise.
        :param explore: whether noise is added where the options say so; not when a policy is put to use.
        :raises DataError: the pool is smaller than what one choice takes.
        """
        self.policy = policy
        self.options = options
        self.number = number
        self.explore = explore and options.explore == "gumbel"
        self.episode = Episode(table, n_steps)
        self.step = 0
        self._known_at = 0  # the step after which P was seen last
        self._last_perf = math.nan
        self._blocks: list[list[list[int]]] = []
        self._classes = tensors(table)
        refuse_small_pool(len(table.ids), options, n_steps)

    def propose(self, step: int, perf: float | None) -> list[str]:
        """Say which rows a step is made of.

        :param step: counted from 1; the step before it has been reported.
        :param perf: P before it; ``None`` where it was not measured after the step before.
        :raises StageError: out of turn, or P is not finite.
        """
        if step != self.step + 1 or step > self.episode.n_steps:
            raise StageError(
                f"Rows for step {step} were asked for after {self.step} of {self.episode.n_steps} steps were reported."
                f"\n  Expected step {self.step + 1}: a batch depends on what the step before it brought.\n"
                "  Ask for a batch once the step before it is done (a loader that looks ahead asks too early)."
            )
        if perf is not None:
            self._see(step - 1, perf)
        first, place = divmod(step - 1, self.options.choose_every)
        if first == len(self._blocks):
            self._choose(step)
        return [self.episode.table.ids[row] for row in self._blocks[first][place]]

    def report(self, step: int, perf: float | None, executed: Sequence[str] | None = None) -> None:
        """Say that a step was made.

        :param perf: P after it; ``None`` where it was not measured; after the last step it must be.
        :param executed: ids of the rows it was made of, where the trainer tells.
        :raises StageError: out of turn, P is not finite, or the episode ends without it.
        :raises DataError: other rows were executed than proposed.
        """
        first, place = divmod(step - 1, self.options.choose_every)
        if step != self.step + 1 or first >= len(self._blocks):
            raise StageError(
                f"Step {step} was reported after step {self.step}, without having been proposed.\n"
                f"  Expected the steps in order, each proposed first.\n  Propose step {self.step + 1}."
            )
        proposed = [self.episode.table.ids[row] for row in self._blocks[first][place]]
        if executed is not None and sorted(executed) != sorted(proposed):
            other = [id_ for id_ in executed if id_ not in set(proposed)]
            raise DataError(
                f"Step {step} was made of {len(executed)} rows, {len(other)} of them not proposed: {other[:5]}.\n"
                f"  Expected the {len(proposed)} rows that were proposed.\n  Train on those, once each."
            )
        if perf is None and step == self.episode.n_steps:
            raise StageError(
                f"The last step, {step}, was reported without P.\n  Expected what the episode came to.\n"
                "  Measure P after the last step."
            )
        self.step = step
        if perf is not None:
            self._see(step, perf)

    def propose_block(self, perf: float) -> list[list[str]]:
        """Give the batches of all steps up to the next choice, for a trainer that cannot be asked in between."""
        step = self.step + 1
        self.propose(step, perf)
        return [[self.episode.table.ids[row] for row in batch] for batch in self._blocks[-1]]

    def report_block(self, executed: Sequence[Sequence[str]], perf: float) -> None:
        """Take what came of a block.

        :param executed: ids by step.
        :param perf: P after its last step.
        :raises DataError: other steps or rows than proposed.
        """
        if not self._blocks or len(executed) != len(self._blocks[-1]):
            raise DataError(
                f"{len(executed)} steps were reported.\n  Expected the {len(self._blocks[-1]) if self._blocks else 0}"
                " that were proposed, in order.\n  Report one record for each batch."
            )
        for place, ids in enumerate(executed, start=1):
            self.report(self.step + 1, perf if place == len(executed) else None, ids)

    def batches(self) -> list[list[str]]:
        """Give the rows of every step proposed so far, by their ids."""
        return [[self.episode.table.ids[row] for row in batch] for block in self._blocks for batch in block]

    def restore(self, choices: Sequence[Choice], step: int) -> None:
        """Go on where an episode was left.

        :param choices: those made up to that step, as they were then.
        """
        for choice in choices:
            self.episode.choices.append(choice)
            self._blocks.append(self._dealt(choice))
        self.step = self._known_at = step

    def _see(self, step: int, perf: float) -> None:
        """Take P after a step, and give the steps since the last look their even shares of the change."""
        if not math.isfinite(perf):
            raise StageError(
                f"P after step {step} of {self.episode.n_steps} (episode {self.number}) is {perf}.\n"
                "  Expected a finite number: minus the validation loss.\n"
                "  Go on from the last checkpoint with a smaller learning rate, or look at the validation rows."
            )
        if step > self._known_at:
            each = (perf - self._last_perf) / (step - self._known_at)
            for done in range(self._known_at, step):
                choice = self.episode.choices[done // self.options.choose_every]
                choice.reward = (choice.reward or 0.0) + each
        self._known_at, self._last_perf = step, perf

    def _choose(self, step: int) -> None:
        import torch

        episode, options = self.episode, self.options
        n_batches = min(options.choose_every, episode.n_steps - step + 1)
        state = episode.state(step, self._last_perf, episode.counts())
        with torch.inference_mode():
            scores = self.policy.score(torch.from_numpy(state))
            noisy = scores.numpy() + self._noise(step, len(scores))
            picks = episode.table.classes.choose(noisy, options.batch * n_batches)
            log_p = float(log_probability(scores, self._classes, torch.from_numpy(picks), options.ratio))
            value = float(self.policy.value(torch.from_numpy(mean_row(state))[None])[0])
        choice = Choice(step, self._last_perf, picks, log_p, value)
        episode.choices.append(choice)
        self._blocks.append(self._dealt(choice))

    def _noise(self, step: int, n: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        if not self.explore:
            return np.zeros(n, dtype=np.float32)
        return self._random(step).gumbel(size=n).astype(np.float32)

    def _dealt(self, choice: Choice) -> list[list[int]]:
        """Deal the picks of a choice to its steps, at random where there are several."""
        if len(choice.picks) <= self.options.batch:
            return [choice.picks.tolist()]
        mixed = self._random(-choice.step).permutation(choice.picks)
        return [batch.tolist() for batch in np.split(mixed, len(mixed) // self.options.batch)]

    def _random(self, occasion: int) -> np.random.Generator:
        """Give a generator of its own for each occasion, so that a resumed episode draws what it would have drawn."""
        return np.random.default_rng([self.options.seed, self.number, occasion < 0, abs(occasion)])


def refuse_small_pool(n_rows: int, options: RaiseOptions, n_steps: int) -> None:
    """Refuse a pool that one choice would take more of than there is.

    :raises DataError: it is.
    """
    block = min(options.choose_every, n_steps)
    if n_rows < options.batch * block:
        batches = f" ({block} batches of {options.batch})" if block > 1 else ""
        raise DataError(
            f"The pool holds {n_rows} rows to learn from, one choice takes {options.batch * block}{batches}.\n"
            "  Expected at least as many rows with answers as that.\n"
            "  Choose a smaller batch, or add rows."
        )
