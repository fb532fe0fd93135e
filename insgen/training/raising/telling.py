"""Tells now and then how far a policy is: the measuring of rows, and the steps of an episode.

Flows in: every step and every block of measured rows. Flows out: lines for people, few enough to be read.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from insgen.training.raising.playing import Played

_QUIET_S = 10.0
"""Lines come no closer than this, in seconds; the last one of an episode, or of a measuring, always comes."""


class Telling:
    """What a learning or a training tells while it works."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        """Begin.

        :param tell: gets a line.
        """
        self._tell = tell
        self._told = 0.0

    def __call__(self, played: Played) -> None:
        """Take note of a step."""
        loss = f", validation loss {-played.perf:.4f}" if played.perf is not None else ""
        step, n_steps = played.outcome.step, played.n_steps
        self._say(f"episode {played.number}, step {step} of {n_steps}{loss}", last=step == n_steps)

    def measured(self, done: int, of: int) -> None:
        """Take note of rows that the auxiliary model has measured."""
        self._say(f"measured {done} of {of} rows", last=done == of)

    def _say(self, line: str, *, last: bool) -> None:
        now = time.monotonic()
        if last or now - self._told >= _QUIET_S:
            self._told = now
            self._tell(line)
