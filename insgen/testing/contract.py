"""The nouns of a contract: one check, what it is run on, and how it went."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from insgen.config.options import decode
from insgen.errors import PluginError
from insgen.hooks.live import Live
from insgen.testing.workshop import Workshop


@dataclass(frozen=True)
class Subject:
    """A stage under test, with the options it is made with.

    :ivar options: as insgen.toml would have them; relative paths are relative to the workshop.
    :ivar kind: ``filter``, ``scorer`` ... as `insgen plugins list` says.
    """

    cls: type[Any]
    kind: str
    options: dict[str, Any] = field(default_factory=dict)
    plugin: str = ""
    version: str = "0"

    def live(self, workshop: Workshop) -> Live:
        """Make the stage anew, so that nothing is left of what an earlier instance was asked.

        :raises ConfigError: an option is missing, unknown or of the wrong type.
        """
        stage = decode(self.cls, self.options, str(self), workshop.folder)
        return Live(stage, self.kind, self.cls.name, self.plugin or self.cls.__module__, self.version)

    def __str__(self) -> str:
        return f"{self.kind} {self.cls.name}"


@dataclass(frozen=True)
class Check:
    """One promise of a stage, and how to see whether it is kept.

    :ivar promise: what is promised, a sentence without full stop.
    :ivar run: raises `InsgenError` when it is broken; may return a remark (``0.02 ms per candidate``).
    """

    promise: str
    subject: Subject
    run: Callable[[Subject, Workshop], str | None]

    def __call__(self, workshop: Workshop) -> str:
        """Run it.

        :returns: a remark, or nothing.
        :raises InsgenError: the promise is broken; the message names the plugin.
        """
        return self.run(self.subject, workshop) or ""

    def __str__(self) -> str:
        return f"{self.subject}: {self.promise}"


@dataclass(frozen=True)
class Contract:
    """What is checked of one kind of stage.

    :ivar exercise: has a stage do its work once on the samples; returns the facts it made, for comparison, and how many
        candidates it worked on.
    :ivar checks: promises of this kind alone, each with its test.
    """

    exercise: Callable[[Live, Workshop], tuple[Any, int]]
    checks: Sequence[tuple[str, Callable[[Subject, Workshop], str | None]]] = ()


def breach(live: Live | Subject, what: str, expected: str) -> PluginError:
    """Make the error for a broken promise."""
    return PluginError(f"{live} broke its contract: {what}.\n  Expected {expected}.\n  Mend the stage.")


def same(one: Any, other: Any) -> bool:
    """Whether two results are equal, arrays by their bytes."""
    import numpy as np

    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and one.dtype == other.dtype and np.array_equal(one, other)
    if dataclasses.is_dataclass(one) and not isinstance(one, type):
        return type(one) is type(other) and all(
            same(getattr(one, each.name), getattr(other, each.name))
            for each in dataclasses.fields(one)
            if not callable(getattr(one, each.name))  # two functions are never equal
        )
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    return bool(one == other)
