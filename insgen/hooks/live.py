"""A stage made from the config, with who offers it, what it did, and the error that names it.

Calling it is the business of `hooks/call.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from insgen.errors import PluginError


@dataclass
class Work:
    """What a stage did: how often it was called, and how long it took.

    :ivar duration_ms: wall milliseconds; a scorer's or responder's include the wait for a language model's answers.
    """

    calls: int = 0
    duration_ms: float = 0.0


@dataclass(frozen=True)
class Live:
    """A stage made from the config, with who offers it.

    :ivar stage: the instance.
    :ivar kind: ``filter``, ``scorer`` ...
    :ivar plugin: module or file of the plugin; ``version`` is that of its distribution.
    :ivar distribution: what it was installed with; ``config`` for a file that the config names.
    :ivar work: what it did in this process so far.
    """

    stage: Any
    kind: str
    name: str
    plugin: str
    version: str
    distribution: str = ""
    work: Work = field(default_factory=Work, compare=False)

    def __str__(self) -> str:
        origin = f"({self.distribution} {self.version})" if self.distribution else self.version
        return f'The {self.kind} "{self.name}" of {self.plugin} {origin}'


class MisbehaviourError(PluginError):
    """A stage raised something unforeseen, or broke its contract.

    :ivar live: the culprit.
    """

    def __init__(self, live: Live, message: str) -> None:
        super().__init__(message)
        self.live = live

    @property
    def problem(self) -> str:
        """What happened, one line without the stage's name."""
        return str(self).split("\n")[0].removeprefix(f"{self.live} ").rstrip(".")
