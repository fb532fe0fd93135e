"""The budget, held hard: nothing is sent before its worst case is reserved under every cap.

Flows in: what the store says was spent, and reservations. Flows out: yes or no, in the order of asking. A request is
refused only when nothing is in flight whose settling could still make room, so that what is refused does not depend
on the concurrency.
"""

from __future__ import annotations

import asyncio

from insgen.config.settings import Budget
from insgen.errors import ConfigError
from insgen.store.calls import Reserve, Spent


class Purse:
    """What may still be spent.

    :param budget: the caps; 0 = none.
    :param spent: what was spent before, reservations of killed processes included.
    :ivar refused: the cap a request was refused for, with figures; empty while there is none.
    """

    def __init__(self, budget: Budget, spent: Spent) -> None:
        self._budget = budget
        self._usd, self._calls, self._tokens = spent.usd, spent.calls, spent.tokens
        self._open = 0
        self._lock = asyncio.Lock()
        self._freed = asyncio.Event()
        self.refused = ""

    @property
    def usd(self) -> float:
        """Spent and reserved, in USD."""
        return self._usd

    async def reserve(self, worst: Reserve) -> bool:
        """Set the worst case of one call aside; first come, first served.

        :returns: False when it does not fit under a cap and never will.
        :raises ConfigError: the config caps money and no price is known.
        """
        if worst.usd is None and self._budget.usd:
            raise ConfigError(
                f"[budget] usd = {self._budget.usd:g}, but no price is known for this model.\n"
                "  Expected a model of litellm's price list, or prices in the config.\n"
                "  Add input_usd_per_million and output_usd_per_million to [llm] (0 for a local model)."
            )
        async with self._lock:
            while True:
                self.refused = self.over(worst)
                if not self.refused:
                    self._add(worst, 1)
                    self._open += 1
                    return True
                if not self._open:
                    return False
                self._freed.clear()
                await self._freed.wait()

    def settle(self, worst: Reserve, usd: float | None, tokens: int | None) -> None:
        """Replace a reservation by what the call cost; ``None`` leaves the worst case standing."""
        self._usd += (usd - (worst.usd or 0.0)) if usd is not None else 0.0
        self._tokens += (tokens - worst.tokens) if tokens is not None else 0
        self._open -= 1
        self._freed.set()

    def lose(self, worst: Reserve) -> bool:
        """Count an attempt that may have been billed, and keep the reservation for the next one.

        :returns: False when the next attempt no longer fits; the caller then settles with nothing more sent.
        """
        self._usd += worst.usd or 0.0
        self._tokens += worst.tokens
        over = self.over(Reserve(0.0, 0))
        return not over

    def _add(self, worst: Reserve, n: int) -> None:
        self._usd += worst.usd or 0.0
        self._calls += n
        self._tokens += worst.tokens

    def over(self, more: Reserve) -> str:
        """Which cap so much more would break, with figures; empty when it fits."""
        cap = self._budget
        if cap.usd and self._usd + (more.usd or 0.0) > cap.usd + 1e-12:
            return f"usd {cap.usd:g}: ${self._usd:.4f} spent or reserved, the next call can cost ${more.usd or 0.0:.4f}"
        if cap.calls and self._calls + bool(more.tokens) > cap.calls:
            return f"calls {cap.calls}: {self._calls} made"
        if cap.tokens and self._tokens + more.tokens > cap.tokens:
            return f"tokens {cap.tokens}: {self._tokens} spent or reserved, the next call can take {more.tokens}"
        return ""
