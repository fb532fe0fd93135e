"""How many requests may be in flight: additive increase, multiplicative decrease, and pauses the service asks for.

Knows nothing of LLMs or HTTP. One `Pace` stands for one model behind one key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from email.utils import parsedate_to_datetime

DECREASE = 0.5
"""Factor on the limit when the service says it has too much to do."""


class Pace:
    """Admits requests in the order they ask.

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
        self._changed: asyncio.Event = asyncio.Event()
        self._turn = asyncio.Lock()

    async def admit(self) -> int:
        """Wait for a place; the caller gives it back with `done`.

        :returns: the epoch it was admitted in, for `done`.
        """
        async with self._turn:  # a fair lock: whoever asked first goes first
            while True:
                pause = self._paused_until - self._clock()
                if pause > 0:
                    await self._sleep(pause)
                elif self.in_flight < max(1, int(self.limit)):
                    self.in_flight += 1
                    return self._epoch
                else:
                    self._changed.clear()
                    await self._changed.wait()

    def done(self, epoch: int, *, overloaded: bool = False, pause_s: float = 0.0) -> None:
        """Give a place back.

        :param overloaded: the service said 429 or 503; of all requests admitted before a decrease only the first
            counts.
        :param pause_s: send nothing for so long.
        """
        self.in_flight -= 1
        self._changed.set()
        if overloaded:
            if epoch == self._epoch:
                self._epoch += 1
                self.limit = max(1.0, self.limit * DECREASE)
        else:
            self.limit = min(float(self._most), self.limit + 1.0 / self.limit)
        if pause_s > 0:
            self._paused_until = max(self._paused_until, self._clock() + pause_s)


def retry_after_s(headers: dict[str, str], now_utc: float) -> float | None:
    """Read how long a service asks to wait, from its answer's headers.

    Understands ``retry-after-ms``, and ``retry-after`` in (fractional) seconds or as an HTTP date (RFC 9110, 10.2.3).

    :param headers: names in lower case.
    :param now_utc: seconds since 1970.
    :returns: seconds, >= 0; ``None`` when there is no such header or it cannot be read.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name, "").strip()
        try:
            return max(0.0, float(text) * unit)
        except ValueError:
            pass
    try:
        return max(0.0, parsedate_to_datetime(headers.get("retry-after", "")).timestamp() - now_utc)
    except ValueError:
        return None
