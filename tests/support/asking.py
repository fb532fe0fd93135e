"""An `Asker` over a real store and the real litellm, whose waits take no time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from insgen.config.settings import Budget
from insgen.models.asking import Asker
from insgen.models.llm import Provider
from insgen.records import Request, Response, Turn
from insgen.store.database import Store

if TYPE_CHECKING:
    from insgen.testing.llm_server import LlmServer


class Clock:
    """Seconds that pass only while somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let so many seconds pass at once."""
        self.waits.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


@contextmanager
def asking(
    server: LlmServer,
    store: Store,
    budget: Budget | None = None,
    told: list[Mapping[str, Any]] | None = None,
    **llm: Any,
) -> Iterator[Asker]:
    """Ask a server; the ``clock`` is a `Clock`, and the facts of each call that ends are appended to ``told``."""
    settings, clock = server.settings(**llm), Clock()
    notify = (told if told is not None else []).append
    asker = Asker(store, Provider(settings), settings, budget or Budget(), notify, clock, clock.sleep)
    try:
        yield asker
    finally:
        asker.close()


def ask(asker: Asker, text: str, prompt_hash: str = "", **params: Any) -> list[Response]:
    """Ask one question."""
    return asker.ask([Request((Turn("user", text),), "any", params, prompt_hash=prompt_hash)])


def questions(n: int) -> list[Request]:
    """Different questions: ``question 0``, ``question 1`` ..."""
    return [Request((Turn("user", f"question {number}"),), "any") for number in range(n)]
