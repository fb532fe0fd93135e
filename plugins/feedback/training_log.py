"""Read what a trainer logs: a file of the contract ``insgen.feedback/1``, as far as it has grown.

Method: the signals that SeDi-Instruct (Kim et al. 2025, arXiv:2502.04774) takes from training, brought by a trainer
that the loop does not own. The file is read from where the last round stopped; an incomplete last line waits. A file
that is not there yet has nothing to say: a training begins later than the loop. A file that became shorter, or begins
otherwise, is another one and is read from its beginning; records that come twice do no harm. Costs one pass over what
is new.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from insgen import Feedback, FeedbackSource, Signal, TrainingStep, hookimpl, read_feedback

from ._places import begin, place

_AT_ONCE = 1000  # records of one call


@dataclass(frozen=True)
class TrainingLog:
    """Reads one file."""

    name: ClassVar[str] = "training-log"

    #: The file that the trainer writes, JSON Lines; relative to the project's folder.
    path: str = "feedback.jsonl"

    def read(self, project: Path, position: str) -> Feedback:
        """Read the next records.

        :raises DataError: a line breaks the contract; names it.
        """
        path = project / self.path
        if not path.exists():
            return Feedback(position=position)
        offset, line = begin(path, json.loads(position) if position else None)
        steps: list[TrainingStep] = []
        signals: list[Signal] = []
        for each in read_feedback(path, offset, line, growing=True):
            offset, line = each.end, each.line
            if isinstance(each.record, TrainingStep):
                steps.append(each.record)
            else:
                signals.append(each.record)
            if len(steps) + len(signals) == _AT_ONCE:
                break
        if not steps and not signals:
            return Feedback(position=position)
        return Feedback(tuple(steps), tuple(signals), json.dumps(place(path, offset, line)))


@hookimpl
def insgen_feedback_sources() -> Sequence[type[FeedbackSource]]:
    """Offer `training-log`."""
    return [TrainingLog]
