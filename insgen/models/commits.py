"""Groups commits, and waits for the disk in a thread, so that the event loop goes on with other calls meanwhile.

A commit waits for the disk (.1 to 10 ms). Two per LLM call, one after the other, would cap the calls per second; so
whatever is to be stored while one commit waits shares the next one. The statements themselves take some 20 microseconds
each and run in the event loop: in the thread, each of them would wait for its turn at the interpreter (up to 5 ms).
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from insgen.store.database import Store

_GATHER_S_PER_CALL = 0.00015
_LONGEST_GATHER_S = 0.01
Write = Callable[[sqlite3.Connection], None]


class Commits:
    """The way into the store for code that runs in one event loop; nobody else uses the connection meanwhile.

    :param concurrency: most calls in flight; the more, the longer a transaction waits for company (10 ms at 64; not
        at all for one), since a commit also takes a fifth of a millisecond of CPU.
    """

    def __init__(self, store: Store, concurrency: int) -> None:
        self._gather_s = min(_LONGEST_GATHER_S, (concurrency - 1) * _GATHER_S_PER_CALL)
        self._store = store
        self._waiting: list[tuple[Write, asyncio.Future[None]]] = []
        self._worker: asyncio.Task[None] | None = None

    async def do(self, write: Write) -> None:
        """Run a write in the next transaction; returns once that is committed.

        The write happens even if the caller is cancelled meanwhile.

        :raises StoreError: nothing of the transaction is stored; everyone in it is told.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.append((write, done))
        if self._worker is None or self._worker.done():
            self._worker = loop.create_task(self._work())
        await done

    async def _work(self) -> None:
        asyncio.get_running_loop()
        while self._waiting:
            if self._gather_s:
                await asyncio.sleep(self._gather_s)
            batch, self._waiting = self._waiting, []
            error: Exception | None = None
            try:
                await self._commit([write for write, _ in batch])
            except Exception as caught:  # noqa: BLE001 - raised again by everyone who waits for this transaction
                error = caught
            for _, done in batch:
                if done.cancelled():
                    continue
                if error is None:
                    done.set_result(None)
                else:
                    done.set_exception(error)

    async def _commit(self, writes: list[Write]) -> None:
        with ExitStack() as stack:  # undoes the transaction when a write fails
            conn = stack.enter_context(self._store.atomic())
            for write in writes:
                write(conn)
            opened = stack.pop_all()
        await asyncio.get_running_loop().run_in_executor(None, opened.close)
