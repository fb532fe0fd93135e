"""`insgen run` with an LLM, killed (SIGKILL) again and again under load.

What can be promised: an answer that was committed is never asked for again, and the budget counts every answer that a
service may have billed. What cannot: an answer that the service has sent and the dying process has not yet committed;
at most as many as were in flight at each kill, each counted as lost with its worst case, and asked for again.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import asking_plugin, forking
from support.projects import EMBED, FILTERS, SCORE, SELECT, contents, query, rounds_played

from insgen.testing.faults import invalid_json, reset_mid_body, server_error
from insgen.testing.llm_server import Asked, LlmServer, Reply, count_tokens

PLACES = 16
KILLS = 30
TABLES = ("candidates", "unreadable", "verdicts", "scores", "kept", "members", "bank_events", "positions")
LOOP = '[loop]\nrounds = 4\nbatch = 100\n[[generate]]\nuse = "tasks"\nn_requests = 60\n'


WORDS = ("pod", "node", "service", "volume", "secret", "quota", "ingress", "cluster", "label", "probe", "taint")


class Runs:
    """`insgen run`, one process at a time."""

    def __init__(self) -> None:
        script = Path(forking.__file__)
        environment = os.environ | {"PYTHONPATH": str(script.parents[1])}
        self._starter = subprocess.Popen([sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=subprocess.DEVNULL, text=True, env=environment)  # fmt: skip

    def start(self, project: Path) -> int:
        assert self._starter.stdin is not None
        print(project, file=self._starter.stdin, flush=True)
        return self._number()

    def end(self) -> int:
        """Wait for the process; its exit status, negative for a signal."""
        return self._number()

    def close(self) -> None:
        assert self._starter.stdin is not None
        assert self._starter.stdout is not None
        self._starter.stdin.close()
        self._starter.wait()
        self._starter.stdout.close()

    def _number(self) -> int:
        assert self._starter.stdout is not None
        return int(self._starter.stdout.readline())


@pytest.fixture(scope="module")
def runs() -> Iterator[Runs]:
    started = Runs()
    yield started
    started.close()


def answer(asked: Asked) -> Reply:
    """Two tasks that depend on the question alone; one in eight answers is off format."""
    draw = random.Random(asked.text)
    if draw.random() < 0.125:
        return Reply("I am sorry, I cannot think of any.")
    words = draw.sample(WORDS, 8)
    lines = [f"Task: Explain how the {a} uses {b} {draw.randint(1, 9)} times.|The {b} is read by the {a}, once a day."
             for a, b in zip(words[:2], words[2:4], strict=True)]  # fmt: skip
    return Reply("\n".join(lines), delay_s=draw.choice([0.0, 0.002, 0.01, 0.03]))


@pytest.fixture
def make(llm_server: LlmServer, make_project: Callable[..., Path]) -> Callable[..., Path]:
    llm_server.reply = answer

    def project(concurrency: int = PLACES, extra: str = "") -> Path:
        toml = 'plugins = ["tasks.py"]\n' + EMBED + SELECT + SCORE + FILTERS + LOOP + extra
        source = Path(asking_plugin.__file__).read_bytes()
        return make_project(toml + llm_server.toml(concurrency=concurrency), {"tasks.py": source})

    return project


def committed(project: Path) -> set[str]:
    if not (project / "insgen.db").exists() or not query(project, "SELECT 1 FROM sqlite_master WHERE name = 'calls'"):
        return set()
    rows = query(project, "SELECT messages ->> '$[0][1]' FROM calls WHERE answer IS NOT NULL")
    return {question for (question,) in rows}


def kill_under_load(llm_server: LlmServer, runs: Runs, project: Path, draw: random.Random) -> int:
    """Start, kill once so many more requests have arrived as drawn; returns the exit status."""
    goal, reached = len(llm_server.asked) + draw.randint(1, 24), threading.Event()

    def watch(asked: Asked) -> Reply:
        if asked.number >= goal:
            reached.set()
        return answer(asked)

    llm_server.reply = watch
    pid, ended = runs.start(project), threading.Event()

    def kill() -> None:
        if reached.wait(60) and not ended.is_set():
            with contextlib.suppress(ProcessLookupError):  # it has just come to its end
                os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    status = runs.end()
    ended.set()
    reached.set()
    killer.join()
    return status


def test_run_killed_thirty_times_pays_for_nothing_twice_and_ends_with_the_same_bank(
    llm_server: LlmServer, runs: Runs, make: Callable[..., Path]
) -> None:
    draw, project = random.Random(7), make()
    statuses, asked_again, before = [], Counter[str](), set[str]()
    while len(statuses) < KILLS:
        n_asked = len(llm_server.asked)
        statuses.append(kill_under_load(llm_server, runs, project, draw))
        asked_again.update(asked.text for asked in llm_server.asked[n_asked:] if asked.text in before)
        before = committed(project)
    n_asked = len(llm_server.asked)
    llm_server.reply = answer
    runs.start(project)
    assert runs.end() == 0
    asked_again.update(asked.text for asked in llm_server.asked[n_asked:] if asked.text in before)

    assert statuses.count(-signal.SIGKILL) >= KILLS - 5  # the others had come to their end
    assert not asked_again
    n_paid, n_calls = len(llm_server.paid), len(committed(project))
    assert n_calls == 4 * 60
    assert {asked.text for asked, _ in llm_server.paid} == committed(project)
    assert n_paid - n_calls <= KILLS * PLACES
    [(counted, tokens)] = query(
        project, "SELECT sum(1 + lost_calls), sum(prompt_tokens + completion_tokens + lost_tokens) FROM calls"
    )
    assert counted >= n_paid
    assert tokens >= sum(count_tokens(asked.text) + count_tokens(text) for asked, text in llm_server.paid)

    undisturbed = make()
    runs.start(undisturbed)
    assert runs.end() == 0
    assert contents(project, TABLES) == contents(undisturbed, TABLES)
    assert rounds_played(project) == rounds_played(undisturbed)


@pytest.mark.parametrize("cap", [("calls", 90), ("tokens", 12_000), ("usd", 0.02)])
def test_budget_is_never_passed_though_the_run_is_killed_with_requests_in_flight(
    cap: tuple[str, float], llm_server: LlmServer, runs: Runs, make: Callable[..., Path]
) -> None:
    draw, name = random.Random(3), cap[0]
    faults = [invalid_json(), reset_mid_body(), server_error(500)]
    llm_server.faults = lambda asked: faults[asked.number % 3] if asked.number % 10 == 9 else None
    project = make(64, f"[budget]\n{name} = {cap[1]}\n")
    for _ in range(5):
        kill_under_load(llm_server, runs, project, draw)
    llm_server.reply = answer
    runs.start(project)
    assert runs.end() == 0

    prompt = sum(count_tokens(asked.text) for asked, _ in llm_server.paid)
    completion = sum(count_tokens(text) for _, text in llm_server.paid)
    spent = {"calls": len(llm_server.paid), "tokens": prompt + completion, "usd": (prompt + 2 * completion) / 1e6}
    assert 0 < spent[name] <= cap[1]
    assert "the budget is spent" in query(project, "SELECT reason FROM runs ORDER BY id DESC LIMIT 1")[0][0]


def test_concurrency_of_1_and_64_give_the_same_bank(
    llm_server: LlmServer, runs: Runs, make: Callable[..., Path]
) -> None:
    alone, together = make(1), make(64)
    for project in (alone, together):
        runs.start(project)
        assert runs.end() == 0
    assert llm_server.most_in_flight > 16
    assert contents(alone, TABLES) == contents(together, TABLES)
    assert contents(alone, ("members",))["members"]


def test_model_that_never_returns_a_task_stops_the_run_instead_of_spending_the_budget(
    llm_server: LlmServer, runs: Runs, make: Callable[..., Path]
) -> None:
    llm_server.reply = lambda _: "As an AI model I would rather not."
    project = make(extra="[budget]\ncalls = 100000\n")
    toml = (project / "insgen.toml").read_text().replace("rounds = 4", "rounds = 0").replace("= 60", "= 8")
    (project / "insgen.toml").write_text(toml)
    runs.start(project)
    assert runs.end() == 0
    [(reason,)] = query(project, "SELECT reason FROM runs")
    assert reason.startswith("the last 24 answers of openai/test-model held no new task: in round 3, 8 things could")
    assert len(llm_server.asked) == 24
