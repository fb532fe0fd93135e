"""Loads, and goes wrong only when it is used."""

from dataclasses import dataclass, field
from typing import ClassVar

from insgen import Score, Verdict, hookimpl


@dataclass(frozen=True)
class Forgetful:
    """Judges all candidates but the last."""

    name: ClassVar[str] = "forgetful"
    needs_vectors: ClassVar[bool] = False

    def filter(self, candidates, bank):
        """Lose one."""
        return [Verdict(candidate.id, True) for candidate in candidates[:-1]]


@dataclass(frozen=True)
class Fragile:
    """Fails on every candidate whose instruction holds a certain word."""

    name: ClassVar[str] = "fragile"
    needs_vectors: ClassVar[bool] = False

    word: str = "number"  #: what it cannot bear

    def filter(self, candidates, bank):
        """Stumble."""
        for candidate in candidates:
            if self.word in candidate.instruction:
                raise ZeroDivisionError(f"cannot bear {self.word}")
        return [Verdict(candidate.id, True) for candidate in candidates]


@dataclass(frozen=True)
class Unlimited:
    """Scores beyond its own scale."""

    name: ClassVar[str] = "unlimited"

    def score(self, candidates, bank, llm, prompts):
        """Exaggerate."""
        return [Score(candidate.id, 11.0, 0.0, 10.0) for candidate in candidates]


@dataclass(frozen=True)
class Peculiar:
    """Has an option that no TOML can write."""

    name: ClassVar[str] = "peculiar"
    needs_vectors: ClassVar[bool] = False

    where: complex = field(default=1j)  #: a point of the plane

    def filter(self, candidates, bank):
        """Keep all."""
        return [Verdict(candidate.id, True) for candidate in candidates]


@hookimpl
def insgen_filters():
    """Offer three filters."""
    return [Forgetful, Fragile, Peculiar]


@hookimpl
def insgen_scorers():
    """Offer a scorer."""
    return [Unlimited]
