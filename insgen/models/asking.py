"""Asks an LLM within a budget and never pays twice: look up, reserve, send, commit, settle, hand out.

Flows in: requests of one stage of one round. Flows out: responses in the order of the requests, each committed
before anyone reads it. The loop around it is synchronous; all concurrency is here. When something stops the run,
nothing more is sent, and what is in flight still arrives and is committed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from insgen.config.settings import Budget, Llm
from insgen.errors import StageError
from insgen.models.line import Line
from insgen.models.llm import Provider
from insgen.records import Request, Response, content_hash
from insgen.store import calls
from insgen.store.calls import CallKey

if TYPE_CHECKING:
    from insgen.store.database import Store

_OURS = {"model", "messages", "api_key", "api_base", "base_url", "headers", "extra_headers", "timeout", "max_retries",
         "num_retries", "stream", "n"}  # fmt: skip

log = logging.getLogger(__name__)


@dataclass
class Asker:
    """Implements `insgen.LLM` for one run; `scope` says for which stage of which round.

    :ivar notify: told about every finished call; no text, no secret.
    :ivar clock: seconds, monotonic; ``sleep`` waits. Both are arguments so that tests need not wait.
    :ivar reused: answers that were in the store already.
    :ivar answered: answers that were handed out, reused ones included.
    :raises ConfigError: no price is known for the model.
    """

    store: Store
    provider: Provider
    settings: Llm
    budget: Budget
    notify: Callable[[Mapping[str, Any]], None]
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    run_id: int = 0
    round: int = 0
    stage: str = ""
    reused: int = 0
    answered: int = 0
    _ordinal: int = 0
    _runner: asyncio.Runner | None = None
    _tasks: list[asyncio.Task[Response]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._line = Line(self.store, self.provider, self.settings, self.budget, self.notify, self.clock, self.sleep)

    @property
    def model(self) -> str:
        """The LiteLLM id of the model that is asked."""
        return self.provider.model

    def afford(self) -> str:
        """Why not even a short call fits the budget; empty when one does."""
        params = {"max_tokens": self.settings.max_tokens}
        short = CallKey("", 0, "", 0, self.model, params, (), "")
        return self._line.purse.over(self._line.worst(short))

    @property
    def budget_spent(self) -> str:
        """Which cap a request was refused for, with figures; empty while there is none."""
        return self._line.purse.refused

    def scope(self, round_: int, stage: str, ordinal: int = 0) -> None:
        """Begin to ask for another stage of a round.

        :param ordinal: of the first request; the same question under another ordinal is another call.
        """
        self.round, self.stage, self._ordinal = round_, stage, ordinal

    def ask(self, requests: Sequence[Request]) -> list[Response]:
        """See `insgen.LLM.ask`. A request that the budget refuses comes back with ``finish_reason`` ``budget``."""
        if not requests:
            return []
        if self._line.fatal is not None:
            raise self._line.fatal
        asked = [(request, self._key(request)) for request in requests]
        if self._runner is None:
            self._runner = asyncio.Runner()  # one event loop for the whole run: litellm keeps its connections in it
        with self.provider.ready():
            self._line.heard = self.clock()
            responses = self._runner.run(self._ask_all(asked))
        if self._line.fatal is not None:
            raise self._line.fatal
        self.answered += sum(not response.error for response in responses)
        return responses

    def close(self) -> None:
        """Break off what is still in flight (a second Ctrl-C leaves that), close the connections and the event loop."""
        if self._runner is not None:
            with self.provider.quiet():
                self._runner.run(self._end())
                self._runner.close()
            self._runner = None

    def _key(self, request: Request) -> CallKey:
        params = {"temperature": self.settings.temperature, "max_tokens": self.settings.max_tokens, **request.params}
        if foreign := _OURS & set(params):
            raise StageError(
                f"A request sets {', '.join(sorted(foreign))} among its params.\n  Expected decoding parameters only.\n"
                "  Leave them out: model and address stand in [llm], the key in the environment."
            )
        messages = tuple((turn.role, turn.content) for turn in request.messages)
        ordinal, self._ordinal = self._ordinal, self._ordinal + 1
        flat = [part for message in messages for part in message]
        named = [f"{name}={params[name]!r}" for name in sorted(params)]
        id_ = content_hash("call", str(self.round), self.stage, str(ordinal), self.provider.model, *named, "", *flat)
        place = (id_, self.round, self.stage, ordinal, self.provider.model)
        return CallKey(*place, params, messages, request.prompt_hash, request.seed_ids)

    async def _ask_all(self, asked: Sequence[tuple[Request, CallKey]]) -> list[Response]:
        stored = [self._stored(request, key) for request, key in asked]  # before anything is written
        self._tasks = tasks = [
            asyncio.create_task(self._ask_safely(request, key))
            for (request, key), found in zip(asked, stored, strict=True)
            if found is None
        ]
        if not tasks:
            return [response for response in stored if response is not None]
        try:
            await asyncio.wait(tasks)
        except asyncio.CancelledError:  # Ctrl-C; a second one breaks off the wait below
            self._line.stop(StageError("The run was interrupted."))
            n_open = self._line.pace.in_flight
            log.warning("Waiting for %d answers that are paid for; Ctrl-C again leaves them.", n_open)
            await asyncio.wait(tasks)
            raise
        fresh = (task.result() for task in tasks)
        return [found or next(fresh) for found in stored]

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self.provider.close()

    def _stored(self, request: Request, key: CallKey) -> Response | None:
        """The answer to a call that was paid for already."""
        row = calls.stored_answer(self.store.conn, key.id)
        if row is None:
            return None
        self.reused += 1
        return Response(key.id, request, row[0], row[1], row[2], logprobs=row[3], model=self.model)

    async def _ask_safely(self, request: Request, key: CallKey) -> Response:
        """Keep what goes wrong with one call until the others' answers have arrived."""
        try:
            return await self._line.call(request, key, self.run_id)
        except Exception as error:  # noqa: BLE001 - `ask` raises it
            self._line.stop(error)
            return Response(key.id, request, "", "error", error=str(error))
