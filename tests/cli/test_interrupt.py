"""Ctrl-C while a language model is being asked: a real process, a real server, a real signal."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from support.cli import PROGRAM, plain_environment
from support.llm_project import llm_project, writes
from support.projects import contents, play, query, rounds_played

if TYPE_CHECKING:
    from insgen.testing.llm_server import Asked, LlmServer

MakeProject = Callable[..., Path]
PLACES = 4
LAST = "JUDGE the end of waiting"
TABLES = ("candidates", "answers", "verdicts", "scores", "kept", "members", "bank_events", "positions")


@contextmanager
def running(project: Path) -> Iterator[subprocess.Popen[str]]:
    """`insgen run`, ended at the latest with the block."""
    process = subprocess.Popen([*PROGRAM, "run", str(project), "--quiet"], env=plain_environment(), text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def hold_the_answers(server: LlmServer, first: int) -> threading.Event:
    """Let as many questions as are in flight at once wait, from this one on, until `let_go`; set when all are there."""
    arrived = threading.Event()

    def watch(asked: Asked) -> None:
        if asked.number == first:
            server.hold(PLACES + 1, order=range(PLACES + 1))
        if asked.number == first + PLACES - 1:
            arrived.set()

    server.faults = watch
    return arrived


def let_go(server: LlmServer) -> None:
    """Be the one more whose arrival the held ones wait for."""
    body = json.dumps({"model": "x", "messages": [{"role": "user", "content": LAST}]}).encode()
    urllib.request.urlopen(urllib.request.Request(f"{server.base_url}/chat/completions", body), timeout=60).close()


def questions(server: LlmServer) -> list[str]:
    """What the program asked, without `let_go`."""
    return [asked.text for asked in server.asked if asked.text != LAST]


def read_until(process: subprocess.Popen[str], text: str) -> str:
    assert process.stderr is not None
    return next(line for line in process.stderr if text in line)


def committed(project: Path) -> set[str]:
    return {text for (text,) in query(project, "SELECT messages ->> '$[0][1]' FROM calls WHERE answer IS NOT NULL")}


def test_ctrl_c_waits_for_what_is_paid_and_the_next_run_goes_on(
    make_project: MakeProject, llm_server: LlmServer
) -> None:
    llm_server.reply = writes
    project = make_project(*llm_project(llm_server, concurrency=PLACES))
    arrived = hold_the_answers(llm_server, first=5)  # two calls have written ten tasks, and answers are being bought
    with running(project) as process:
        assert arrived.wait(300)
        process.send_signal(signal.SIGINT)
        told = read_until(process, "Waiting for")
        let_go(llm_server)
        _, rest = process.communicate(timeout=300)

    assert told == "Waiting for 4 answers that are paid for; Ctrl-C again leaves them.\n"
    assert (process.returncode, rest.strip()) == (
        *(130, "Interrupted. Everything finished is stored; call the command again to go on."),
    )
    asked = questions(llm_server)
    assert len(asked) == len(llm_server.paid) - 1 == 5 + PLACES
    assert committed(project) == set(asked)
    assert query(project, "SELECT reason FROM runs") == [("it was interrupted",)]

    result = play(project)
    assert result.reason == "all 2 rounds of the config are played"
    asked = questions(llm_server)
    assert set(Counter(asked).values()) == {1}
    assert query(project, "SELECT sum(lost_calls), count(reserved_tokens), count(*) FROM calls") == [
        (0, 0, len(asked)),
    ]
    undisturbed = make_project(*llm_project(llm_server, concurrency=PLACES))
    play(undisturbed)
    assert contents(project, TABLES) == contents(undisturbed, TABLES)
    assert rounds_played(project) == rounds_played(undisturbed)


def test_second_ctrl_c_leaves_what_is_in_flight_and_its_worst_case_counts(
    make_project: MakeProject, llm_server: LlmServer
) -> None:
    llm_server.reply = writes
    project = make_project(*llm_project(llm_server, concurrency=PLACES))
    arrived = hold_the_answers(llm_server, first=5)
    with running(project) as process:
        assert arrived.wait(300)
        process.send_signal(signal.SIGINT)
        read_until(process, "Waiting for")
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=300)

    assert process.returncode == 130
    assert rest.endswith("Interrupted. Everything finished is stored; call the command again to go on.\n")
    assert "Traceback" not in rest
    assert len(committed(project)) == 5
    assert query(project, "SELECT count(reserved_tokens) FROM calls") == [(PLACES,)]
    before = committed(project)
    let_go(llm_server)
    n_asked = len(questions(llm_server))

    assert play(project).reason == "all 2 rounds of the config are played"
    assert not before & set(questions(llm_server)[n_asked:])
    assert query(project, "SELECT sum(lost_calls) FROM calls") == [(PLACES,)]
