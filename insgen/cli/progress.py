"""Live progress on stderr, as observer plugins: a bar on a terminal, plain lines elsewhere.

A stage that works long without anybody to tell (a selector, for one) tells the log. While progress is shown, what our
loggers say from INFO on stands among its lines.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from insgen.cli.output import safe, say
from insgen.hooks.handed import StageProgress
from insgen.hooks.spec import hookimpl

_QUIET_S = 15.0
"""Plain lines inside a stage come no closer than this, in seconds."""


@contextmanager
def progress(*, quiet: bool) -> Iterator[object | None]:
    """Give the observer for a run: none when quiet, a live one on a terminal, plain lines elsewhere.

    The terminal is given back at the end, whatever happens in between.
    """
    if quiet:
        yield None
        return
    if not sys.stderr.isatty():
        with heard(lambda line: say(line, err=True)):
            yield PlainProgress()
        return
    live = LiveProgress()
    try:
        with heard(live.tell):
            yield live
    finally:
        live.stop()


@contextmanager
def heard(tell: Callable[[str], None]) -> Iterator[None]:
    """Have what the loggers below `insgen` say told, from INFO on; afterwards they are as they were.

    :param tell: gets a line for each; what is said again word by word, round after round, is told once.
    """
    logger, listener = logging.getLogger("insgen"), _Listener(tell)
    level = logger.level
    if logger.getEffectiveLevel() > logging.INFO:
        logger.setLevel(logging.INFO)
    logger.addHandler(listener)
    try:
        yield
    finally:
        logger.removeHandler(listener)
        logger.setLevel(level)


class _Listener(logging.Handler):
    """Tells warnings too: where there is a handler, logging prints them no longer by itself."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self._tell = tell
        self._told: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = " ".join(record.getMessage().split())
        except (TypeError, ValueError):  # a stranger's arguments do not fit its text; logging says where
            self.handleError(record)
            return
        if text not in self._told:
            self._told.add(text)
            self._tell(text if record.levelno >= logging.WARNING else f"  {text}")


def round_line(counters: Mapping[str, Any]) -> str:
    """One round in one line, with why candidates were rejected."""
    parts = [f"round {counters['round']}: proposed {counters['proposed']}", f"kept {counters['kept']}"]
    reasons = ", ".join(f"{reason} {n}" for reason, n in sorted(counters["rejected_by"].items(), key=lambda kv: -kv[1]))
    if counters["rejected"]:
        parts.append(f"rejected {counters['rejected']} ({reasons})")
    for word in ("repeated", "unreadable", "unanswered", "unscored"):
        if counters[word]:
            parts.append(f"{word} {counters[word]}")
    parts.append(f"bank {counters['members']} (+{counters['admitted']} -{counters['evicted']})")
    return safe(" | ".join(parts)) + f" | {counters['duration_ms'] / 1000:.1f} s"


class Calls:
    """Counts the language model's answers within one stage."""

    def __init__(self) -> None:
        self._stage = ""
        self._answers = self._failures = 0
        self._usd = 0.0

    def add(self, call: Mapping[str, Any]) -> None:
        """Count one more call; a new stage begins at nothing."""
        stage = f"round {call['round']}, {call['stage']}"
        if stage != self._stage:
            self._stage, self._answers, self._failures, self._usd = stage, 0, 0, 0.0
        self._answers += "error" not in call
        self._failures += "error" in call
        self._usd += call.get("cost_usd") or 0.0

    @property
    def stage(self) -> str:
        """Round and stage that is asking."""
        return self._stage

    def __str__(self) -> str:
        failed = f", {self._failures} failed" if self._failures else ""
        return f"{self._stage}: {self._answers} answers{failed}, ${self._usd:.4f}"


class PlainProgress:
    """One line per finished stage and round; now and then one inside a stage."""

    def __init__(self) -> None:
        self._said = time.monotonic()
        self._calls = Calls()

    @hookimpl
    def insgen_call_finished(self, call: Mapping[str, Any]) -> None:
        """Print now and then how many answers came."""
        self._calls.add(call)
        if time.monotonic() - self._said > _QUIET_S:
            say(f"  {self._calls}", err=True)
            self._said = time.monotonic()

    @hookimpl
    def insgen_stage_advanced(self, progress: StageProgress) -> None:
        """Print a line now and then."""
        now = time.monotonic()
        if progress.note:
            say(f"  {progress.stage}: {progress.note}", err=True)
        elif progress.done and now - self._said > _QUIET_S:
            say(f"  {progress.stage}: {progress.done} of {progress.total}", err=True)
        else:
            return
        self._said = now

    @hookimpl
    def insgen_round_finished(self, counters: Mapping[str, Any]) -> None:
        """Print the round, and what is wrong with it."""
        say(round_line(counters), err=True)
        for warning in counters.get("warnings", ()):
            say(f"Warning: {warning}.", err=True)


class LiveProgress:
    """A bar for the stage at work, with rate and time left; a line for every finished round.

    It draws from the moment it is made, for loading an embedding model takes several seconds.
    """

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

        from insgen.cli.output import console

        self._console = console()
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),  # never the whole line: the ^C that a terminal echoes must not wrap it
            TextColumn("{task.fields[done]}", markup=False),
            TimeRemainingColumn(compact=True),
            console=self._console,
            transient=True,
        )
        self._task: Any = None
        self._calls = Calls()
        self._name = ""
        self._began = time.monotonic()
        self._show("loading the embedding model", None)
        self._bar.start()

    @hookimpl
    def insgen_run_started(self) -> None:
        """Say that the first candidates are on their way."""
        self._show("proposing candidates", None)

    @hookimpl
    def insgen_call_finished(self, call: Mapping[str, Any]) -> None:
        """Show how many answers came, and what they cost."""
        self._calls.add(call)
        self._show(self._calls.stage, None)
        self._bar.update(self._task, done=str(self._calls).removeprefix(f"{self._calls.stage}: "))

    @hookimpl
    def insgen_stage_advanced(self, progress: StageProgress) -> None:
        """Move the bar."""
        self._show(f"round {progress.round}, {progress.stage}", progress.total)
        done = f"{progress.done}/{progress.total}" if progress.total is not None else str(progress.done)
        seconds = time.monotonic() - self._began
        rate = f", {progress.done / seconds:.0f}/s" if progress.done and seconds > 0.2 else ""
        self._bar.update(self._task, completed=progress.done, total=progress.total, done=done + rate)

    @hookimpl
    def insgen_round_finished(self, counters: Mapping[str, Any]) -> None:
        """Print the round above the bar."""
        self._console.print(round_line(counters))
        for warning in counters.get("warnings", ()):
            self._console.print(f"Warning: {warning}.")
        self._show("proposing candidates", None)

    @hookimpl
    def insgen_run_finished(self) -> None:
        """Stop drawing, before anything is printed about the run."""
        self.stop()

    def tell(self, line: str) -> None:
        """Print a line above the bar."""
        self._console.print(safe(line))

    def stop(self) -> None:
        """Take the bar away and show the cursor again; may be called twice."""
        self._bar.stop()

    def _show(self, name: str, total: int | None) -> None:
        if self._task is not None and name == self._name:
            return
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(safe(name), total=total, done="")
        self._name, self._began = name, time.monotonic()
