"""Draw seeds uniformly: every seed in force is as likely as any other.

The plain policy of Self-Instruct (Wang et al. 2023, arXiv:2212.10560, section 2.2), without its split between
human-written and generated tasks. Costs nothing, and ignores both feedback and `Seed.weight`: unequal weights change
nothing here, not even 0; use a policy that reads them where they should count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from insgen import Seed, SeedContext, SeedPolicy, SeedUpdate, Signal, hookimpl


@dataclass(frozen=True)
class UniformPolicy:
    """Has no options."""

    name: ClassVar[str] = "uniform"

    def draw(
        self,
        n: int,
        seeds: Sequence[Seed],
        signals: Sequence[Signal],  # noqa: ARG002  # the protocol's; this policy listens to nobody
        rng: Random,
    ) -> Sequence[Seed]:
        """Draw without replacement; all of them, shuffled, when there are no more than n."""
        return rng.sample(seeds, min(n, len(seeds)))

    def update(self, context: SeedContext) -> SeedUpdate:  # noqa: ARG002  # the protocol's; as above
        """Change nothing."""
        return SeedUpdate()


@hookimpl
def insgen_seed_policies() -> Sequence[type[SeedPolicy]]:
    """Offer `uniform`."""
    return [UniformPolicy]
