"""Offers a scorer that can score nothing."""

from dataclasses import dataclass
from typing import ClassVar

from insgen import hookimpl


@dataclass(frozen=True)
class Hollow:
    """Has a name and no method."""

    name: ClassVar[str] = "hollow"


@hookimpl
def insgen_scorers():
    """Offer it."""
    return [Hollow]
