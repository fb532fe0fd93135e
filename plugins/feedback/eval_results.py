"""Read what an evaluation of the trained model found, item by item.

Reads sample logs of lm-evaluation-harness (Gao et al.; ``--log_samples`` writes ``samples_TASK_DATE.jsonl``) and plain
JSON Lines with ``text`` or ``id``, ``score`` from 0 to 1, and ``tags``. Every item becomes a signal named
``eval:TASK`` (or ``eval:TAG,TAG``) of the value 1 - 2 x score: +1, "more like this", where the model failed. A later
evaluation of the same items takes the place of the earlier one. Of a harness task with several filters the first in the
file counts, unless one is named.

Files are read in the order of their times, each from where the last round stopped; an incomplete last line waits. Costs
one pass over what is new.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from insgen import ConfigError, Feedback, FeedbackSource, Signal, hookimpl

from ._eval_rows import Form, UnfitError, decode, format_of, refusal, signal_of, task_and_time
from ._places import begin, place

_AT_ONCE = 1000  # rows of one call
_WILD = frozenset("*?[")


@dataclass(frozen=True)
class EvalResults:
    """Reads one file, or all files of a pattern."""

    name: ClassVar[str] = "eval-results"

    #: The file, or a pattern such as "evals/**/samples_*.jsonl"; relative to the project's folder.
    path: str = "evals/**/samples_*.jsonl"
    #: "lm-eval" (sample logs of lm-evaluation-harness), "eval" (plain rows), or "auto": by each file's first row.
    format: Literal["auto", "lm-eval", "eval"] = "auto"
    #: The task's name, where rows have no tags; empty = the one in a sample log's file name, else "items".
    task: str = ""
    #: Where in a harness row's `doc` the question stands, a dot goes deeper; empty = the first well-known key.
    text: str = ""
    #: The metric that counts, from 0 to 1; empty = the first of the harness row, or `score` of a plain row.
    metric: str = ""
    #: The harness's filter that counts, for example "strict-match"; empty = the first in the file.
    filter: str = ""
    #: Who says it; results with another source stand beside these instead of taking their place.
    source: str = "evaluation"

    def __post_init__(self) -> None:
        if not self.path.strip():
            raise ConfigError("path is empty.\n  Expected a file or a pattern.\n  Write path.")

    def read(self, project: Path, position: str) -> Feedback:
        """Read the next rows.

        :raises DataError: a line is no evaluation result; names it.
        """
        places: dict[str, Any] = json.loads(position) if position else {}
        for path in self._files(project):
            name = str(path)
            offset, line = begin(path, places.get(name))
            told = places.get(name, {}) if offset else {}
            reader = _Reader(self, path, offset, line, told.get("format", ""), told.get("filter", ""))
            signals = tuple(reader.signals())
            if reader.offset != offset:
                here = place(path, reader.offset, reader.line) | {"format": reader.format, "filter": reader.filter}
                return Feedback((), signals, json.dumps(places | {name: here}))
        return Feedback(position=position)

    def _files(self, project: Path) -> list[Path]:
        """The files there are, oldest evaluation first; none is no mistake, an evaluation comes later than the loop."""
        if _WILD.isdisjoint(self.path):
            path = project / self.path
            return [path] if path.exists() else []
        whole = Path(self.path)
        base = Path(whole.anchor) if whole.is_absolute() else project
        found = base.glob(str(whole.relative_to(whole.anchor)))
        return sorted((each for each in found if each.is_file()), key=lambda each: (task_and_time(each)[1], str(each)))


@dataclass
class _Reader:
    """One file on its way to signals.

    :ivar offset: the byte read up to; ``line``: how many lines lie before it.
    :ivar format: found out from the first row; ``filter`` likewise.
    """

    options: EvalResults
    path: Path
    offset: int
    line: int
    format: str
    filter: str

    def signals(self) -> Iterator[Signal]:
        """Read the next rows, at most `_AT_ONCE`."""
        task, time = task_and_time(self.path)
        form: Form | None = None
        with self.path.open("rb") as file:
            file.seek(self.offset)
            for _ in range(_AT_ONCE):
                raw = file.readline()
                if not raw.endswith(b"\n") and not _is_whole(raw):
                    return
                self.offset, self.line = self.offset + len(raw), self.line + 1
                if not raw.strip():
                    continue
                try:
                    row = decode(raw)
                    form = form or self._form(row, task, time)
                    signal = signal_of(row, form)
                except UnfitError as unfit:
                    raise refusal(self.path, self.line, unfit) from unfit
                if signal is not None:
                    yield signal

    def _form(self, row: dict[str, Any], task: str, time: float) -> Form:
        given = self.options
        self.format = self.format or (format_of(row) if given.format == "auto" else given.format)
        first = row.get("filter", "")
        self.filter = self.filter or given.filter or (first if isinstance(first, str) else "")
        asked = (given.text, given.metric, self.filter, given.source)
        return Form(self.format, given.task or task, *asked, time)


def _is_whole(raw: bytes) -> bool:
    """Whether a last line without its end is a record all the same, and not one that is still being written."""
    try:
        return bool(raw.strip()) and isinstance(json.loads(raw), dict)
    except ValueError:
        return False


@hookimpl
def insgen_feedback_sources() -> Sequence[type[FeedbackSource]]:
    """Offer `eval-results`."""
    return [EvalResults]
