"""Asks an LLM within a budget and never pays twice: look up, reserve, send, commit, settle, hand out.

Flows in: requests of one stage of one round. Flows out: responses in the order of the requests, each committed
before anyone reads it. The loop around it is synchronous; all concurrency is here.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from insgen.config.settings import Budget, Llm
from insgen.errors import StageError
from insgen.models.llm import Provider, Reply, Trouble
from insgen.models.pace import Pace
from insgen.models.purse import Purse
from insgen.records import Request, Response, content_hash
from insgen.store import calls
from insgen.store.calls import Arrived, CallKey, Reserve

if TYPE_CHECKING:
    from insgen.store.database import Store

ATTEMPTS = 6
"""Attempts at one call before it counts as failed; a 429 uses up none."""

FAILURES_IN_A_ROW = 8
"""Failed calls without an answer in between after which the service counts as gone."""

_BACKOFF_S = 0.5
_SMALLEST_ANSWER = 64  # tokens; a request that does not fit with that is not shrunk further
_SHRINK = 0.8  # Self-Instruct's factor when the prompt is too long
_MESSAGE_TOKENS = 16  # more than any chat format spends on a message's frame


@dataclass
class Asker:
    """Implements `insgen.LLM` for one run; `scope` says for which stage of which round.

    :ivar notify: told about every finished call; no text, no secret.
    :ivar clock: seconds, monotonic; ``sleep`` waits. Both are arguments so that tests need not wait.
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
    _ordinal: int = 0
    _failures: int = 0
    _fatal: StageError | None = None
    _runner: asyncio.Runner | None = None
    _jitter: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311 - spreads retries, decides nothing

    def __post_init__(self) -> None:
        self._purse = Purse(self.budget, calls.spent(self.store.conn))
        self._price = self.provider.price()
        self._pace = Pace(self.settings.concurrency, self.clock, self.sleep)
        self._places = asyncio.Semaphore(self.settings.concurrency)

    @property
    def model(self) -> str:
        """The LiteLLM id of the model that is asked."""
        return self.provider.model

    def afford(self) -> str:
        """Why not even a short call fits the budget; empty when one does."""
        params = {"max_tokens": self.settings.max_tokens}
        short = CallKey("", 0, "", 0, self.model, params, (), "")
        return self._purse.over(self._worst(short))

    @property
    def budget_spent(self) -> str:
        """Which cap a request was refused for, with figures; empty while there is none."""
        return self._purse.refused

    def scope(self, round_: int, stage: str) -> None:
        """Begin to ask for another stage of a round; ordinals begin at 0 again."""
        self.round, self.stage, self._ordinal = round_, stage, 0

    def ask(self, requests: Sequence[Request]) -> list[Response]:
        """See `insgen.LLM.ask`. A request that the budget refuses comes back with ``finish_reason`` ``budget``."""
        if not requests:
            return []
        if self._runner is None:
            self._runner = asyncio.Runner()  # one event loop for the whole run: litellm keeps its connections in it
        asked = [(request, self._key(request)) for request in requests]
        responses = self._runner.run(self._ask_all(asked))
        if self._fatal is not None:
            raise self._fatal
        return responses

    def close(self) -> None:
        """Close the event loop."""
        if self._runner is not None:
            self._runner.close()
            self._runner = None

    def _key(self, request: Request) -> CallKey:
        params = {"temperature": self.settings.temperature, "max_tokens": self.settings.max_tokens, **request.params}
        messages = tuple((turn.role, turn.content) for turn in request.messages)
        ordinal, self._ordinal = self._ordinal, self._ordinal + 1
        flat = [part for message in messages for part in message]
        named = [f"{name}={params[name]!r}" for name in sorted(params)]
        id_ = content_hash("call", str(self.round), self.stage, str(ordinal), self.provider.model, *named, "", *flat)
        return CallKey(id_, self.round, self.stage, ordinal, self.provider.model, params, messages, request.prompt_hash)

    async def _ask_all(self, asked: Sequence[tuple[Request, CallKey]]) -> list[Response]:
        return list(await asyncio.gather(*(self._ask_one(request, key) for request, key in asked)))

    async def _ask_one(self, request: Request, key: CallKey) -> Response:
        stored = calls.stored_answer(self.store.conn, key.id)
        if stored is not None:
            self.reused += 1
            return Response(
                key.id, request, stored[0], stored[1], stored[2], logprobs=stored[3], model=self.provider.model
            )
        async with self._places:
            worst = self._worst(key)
            if self._fatal is not None:
                return Response(key.id, request, "", "error", error="the run is being stopped")
            if not await self._purse.reserve(worst):
                return Response(key.id, request, "", "budget", error=f"the budget is spent: {self._purse.refused}")
            with self.store.atomic() as conn:
                calls.reserve(conn, self.run_id, key, worst)
            return await self._attempts(request, key, worst)

    def _worst(self, key: CallKey) -> Reserve:
        """The most a call can cost: a token is at least a byte, so bytes bound the prompt."""
        prompt = sum(len(content.encode()) + _MESSAGE_TOKENS for _, content in key.messages) + _MESSAGE_TOKENS
        completion = int(key.params["max_tokens"])
        usd = None if self._price is None else prompt * self._price.prompt + completion * self._price.completion
        return Reserve(usd, prompt + completion)

    async def _attempts(self, request: Request, key: CallKey, worst: Reserve) -> Response:
        """Try until there is an answer, or a reason to give up."""
        began, attempts, params = self.clock(), 0, dict(key.params)
        trouble = Trouble("lost", "not sent")
        while attempts < ATTEMPTS and self._fatal is None:
            left = self.settings.timeout_s - (self.clock() - began)
            if left <= 0:
                break
            epoch = await self._pace.admit()
            sent = self.clock()
            try:
                reply = await self._send(key, params, min(left, self.settings.attempt_timeout_s))
            except Trouble as caught:
                trouble = caught
                overloaded = trouble.kind in ("rate limit", "overload")
                self._pace.done(epoch, overloaded=overloaded, pause_s=trouble.pause_s)
                if trouble.kind == "rate limit":
                    began += self.clock() - sent + trouble.pause_s  # waiting for a quota is not waiting for an answer
                    continue
                attempts += 1
                if not self._go_on(trouble, key, params, worst):
                    break
                await self.sleep(_BACKOFF_S * 2 ** (attempts - 1) * (0.5 + self._jitter.random()))
            else:
                self._pace.done(epoch)
                return self._settle(request, key, worst, reply, attempts + 1, began)
        return self._fail(request, key, worst, trouble, attempts)

    async def _send(self, key: CallKey, params: Mapping[str, Any], timeout_s: float) -> Reply:
        messages = [{"role": role, "content": content} for role, content in key.messages]
        return await self.provider.complete(messages, params, timeout_s)

    def _go_on(self, trouble: Trouble, key: CallKey, params: dict[str, Any], worst: Reserve) -> bool:
        """Decide whether another attempt makes sense, and shrink the request where that is the cure."""
        if trouble.kind == "permanent":
            self._fatal = StageError(
                f"{self.provider.model} refuses every call: {trouble}.\n  Expected an answer.\n"
                "  Check the key in the environment, the model's name and [llm] api_base; `insgen check` tests them."
            )
            return False
        if trouble.kind == "context":
            params["max_tokens"] = int(params["max_tokens"] * _SHRINK)
            return bool(params["max_tokens"] >= _SMALLEST_ANSWER)
        if trouble.kind == "lost":
            with self.store.atomic() as conn:
                calls.lose(conn, key.id, worst, str(trouble))
            return self._purse.lose(worst)
        return trouble.kind != "filtered"

    def _settle(
        self, request: Request, key: CallKey, worst: Reserve, reply: Reply, attempts: int, began: float
    ) -> Response:
        """Commit an answer before anyone reads it."""
        cost = tokens = None
        if reply.prompt_tokens is not None and reply.completion_tokens is not None:
            tokens = reply.prompt_tokens + reply.completion_tokens
            if self._price is not None:
                cost = reply.prompt_tokens * self._price.prompt + reply.completion_tokens * self._price.completion
        duration_ms = round(1000 * (self.clock() - began))
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        arrived = Arrived(
            reply.text, reply.finish_reason, cost, reply.prompt_tokens, reply.completion_tokens, attempts, duration_ms,
            now, reply.logprobs,
        )  # fmt: skip
        with self.store.atomic() as conn:
            calls.settle(conn, key.id, arrived)
        self._purse.settle(worst, cost, tokens)
        self._failures = 0
        self._tell(key, {"finish_reason": reply.finish_reason, "prompt_tokens": reply.prompt_tokens,
                         "completion_tokens": reply.completion_tokens, "cost_usd": cost, "attempts": attempts,
                         "duration_ms": duration_ms})  # fmt: skip
        return Response(
            key.id, request, reply.text, reply.finish_reason, cost, logprobs=reply.logprobs, model=self.provider.model
        )

    def _fail(self, request: Request, key: CallKey, worst: Reserve, trouble: Trouble, attempts: int) -> Response:
        with self.store.atomic() as conn:
            calls.fail(conn, key.id, f"{trouble.kind}: {trouble}", attempts)
        self._purse.settle(worst, 0.0, 0)
        if trouble.kind not in ("context", "filtered"):
            self._failures += 1
        if self._failures >= FAILURES_IN_A_ROW and self._fatal is None:
            self._fatal = StageError(
                f"{self._failures} calls of {self.provider.model} in a row failed after {ATTEMPTS} attempts each; "
                f"the last: {trouble}.\n  Every answer that came is stored.\n"
                "  Wait until the service is back and call `insgen run` again: it asks only for what is missing."
            )
        self._tell(key, {"finish_reason": "error", "error": f"{trouble.kind}: {trouble}", "attempts": attempts})
        reason = "filtered" if trouble.kind == "filtered" else "error"
        return Response(key.id, request, "", reason, error=f"{trouble.kind}: {trouble}")

    def _tell(self, key: CallKey, facts: Mapping[str, Any]) -> None:
        self.notify({"round": key.round, "stage": key.stage, "ordinal": key.ordinal, "model": key.model, **facts})
