"""Everything of the public face that is on its way out: the one place where it is warned about.

A name that goes stands here for at least one release, in which it still works and warns; the release that takes it out
takes it out of here. Parameters of hooks are only ever added.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Deprecation:
    """One name that goes.

    :ivar instead: the name of the face to use; what stands under it is what the old name gives.
    :ivar since: the release that began to warn; ``gone_in``: the release without it.
    """

    instead: str
    since: str
    gone_in: str


DEPRECATED: Mapping[str, Deprecation] = {}
"""Old name of the public face -> what is to be used in its place."""


def instead_of(name: str, deprecated: Mapping[str, Deprecation] = DEPRECATED) -> str:
    """Say what to use in place of a name of the face, with a warning at the line that used it.

    :raises AttributeError: the face never had it, or has it no longer.
    """
    if name not in deprecated:
        raise AttributeError(f"module 'insgen' has no attribute {name!r}")
    old = deprecated[name]
    warnings.warn(
        f"insgen.{name} is deprecated since {old.since} and goes in {old.gone_in}; use insgen.{old.instead}",
        DeprecationWarning,
        stacklevel=3,
    )
    return old.instead
