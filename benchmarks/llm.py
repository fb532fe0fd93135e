"""Measure what asking through the ledger costs, against bare `litellm.acompletion` on the same local server.

    python benchmarks/llm.py
    python benchmarks/llm.py --calls 400 --repeats 7 --in-flight 1 8 64 256

A server with no thinking time answers from a process of its own. For every number in flight both ways take turns, the
first of each pair changing, each time with a new event loop and a new database: ours is `Asker.ask` (reserve, commit,
send, commit, settle, hand out in order), bare is `asyncio.gather` over a semaphore with the same parameters. Printed
are medians and their spread (smallest to largest) of calls per second and of CPU ms per call in this process, and of
the pairs' ratios of both. The CPU ratio hardly notices what else the machine does, the ratio of calls/s does. The exit
status is 1 when ours makes less than 90 % of the bare calls per second at 64.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from insgen.config.settings import Budget, Llm
from insgen.models.asking import Asker
from insgen.models.llm import Provider
from insgen.records import Request, Turn
from insgen.store.database import open_store

TARGET_RATIO = 0.9
ANSWER = (
    b'{"id": "x", "object": "chat.completion", "created": 1700000000, "model": "none", "choices": [{"index": 0,'
    b' "message": {"role": "assistant", "content": "An answer of a few words."}, "finish_reason": "stop"}],'
    b' "usage": {"prompt_tokens": 10, "completion_tokens": 6, "total_tokens": 16}}'
)
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(ANSWER) + ANSWER


def serve(pipe: Connection) -> None:
    """Answer every request at once; sends the port through the pipe."""

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
                await reader.readexactly(int(length))
                writer.write(RESPONSE)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def main() -> None:
        server = await asyncio.start_server(connection, "127.0.0.1", 0, backlog=1024)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


def requests(n: int) -> list[Request]:
    """Make n prompts of the length of a generator's (about 2,000 characters)."""
    text = "Write five new tasks about running a database in production, one per line, unlike these. " * 22
    return [Request((Turn("user", f"{text}{number}"),), "any") for number in range(n)]


def ours(llm: Llm, asked: list[Request]) -> tuple[float, float]:
    """Wall and CPU seconds through `Asker`."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder) / "insgen.db")
        asker = Asker(store, Provider(llm), llm, Budget(usd=1000.0), lambda _: None)
        asker.ask(asked[:1])  # connections and imports belong to neither side
        asker.scope(1, "measured")
        wall, cpu = time.perf_counter(), time.process_time()
        responses = asker.ask(asked)
        taken = time.perf_counter() - wall, time.process_time() - cpu
        asker.close()
        store.close()
    if any(response.error for response in responses):
        raise SystemExit(f"calls failed: {responses[0].error}")
    return taken


def bare(llm: Llm, asked: list[Request]) -> tuple[float, float]:
    """Wall and CPU seconds with nothing but litellm."""
    import litellm

    async def main() -> tuple[float, float]:
        places = asyncio.Semaphore(llm.concurrency)

        async def one(request: Request) -> object:
            async with places:
                return await litellm.acompletion(
                    model=llm.model, messages=[{"role": "user", "content": request.messages[0].content}],
                    api_base=llm.api_base, api_key="not-needed", timeout=llm.attempt_timeout_s, max_retries=0,
                    num_retries=0, temperature=llm.temperature, max_tokens=llm.max_tokens,
                )  # fmt: skip

        await one(asked[0])
        wall, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(one(request) for request in asked))
        return time.perf_counter() - wall, time.process_time() - cpu

    return asyncio.run(main())


Way = Callable[[Llm, list[Request]], tuple[float, float]]


def measure(llm: Llm, n_calls: int, repeats: int) -> dict[str, list[tuple[float, float]]]:
    """Let both ways take turns; (calls/s, CPU ms per call) of each, and ours/bare of both figures for each pair."""
    asked, ways = requests(n_calls), {"bare": bare, "ours": ours}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for turn in range(repeats):
        for name in sorted(ways, reverse=bool(turn % 2)):
            wall, cpu = ways[name](llm, asked)
            found[name].append((n_calls / wall, 1000 * cpu / n_calls))
    pairs = zip(found["ours"], found["bare"], strict=True)
    return found | {"ratio": [(ours[0] / bare[0], ours[1] / bare[1]) for ours, bare in pairs]}


def shown(values: list[float]) -> str:
    """Median, and the smallest and the largest."""
    return f"{statistics.median(values):8.2f} ({min(values):.2f} to {max(values):.2f})"


def main() -> int:
    """Print the table; 0 when the ratio at 64 in flight is good enough."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--in-flight", type=int, nargs="+", default=[1, 4, 16, 64, 256])
    parser.add_argument("--calls", type=int, default=1536, help="calls per run; fewer with few in flight")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # as ours does; else bare would look for the network
    receiver, sender = multiprocessing.Pipe(duplex=False)
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(sender,), daemon=True)
    server.start()
    address = f"http://127.0.0.1:{receiver.recv()}/v1"
    passed = True
    print(f"{'in flight':>9}  {'way':5}  {'calls/s':>28}  {'CPU ms per call':>24}")
    for in_flight in options.in_flight:
        llm = Llm("openai/none", address, concurrency=in_flight, input_usd_per_million=1.0, output_usd_per_million=2.0)
        n_calls = min(options.calls, 32 * in_flight)
        found = measure(llm, n_calls, options.repeats)
        for name, values in found.items():
            speed, cpu = (shown([value[place] for value in values]) for place in (0, 1))
            print(f"{in_flight:9}  {name:5}  {speed:>28}  {cpu:>24}", flush=True)
        if in_flight == 64:
            passed = statistics.median(ratio for ratio, _ in found["ratio"]) >= TARGET_RATIO
    server.terminate()
    print(f"at least {TARGET_RATIO:.0%} of bare calls/s at 64 in flight: {'yes' if passed else 'NO'}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
