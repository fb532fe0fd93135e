"""Which checks a stage has to pass: those of every stage, and those of its kind."""

from __future__ import annotations

from typing import Any

from insgen.errors import ConfigError
from insgen.hooks.manager import KINDS
from insgen.testing import choosing, judging, proposing
from insgen.testing.common import common_checks
from insgen.testing.contract import Check, Contract, Subject

CONTRACTS: dict[str, Contract] = {
    "generator": proposing.GENERATOR,
    "parser": proposing.PARSER,
    "embedder": choosing.EMBEDDER,
    "filter": judging.FILTER,
    "responder": judging.RESPONDER,
    "scorer": judging.SCORER,
    "selector": choosing.SELECTOR,
    "seed policy": proposing.SEED_POLICY,
    "feedback source": proposing.FEEDBACK_SOURCE,
    "exporter": choosing.EXPORTER,
    "executor": choosing.EXECUTOR,
}
"""Kind of stage -> what is checked of it."""


def checks_of(stage: type[Any] | Subject, **options: Any) -> list[Check]:
    """Every check of a stage, in a fixed order.

    :param stage: the class as its plugin offers it.
    :param options: what to make it with; all options without a default are needed.
    :raises ConfigError: the class has no method that makes it a stage.
    """
    subject = stage if isinstance(stage, Subject) else Subject(stage, kind_of(stage), options)
    return [Check(promise, subject, run) for promise, run in common_checks(CONTRACTS[subject.kind])]


def kind_of(stage: type[Any]) -> str:
    """Which kind of stage a class is, told by its method.

    :raises ConfigError: it has none of the methods that make a stage.
    """
    for kind, (_, method) in KINDS.items():
        if callable(getattr(stage, method, None)):
            return kind
    methods = ", ".join(f"{method}()" for _, method in KINDS.values())
    raise ConfigError(
        f"{stage.__name__} is no stage.\n  Expected one of the methods {methods}.\n  Offer classes that have one."
    )
