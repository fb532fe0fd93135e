"""What the dense engine needs: memory for its matrices, and a state small enough to be stored."""

from __future__ import annotations

from dataclasses import dataclass

from insgen import StageError

_MATRICES = 7  # n x n float64 matrices alive at the peak, history and its parts included
_MAX_CARRIED = 4_000_000  # responsibilities handed on (32 MB, a third more as text)


@dataclass(frozen=True)
class Room:
    """The size of one propagation by the dense engine.

    :ivar n: candidates.
    :ivar n_kept: how many of them will be members.
    :ivar n_directions: responsibilities handed on for each pair: 0 without history, 1 where R is symmetric, else 2.
    """

    n: int
    n_kept: int
    n_directions: int

    @property
    def needed_gb(self) -> float:
        """Memory it takes, in GB (1e9 bytes)."""
        return _MATRICES * 8.0 * self.n * self.n / 1e9

    @property
    def n_carried(self) -> int:
        """Responsibilities it hands on."""
        return self.n * self.n_kept * self.n_directions

    def fits(self, max_memory_gb: float) -> bool:
        """Whether neither is too much."""
        return self.needed_gb <= max_memory_gb and self.n_carried <= _MAX_CARRIED

    def refuse_too_much(self, max_memory_gb: float) -> None:
        """Say which is too much, before anything is allocated.

        :raises StageError: one of them is.
        """
        if self.needed_gb > max_memory_gb:
            raise StageError(
                f"pibe: the dense engine would take {self.needed_gb:.3g} GB for {self.n} candidates.\n"
                f"  It may take max_memory_gb = {max_memory_gb:g}.\n"
                "  Use the nn engine (preference = 0) or the sparse one (approximate), lower batch_size, or raise "
                "max_memory_gb."
            )
        if self.n_carried > _MAX_CARRIED:
            raise StageError(
                f"pibe: the dense engine would hand {self.n_carried} responsibilities on to the next round.\n"
                f"  It hands on at most {_MAX_CARRIED}: {self.n} candidates times {self.n_kept} kept is too much.\n"
                "  Use the nn engine (preference = 0) or the sparse one (approximate), lower batch_size or size, or "
                "set history = false."
            )
