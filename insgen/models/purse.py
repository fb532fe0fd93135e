"""The budget, held hard: nothing is sent before its worst case is reserved under every cap.

Flows in: what the store says was spent, and reservations. Flows out: yes or no, in the order of asking. A request is
refused only when nothing is in flight whose settling could still make room, so that what is refused does not depend
on the concurrency.
"""

from __future__ import annotations

import asyncio

from insgen.config.settings import Budget
from insgen.store.calls import Reserve, Spent


class Purse:
    """What may still be spent. Every reservation ends in exactly one of `settle`, `lose` and `release`.

    :param budget: the caps; 0 = none.
    :param spent: what was spent before, reservations of killed processes included.
    :ivar refused: the cap that a request was refused for first, with figures; empty while there is none.
    """

    def __init__(self, budget: Budget, spent: Spent) -> None:
        self._budget = budget
        self._usd, self._calls, self._tokens = spent.usd, spent.calls, spent.tokens
        self._open = 0
        self._turn = asyncio.Lock()
        self._freed = asyncio.Event()
        self._stopped = False
        self.refused = ""

    @property
    def taken(self) -> Spent:
        """Spent and reserved."""
        return Spent(self._usd, self._calls, self._tokens)

    async def reserve(self, worst: Reserve) -> bool:
        """Set the worst case of one call aside; first come, first served.

        :returns: False when it does not fit under a cap and never will, or after `stop`.
        """
        async with self._turn:  # a fair lock: nobody who asked later takes what an earlier one waits for
            while not self._stopped:
                over = self.over(worst)
                if not over:
                    self._book(worst.usd, worst.tokens, 1)
                    self._open += 1
                    return True
                if not self._open:
                    self.refused = self.refused or over
                    return False
                self._freed.clear()
                await self._freed.wait()
        return False

    def settle(self, worst: Reserve, usd: float, tokens: int) -> None:
        """Replace a reservation by what the call cost."""
        self._book(usd - worst.usd, tokens - worst.tokens, 0)
        self._close()

    def lose(self) -> None:
        """Let a reservation stand as spent: the attempt may have been billed, and nobody knows with how much."""
        self._close()

    def release(self, worst: Reserve) -> None:
        """Give a reservation back: nothing was billed."""
        self._book(-worst.usd, -worst.tokens, -1)
        self._close()

    def stop(self) -> None:
        """Reserve nothing any more and wake everyone who waits."""
        self._stopped = True
        self._freed.set()

    def over(self, more: Reserve) -> str:
        """Which cap one call more would break, with figures; empty when it fits."""
        cap = self._budget
        if cap.usd and self._usd + more.usd > cap.usd + 1e-12:
            return f"usd {cap.usd:g}: ${self._usd:.4f} spent or reserved, the next call can cost ${more.usd:.4f}"
        if cap.calls and self._calls + 1 > cap.calls:
            return f"calls {cap.calls}: {self._calls} made"
        if cap.tokens and self._tokens + more.tokens > cap.tokens:
            return f"tokens {cap.tokens}: {self._tokens} spent or reserved, the next call can take {more.tokens}"
        return ""

    def _book(self, usd: float, tokens: int, n_calls: int) -> None:
        self._usd += usd
        self._tokens += tokens
        self._calls += n_calls

    def _close(self) -> None:
        self._open -= 1
        self._freed.set()
