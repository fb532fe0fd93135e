"""How many requests may be in flight: additive increase, multiplicative decrease, and pauses the service asks for.

Knows nothing of LLMs or HTTP. One `Pace` stands for one model behind one key.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from datetime import UTC
from email.utils import parsedate_to_datetime

DECREASE = 0.5
"""Factor on the limit when the service says it has too much to do."""


class Pace:
    """Admits requests in the order they ask; who was admitted leaves by exactly one of the other three doors.

    :param most: the largest number in flight, >= 1; the limit begins there and returns there.
    :param clock: seconds, monotonic.
    :param sleep: waits so many seconds.
    """

    def __init__(self, most: int, clock: Callable[[], float], sleep: Callable[[float], Awaitable[None]]) -> None:
        self._most = most
        self._clock = clock
        self._sleep = sleep
        self.limit = float(most)
        self.in_flight = 0
        self._paused_until = float("-inf")
        self._epoch = 0
        self._changed = asyncio.Event()
        self._stopped = asyncio.Event()
        self._turn = asyncio.Lock()

    async def admit(self) -> int | None:
        """Wait for a place.

        :returns: the epoch it was admitted in, for the way out; ``None`` once `stop` was called.
        """
        async with self._turn:  # a fair lock: whoever asked first goes first
            while not self._stopped.is_set():
                pause = self._paused_until - self._clock()
                if pause > 0:
                    await self.rest(pause)
                elif self.in_flight < max(1, int(self.limit)):
                    self.in_flight += 1
                    return self._epoch
                else:
                    self._changed.clear()
                    await self._changed.wait()
        return None

    def answered(self) -> None:
        """Leave with an answer: the limit grows by one per round trip of everyone."""
        self.limit = min(float(self._most), self.limit + 1.0 / self.limit)
        self.leave()

    def overloaded(self, epoch: int, pause_s: float = 0.0) -> None:
        """Leave because the service said 429 or 503.

        Of all requests admitted before a decrease only the first counts: the others met the same overload.

        :param epoch: what `admit` gave.
        :param pause_s: let nobody in for so long.
        """
        if epoch == self._epoch:
            self._epoch += 1
            self.limit = max(1.0, self.limit * DECREASE)
        if pause_s > 0:
            self._paused_until = max(self._paused_until, self._clock() + pause_s)
        self.leave()

    def leave(self) -> None:
        """Leave with anything else, which says nothing about the service's load."""
        self.in_flight -= 1
        self._changed.set()

    async def rest(self, seconds: float) -> None:
        """Wait so long, or until `stop`."""
        waits = [asyncio.ensure_future(self._sleep(seconds)), asyncio.ensure_future(self._stopped.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def stop(self) -> None:
        """Admit nobody any more and wake everyone who waits."""
        self._stopped.set()
        self._changed.set()


def retry_after_s(headers: dict[str, str], now_utc: float) -> float | None:
    """Read how long a service asks to wait, from its answer's headers.

    Understands ``retry-after-ms``, and ``retry-after`` in (fractional) seconds or as an HTTP date (RFC 9110, 10.2.3).

    :param headers: names in lower case.
    :param now_utc: seconds since 1970.
    :returns: seconds, >= 0, finite; ``None`` when there is no such header or it cannot be read.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * unit
        except ValueError:
            continue
        if math.isfinite(seconds):
            return max(0.0, seconds)
    try:
        moment = parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    if moment.tzinfo is None:  # the obsolete form of the date names no zone; it means UTC
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, moment.timestamp() - now_utc)
