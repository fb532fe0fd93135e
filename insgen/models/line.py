"""Carries one call through: reserve, send, try again where that helps, commit, settle.

Flows in: a request and its key. Flows out: its response, committed before anyone reads it. Knows when to give up on one
call, and when to stop them all. Which calls are made, and in which order answers are handed out, is `asking.py`'s.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from insgen.config.settings import Budget, Llm
from insgen.errors import StageError
from insgen.models.commits import Commits
from insgen.models.llm import Provider, Reply
from insgen.models.pace import Pace
from insgen.models.purse import Purse
from insgen.models.trouble import Trouble
from insgen.records import Request, Response
from insgen.store import calls
from insgen.store.calls import Arrived, CallKey, Reserve

if TYPE_CHECKING:
    from insgen.store.database import Store

ATTEMPTS = 6
"""Attempts at one call before it counts as failed; a 429 uses up none."""

FAILURES_IN_A_ROW = 8
"""Failed calls without an answer in between after which the service counts as gone."""

LONGEST_SILENCE_S = 3600.0
"""How long a service may answer every call with 429, or ask to be left alone, before the run stops."""

_BACKOFF_S = 0.5
_LONGEST_BACKOFF_S = 60.0
_SMALLEST_ANSWER = 64  # tokens; a request that does not fit with that is not shrunk further
_SHRINK = 0.8  # Self-Instruct's factor when the prompt is too long
_MESSAGE_TOKENS = 16  # more than any chat format spends on a message's frame


@dataclass
class _Call:
    """One call on its way.

    :ivar params: as sent; ``max_tokens`` may shrink.
    :ivar waited: seconds since `began` that were spent on waiting for a place, a quota or the budget.
    :ivar refusals: 429s in a row.
    :ivar reserved: whether its worst case is set aside.
    """

    request: Request
    key: CallKey
    worst: Reserve
    params: dict[str, Any]
    run_id: int
    began: float = 0.0
    waited: float = 0.0
    attempts: int = 0
    refusals: int = 0
    reserved: bool = False


@dataclass
class Line:
    """The line to one model behind one key, shared by all calls of a run.

    :ivar notify: told about every finished call; no text, no secret.
    :ivar clock: seconds, monotonic; ``sleep`` waits.
    :ivar fatal: why nothing more is sent; ``None`` while all is well.
    :ivar heard: when the service last answered, by the clock.
    :raises ConfigError: no price is known for the model.
    """

    store: Store
    provider: Provider
    settings: Llm
    budget: Budget
    notify: Callable[[Mapping[str, Any]], None]
    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    fatal: Exception | None = None
    heard: float = 0.0
    _failures: int = 0
    _jitter: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311 - spreads retries, decides nothing

    def __post_init__(self) -> None:
        self._price = self.provider.price()
        self.purse = Purse(self.budget, calls.spent(self.store.conn))
        self.pace = Pace(self.settings.concurrency, self.clock, self.sleep)
        self._commits = Commits(self.store, self.settings.concurrency)
        self._places = asyncio.Semaphore(self.settings.concurrency)

    async def call(self, request: Request, key: CallKey, run_id: int) -> Response:
        """Get the answer to one call; without one, the response says why."""
        async with self._places:
            call = _Call(request, key, self.worst(key), dict(key.params), run_id)
            if not await self._reserve(call):
                return self._refused(call)
            call.began = self.clock()
            return await self._attempts(call)

    def stop(self, error: Exception) -> None:
        """Send nothing more; the first error is kept, to be raised once all that is in flight has arrived."""
        self.fatal = self.fatal or error
        self.pace.stop()
        self.purse.stop()

    def worst(self, key: CallKey) -> Reserve:
        """The most a call can cost: a token is at least a byte, so bytes bound the prompt (with schemas and tools)."""
        prompt = sum(len(content.encode()) + _MESSAGE_TOKENS for _, content in key.messages) + _MESSAGE_TOKENS
        prompt += sum(len(json.dumps(value)) for value in key.params.values() if isinstance(value, dict | list))
        completion = max(int(key.params.get(name) or 0) for name in ("max_tokens", "max_completion_tokens"))
        return Reserve(prompt * self._price.prompt + completion * self._price.completion, prompt + completion)

    async def _reserve(self, call: _Call) -> bool:
        """Set the worst case aside, in memory and in the store, before anything is sent."""
        if not await self.purse.reserve(call.worst):
            return False
        call.reserved = True
        await self._commits.do(partial(calls.reserve, run_id=call.run_id, key=call.key, worst=call.worst))
        return True

    async def _attempts(self, call: _Call) -> Response:
        """Try until there is an answer, or a reason to give up."""
        trouble = Trouble("lost", "not sent")
        while call.attempts < ATTEMPTS:
            left = self.settings.timeout_s - (self.clock() - call.began - call.waited)
            if left <= 0:
                trouble = Trouble(trouble.kind, f"{trouble} (given up after {self.settings.timeout_s:.0f} s)")
                break
            reply = await self._attempt(call, left)
            if reply is None:
                break
            if isinstance(reply, Reply):
                return await self._settle(call, reply)
            trouble = reply
            if not await self._again(call, trouble):
                break
        return await self._fail(call, trouble)

    async def _attempt(self, call: _Call, left_s: float) -> Reply | Trouble | None:
        """Send once, as soon as there is a place; ``None`` when the run is being stopped."""
        asked = self.clock()
        epoch = await self.pace.admit()
        sent = self.clock()
        call.waited += sent - asked
        if epoch is None:
            return None
        messages = [{"role": role, "content": content} for role, content in call.key.messages]
        try:
            reply = await self.provider.complete(messages, call.params, min(left_s, self.settings.attempt_timeout_s))
        except Trouble as trouble:
            if trouble.kind in ("rate limit", "overload"):
                self.pace.overloaded(epoch, trouble.pause_s)
            else:
                self.pace.leave()
            if trouble.kind == "rate limit":
                call.waited += self.clock() - sent
            return trouble
        except BaseException:
            self.pace.leave()
            raise
        self.pace.answered()
        self.heard = self.clock()
        call.attempts += 1
        return reply

    async def _again(self, call: _Call, trouble: Trouble) -> bool:
        """Decide whether another attempt makes sense; book what was lost, shrink what is too long, wait."""
        if trouble.kind == "permanent":
            self.stop(_permanent(self.provider.model, trouble))
        silence = self.clock() - self.heard if trouble.kind == "rate limit" else 0.0
        if max(trouble.pause_s, silence) > LONGEST_SILENCE_S:
            self.stop(_silent(self.provider.model, trouble))
        if self.fatal is None and trouble.kind == "rate limit":
            return await self._queue(call)
        call.attempts, call.refusals = call.attempts + 1, 0
        if trouble.kind == "context":
            call.params["max_tokens"] = int(call.params["max_tokens"] * _SHRINK)
            return bool(call.params["max_tokens"] >= _SMALLEST_ANSWER)
        if trouble.kind == "lost":
            await self._lose(call, trouble)
        if trouble.kind in ("filtered", "refused") or self.fatal is not None or call.attempts >= ATTEMPTS:
            return False
        await self.pace.rest(self._backoff(call.attempts))
        return call.reserved or await self._reserve_again(call)

    async def _queue(self, call: _Call) -> bool:
        """Wait for the quota: the pause holds for everyone, and a call refused again and again waits longer alone."""
        call.refusals += 1
        if call.refusals > 1:
            began = self.clock()
            await self.pace.rest(self._backoff(call.refusals))
            call.waited += self.clock() - began
        return True

    def _backoff(self, nth: int) -> float:
        """Seconds to wait after the nth failure in a row: doubling, spread by half to both sides."""
        return min(_LONGEST_BACKOFF_S, _BACKOFF_S * 2.0 ** min(nth - 1, 16)) * (0.5 + self._jitter.random())

    async def _lose(self, call: _Call, trouble: Trouble) -> None:
        """Count an attempt as spent that may have been billed."""
        self.purse.lose()
        call.reserved = False
        await self._commits.do(partial(calls.lose, call_id=call.key.id, error=f"{trouble.kind}: {trouble}"))

    async def _reserve_again(self, call: _Call) -> bool:
        began = self.clock()
        reserved = await self._reserve(call)
        call.waited += self.clock() - began
        return reserved

    async def _settle(self, call: _Call, reply: Reply) -> Response:
        """Commit an answer before anyone reads it."""
        key, cost = call.key, None
        if reply.prompt_tokens is not None and reply.completion_tokens is not None:
            cost = reply.prompt_tokens * self._price.prompt + reply.completion_tokens * self._price.completion
        duration_ms = round(1000 * (self.clock() - call.began))
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        arrived = Arrived(
            reply.text, reply.finish_reason, cost, reply.prompt_tokens, reply.completion_tokens, call.attempts,
            duration_ms, now, reply.logprobs,
        )  # fmt: skip
        await self._commits.do(partial(calls.settle, call_id=key.id, arrived=arrived))
        if cost is None:
            self.purse.lose()
        else:
            self.purse.settle(call.worst, cost, (reply.prompt_tokens or 0) + (reply.completion_tokens or 0))
        self._failures = 0
        self._tell(key, {"finish_reason": reply.finish_reason, "prompt_tokens": reply.prompt_tokens,
                         "completion_tokens": reply.completion_tokens, "cost_usd": cost, "attempts": call.attempts,
                         "duration_ms": duration_ms})  # fmt: skip
        return Response(
            key.id,
            call.request,
            reply.text,
            reply.finish_reason,
            cost,
            logprobs=reply.logprobs,
            model=self.provider.model,
        )

    async def _fail(self, call: _Call, trouble: Trouble) -> Response:
        error = f"{trouble.kind}: {trouble}"
        await self._commits.do(partial(calls.fail, call_id=call.key.id, error=error, attempts=call.attempts))
        if call.reserved:
            self.purse.release(call.worst)
        elif self.fatal is None and call.attempts < ATTEMPTS and self.purse.refused:
            return self._refused(call)
        if self.fatal is None and trouble.kind not in ("context", "filtered"):
            self._failures += 1
            if self._failures >= FAILURES_IN_A_ROW:
                self.stop(_gone(self.provider.model, self._failures, trouble))
        self._tell(call.key, {"finish_reason": "error", "error": error, "attempts": call.attempts})
        reason = "filtered" if trouble.kind == "filtered" else "error"
        return Response(call.key.id, call.request, "", reason, error=error)

    def _refused(self, call: _Call) -> Response:
        if self.fatal is not None:
            return Response(call.key.id, call.request, "", "error", error="the run is being stopped")
        return Response(call.key.id, call.request, "", "budget", error=f"the budget is spent: {self.purse.refused}")

    def _tell(self, key: CallKey, facts: Mapping[str, Any]) -> None:
        self.notify({"round": key.round, "stage": key.stage, "ordinal": key.ordinal, "model": key.model, **facts})


def _permanent(model: str, trouble: Trouble) -> StageError:
    return StageError(
        f"{model} refuses every call: {trouble}.\n  Expected an answer; those that came are stored.\n"
        f"  {trouble.cure} `insgen check` tests it."
    )


def _silent(model: str, trouble: Trouble) -> StageError:
    wait = "has said so for an hour"
    if trouble.pause_s > LONGEST_SILENCE_S:
        wait = f"asks to wait {trouble.pause_s:.0f} s"
    return StageError(
        f"{model} has too much to do and {wait}: {trouble}.\n  Every answer that came is stored.\n"
        "  Call `insgen run` again later: it asks only for what is missing. A smaller [llm] concurrency may help."
    )


def _gone(model: str, n_failures: int, trouble: Trouble) -> StageError:
    return StageError(
        f"{n_failures} calls of {model} in a row failed; the last: {trouble}.\n"
        "  Every answer that came is stored.\n"
        "  Wait until the service is back and call `insgen run` again: it asks only for what is missing."
    )
