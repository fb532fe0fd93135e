"""A small OpenAI-compatible server on 127.0.0.1 for tests: scripted answers, scripted faults, a count of what is paid.

    with LlmServer(lambda asked: "9. A new task.") as server:     # or the fixture `llm_server`
        server.script(too_many("0"), None, server_error(500))     # the next requests, one each; None = no fault
        server.faults = lambda asked: stall() if "poison" in asked.text else None   # asked once the script is used up
        server.reply = lambda asked: Reply("4", logprobs={"4": -0.1, "5": -2.4})
        server.hold(3, order=(2, 0, 1))   # answer the next three only once all have arrived, in that order of arrival
        settings = server.settings(concurrency=64)                # an `Llm` for Asker, Provider ...
        server.toml(concurrency=64)                               # the same as the [llm] table of an insgen.toml
    server.asked      every request that arrived whole, in order of arrival
    server.paid       every answer with status 200 that was handed to the socket to its last byte, in that order
    server.most_in_flight

The faults stand in `insgen.testing.faults`. Each connection is a coroutine in one event loop in a thread of its own, so
a client in another process may be killed and started again around it. Nothing here waits by the clock but `slow_body`
and `Reply.delay_s`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from insgen.config.settings import Llm
from insgen.testing.faults import Fault

MODEL = "openai/test-model"


@dataclass(frozen=True)
class Asked:
    """One request as it arrived.

    :ivar number: counted from 0, in order of arrival.
    :ivar body: the decoded JSON body; ``headers`` have names in lower case.
    """

    number: int
    body: dict[str, Any]
    headers: dict[str, str]

    @property
    def text(self) -> str:
        """Contents of all messages, one after the other."""
        return "\n".join(str(message["content"]) for message in self.body["messages"])

    @property
    def key(self) -> str:
        """The same for two requests with the same body."""
        return json.dumps(self.body, sort_keys=True)


@dataclass(frozen=True)
class Reply:
    """An answer.

    :ivar logprobs: log-probabilities of the first answer token's alternatives; sent only where they are asked for.
    :ivar delay_s: how long the model thinks, in seconds.
    """

    text: str
    finish_reason: str = "stop"
    logprobs: Mapping[str, float] | None = None
    delay_s: float = 0.0


class LlmServer:
    """See the module. A context manager; `start` and `stop` do the same.

    :param reply: the answer to a request, as text or `Reply`; called in the server's thread.
    """

    def __init__(self, reply: Callable[[Asked], str | Reply] = lambda asked: f"Answer {asked.number}.") -> None:
        self.reply = reply
        self.faults: Callable[[Asked], Fault | None] = lambda asked: None  # noqa: ARG005 - the shape of a fault rule
        self.asked: list[Asked] = []
        self.paid: list[tuple[Asked, str]] = []
        self.in_flight = self.most_in_flight = 0
        self.base_url = ""
        self._script: deque[Fault | None] = deque()
        self._held: list[asyncio.Event] = []
        self._order: tuple[int, ...] = ()
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._serve, name="llm-server", daemon=True)
        self._ready = threading.Event()

    def __enter__(self) -> LlmServer:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Listen on a free port."""
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        """Cut every connection and end the thread."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def script(self, *faults: Fault | None) -> None:
        """What happens to the next requests, one each; ``None`` lets one through."""
        self._script.extend(faults)

    def hold(self, n: int, order: Sequence[int] = ()) -> None:
        """Answer the next n requests only once all have arrived, in this order of arrival (default: the last first)."""
        self._held, self._order = [], tuple(order) or tuple(reversed(range(n)))

    def settings(self, **changes: Any) -> Llm:
        """An ``[llm]`` section that asks this server, with a price of 1 and 2 USD per million tokens."""
        return Llm(**self._table(changes))

    def toml(self, **changes: Any) -> str:
        """The same as TOML."""
        return "[llm]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in self._table(changes).items())

    def _table(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        prices = {"input_usd_per_million": 1.0, "output_usd_per_million": 2.0}
        return {"model": MODEL, "api_base": self.base_url, **prices, **changes}

    def _serve(self) -> None:
        loop = self._loop
        server = loop.run_until_complete(asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=1024))
        self.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        self._ready.set()
        loop.run_forever()
        server.close()
        loop.run_until_complete(self._cut())
        loop.close()

    async def _cut(self) -> None:
        """End what is still going on."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self._loop.create_task(self._connection(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until the client or a fault ends it."""
        try:
            while (request := await self._read(reader)) is not None:
                self.in_flight += 1
                self.most_in_flight = max(self.most_in_flight, self.in_flight)
                try:
                    if not await self._answer(request, reader, writer):
                        break
                finally:
                    self.in_flight -= 1
        except ConnectionError:
            pass  # the client has gone, perhaps killed: what was handed over before is counted
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _read(self, reader: asyncio.StreamReader) -> Asked | None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
        except asyncio.IncompleteReadError:
            return None
        asked = Asked(len(self.asked), json.loads(body), headers)
        self.asked.append(asked)
        return asked

    async def _answer(self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; False ends the connection."""
        fault = (self._script.popleft() if self._script else self.faults(asked)) or Fault("none")
        await self._wait_for_turn()
        made = self.reply(asked)
        reply = made if isinstance(made, Reply) else Reply(made)
        if reply.delay_s:
            await asyncio.sleep(reply.delay_s)
        answer = _completion(asked, reply)
        body = fault.body or json.dumps(fault.change(answer) if fault.change else answer).encode()
        if fault.delivery == "stall":
            await reader.read(1)  # returns once the client goes away
            return False
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **fault.headers}
        lines = [f"HTTP/1.1 {fault.status} Test", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        whole = await self._deliver("\r\n".join(lines).encode(), body, fault, reader, writer)
        if whole and fault.status == 200:
            self.paid.append((asked, reply.text))
        return whole

    async def _wait_for_turn(self) -> None:
        """Stand in the queue that `hold` made, if there is one."""
        if not self._order:
            return
        order, turn = self._order, asyncio.Event()
        self._held.append(turn)
        if len(self._held) == len(order):
            waiting, self._order = self._held, ()
            task = self._loop.create_task(self._release([waiting[place] for place in order]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        await turn.wait()

    async def _release(self, turns: Sequence[asyncio.Event]) -> None:
        for turn in turns:
            turn.set()
            for _ in range(10):  # let that answer leave before the next one
                await asyncio.sleep(0)

    async def _deliver(
        self, head: bytes, body: bytes, fault: Fault, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Send as the fault wants; returns whether all of it went out."""
        if fault.delivery in ("whole", "twice"):
            writer.write((head + body) * (2 if fault.delivery == "twice" else 1))
            await writer.drain()
            return True
        if fault.delivery == "slow":
            writer.write(head)
            piece = -(-len(body) // 12)
            for start in range(0, len(body), piece):
                writer.write(body[start : start + piece])
                await writer.drain()
                await asyncio.sleep(fault.pause_s)
            return True
        if fault.delivery != "reset":
            writer.write(head + body[: len(body) // 2])
            await writer.drain()
        if fault.delivery == "stall mid":
            await reader.read(1)
        if fault.delivery.startswith("reset"):
            raw: socket.socket = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close() then sends RST
            writer.transport.abort()
        return False


def count_tokens(text: str) -> int:
    """What this server calls a token: four characters, or what is left of them."""
    return -(-len(text) // 4)


def _completion(asked: Asked, reply: Reply) -> dict[str, Any]:
    prompt, completion = count_tokens(asked.text), count_tokens(reply.text)
    choice: dict[str, Any] = {
        "index": 0,
        "message": {"role": "assistant", "content": reply.text},
        "finish_reason": reply.finish_reason,
    }
    if reply.logprobs is not None and asked.body.get("logprobs"):
        top = [{"token": token, "logprob": value, "bytes": None} for token, value in reply.logprobs.items()]
        choice["logprobs"] = {"content": [top[0] | {"top_logprobs": top[: asked.body.get("top_logprobs", 0)]}]}
    return {
        "id": f"chatcmpl-{asked.number}",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": asked.body.get("model", "test-model"),
        "choices": [choice],
        "usage": {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion},
    }
