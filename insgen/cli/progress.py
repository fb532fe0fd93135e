"""Live progress on stderr, as observer plugins: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

import click

from insgen.hooks.spec import hookimpl
from insgen.hooks.stages import StageProgress


def make_progress(*, quiet: bool) -> object | None:
    """Choose the observer: none when quiet, a live one on a terminal, plain lines elsewhere."""
    if quiet:
        return None
    return LiveProgress() if sys.stderr.isatty() else PlainProgress()


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
    return " | ".join(parts) + f" | {counters['duration_ms'] / 1000:.1f} s"


class PlainProgress:
    """One line per finished stage and round; at most one line in five seconds inside a stage."""

    def __init__(self) -> None:
        self._said = time.monotonic()

    @hookimpl
    def insgen_stage_advanced(self, progress: StageProgress) -> None:
        """Print a line now and then."""
        now = time.monotonic()
        if progress.note:
            click.echo(f"  {progress.stage}: {progress.note}", err=True)
        elif progress.done and now - self._said > 5:
            click.echo(f"  {progress.stage}: {progress.done} of {progress.total}", err=True)
        else:
            return
        self._said = now

    @hookimpl
    def insgen_round_finished(self, counters: Mapping[str, Any]) -> None:
        """Print the round, and what is wrong with it."""
        click.echo(round_line(counters), err=True)
        for warning in counters.get("warnings", ()):
            click.echo(f"Warning: {warning}.", err=True)


class LiveProgress:
    """A bar for the stage at work, with rate and time left; a line for every finished round."""

    def __init__(self) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeRemainingColumn,
        )

        from insgen.cli.output import console

        self._console = console(stderr=True)
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}", markup=False),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )
        self._task: Any = None
        self._stage = ""
        self._began = time.monotonic()

    @hookimpl
    def insgen_run_started(self) -> None:
        """Begin to draw."""
        self._bar.start()

    @hookimpl
    def insgen_stage_advanced(self, progress: StageProgress) -> None:
        """Move the bar."""
        name = f"round {progress.round}, {progress.stage}"
        if self._task is None or name != self._stage:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(name, total=progress.total, rate="")
            self._stage, self._began = name, time.monotonic()
        seconds = time.monotonic() - self._began
        rate = f"{progress.done / seconds:.0f}/s" if progress.done and seconds > 0.2 else ""
        self._bar.update(self._task, completed=progress.done, total=progress.total, rate=rate)

    @hookimpl
    def insgen_round_finished(self, counters: Mapping[str, Any]) -> None:
        """Print the round above the bar."""
        self._console.print(round_line(counters))
        for warning in counters.get("warnings", ()):
            self._console.print(f"Warning: {warning}.")

    @hookimpl
    def insgen_run_finished(self) -> None:
        """Stop drawing."""
        self._bar.stop()
