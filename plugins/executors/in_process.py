"""Run batches here, one after the other, in the order they come.

Lazy on both sides: a batch is asked for when its result is wanted, so nothing piles up in memory and work that
nobody fetches is never done. An exception of the function passes through as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from insgen import Executor, hookimpl

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class InProcessExecutor:
    """Has no options."""

    name: ClassVar[str] = "in-process"

    def map_batches(self, fn: Callable[[T], R], batches: Iterable[T]) -> Iterator[R]:
        """Apply the function to one batch at a time, in this process and thread."""
        return map(fn, batches)


@hookimpl
def insgen_executors() -> Sequence[type[Executor]]:
    """Offer `in-process`."""
    return [InProcessExecutor]
