"""The file in which one training run tells what it executed: one record of the feedback contract per optimiser step.

Flows in: one `TrainingStep` per step, in order. Flows out: a file that `insgen feedback import` reads. A run that is
resumed cuts off the records of the steps that it does again, and the half of a line that a kill may have left.
"""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime
from pathlib import Path

from insgen.errors import DataError
from insgen.feedback import read_feedback, step_line
from insgen.records import TrainingStep


def new_run_id() -> str:
    """Make a name for a run, such as ``20260131T120000-5f3a9c``: time (UTC) and six random digits."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


class FeedbackFile:
    """The records of one run.

    :ivar path: the file; its folder must exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, step: int, run_id: str | None = None) -> str:
        """Make the file ready for the steps after ``step``.

        :param step: the last step that stays; 0 for a new run.
        :param run_id: the run's name; ``None`` = that of the records which stay, or a new one.
        :returns: the run's name.
        :raises DataError: the file holds another run's records or something else, or there is no folder for it.
        """
        if not self.path.parent.is_dir():
            raise DataError(
                f"There is no folder {self.path.parent}.\n  Expected one for {self.path.name}.\n"
                "  Make it, or name another."
            )
        names, end = self._held(step)
        wanted = {run_id} if run_id else set() if step == 0 else names
        if names - wanted or len(names) > 1:
            raise DataError(
                f"{self.path} holds the records of run {', '.join(sorted(names))}.\n"
                f"  Expected {'no file yet' if step == 0 else 'the records of the run that is resumed'}: two runs must"
                " not be mixed.\n  Name another file, or move that one away."
            )
        if self.path.exists() and self.path.stat().st_size > end:
            os.truncate(self.path, end)
        return run_id or next(iter(names), None) or new_run_id()

    def append(self, record: TrainingStep) -> None:
        """Add a record; it is in the file when this returns.

        :raises ValueError: a number is not finite.
        """
        with self.path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(step_line(record) + "\n")

    def _held(self, step: int) -> tuple[set[str], int]:
        """Names of the runs in the file, and the byte behind the last record that stays."""
        names: set[str] = set()
        end = 0
        if self.path.exists():
            for each in read_feedback(self.path, growing=True):
                if not isinstance(each.record, TrainingStep):
                    raise DataError(
                        f"Line {each.line} of {self.path} is no step of a training run.\n"
                        "  Expected a file of such records, or none.\n  Name another file."
                    )
                names.add(each.record.run_id)
                end = each.end if each.record.step <= step else end
        return names, end
