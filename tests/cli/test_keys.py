"""A project that ran with keys in the environment shows none of them, whatever command is called."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
from support.cli import Result
from support.llm_project import llm_project, writes
from support.projects import count, play, query

from insgen.cli.main import main_group
from insgen.testing.faults import Fault

if TYPE_CHECKING:
    from insgen.testing.llm_server import LlmServer

Cli = Callable[..., Result]
KEYS = {"OPENAI_API_KEY": "sk-" + "test0secret1" * 3, "MY_SERVICE_TOKEN": "zX9/unusual+shape=="}
ARGUMENTS = {
    "why": ["1"],
    "run": ["--quiet", "--set", "loop.rounds=3"],
    "check": ["--call"],
    "preview": ["--quiet"],
    "add": ["more.jsonl"],
    "batches": ["plan.jsonl"],
    "export": ["out.jsonl"],
    "compare": ["-s", "quality", "--quiet"],
    "bank diff": ["1", "2"],
    "bank rollback": ["1"],
    "replay": ["--quiet", "--set", "respond=none"],
    "sql": ["SELECT * FROM calls LEFT JOIN runs ON runs.id = run_id"],
    "plugins show": ["llm"],
    "recipes show": ["sedi"],
}
"""What a command needs beside ``--json`` in the project's folder."""
KINDS = ("WRITE", "ANSWER", "JUDGE")
DONE = {"status", "costs", "why", "run", "preview", "check", "sql", "bank list", "bank log", "export"}
"""Commands that certainly do their work here; the others may refuse, as long as they are as silent about keys."""


def commands() -> Iterator[str]:
    """Every command that has ``--json``."""
    for name, command in main_group.commands.items():
        below = command.commands if isinstance(command, click.Group) else {"": command}
        for each, one in below.items():
            if any("--json" in parameter.opts for parameter in one.params):
                yield f"{name} {each}".strip()


def echo(status: int) -> Fault:
    """An error whose text shows every key."""
    told = " ".join(f"{name}={key} Authorization: Bearer {key}" for name, key in KEYS.items())
    body = {"error": {"message": f"I cannot: {told}", "type": "x", "code": "y"}}
    return Fault("echo", status, body=json.dumps(body).encode())


def no_key_in(place: str) -> None:
    for key in KEYS.values():
        assert key not in place
        assert json.dumps(key)[1:-1] not in place


def files_of(folder: Path) -> str:
    return "".join(path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def project(make_project: Callable[..., Path], llm_server: LlmServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A played project, some of whose calls were answered with an error that shows the keys."""
    for name, key in KEYS.items():
        monkeypatch.setenv(name, key)
    llm_server.reply = lambda asked: writes(asked) if asked.text.startswith(KINDS) else "yes"
    llm_server.faults = lambda asked: echo(422) if asked.number % 4 == 1 else None
    folder = make_project(*llm_project(llm_server))
    play(folder)
    (folder / "more.jsonl").write_text('{"instruction": "Explain the word quorum.", "output": "More than half."}\n')
    monkeypatch.chdir(folder)
    return folder


def test_no_command_with_json_shows_a_key_and_no_file_holds_one(
    cli: Cli,
    project: Path,
    llm_server: LlmServer,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())  # `insgen review` reads from it
    caplog.set_level(logging.DEBUG, "insgen")
    assert llm_server.asked[0].headers["authorization"] == f"Bearer {KEYS['OPENAI_API_KEY']}"
    assert count(project, "members") > 0
    assert query(project, "SELECT count(*) > 0 FROM calls WHERE error LIKE '%[secret]%'") == [(1,)]
    n_asked = len(llm_server.asked)

    for command in commands():
        done = cli(*command.split(), *ARGUMENTS.get(command, []), "--json")
        assert done.code == 0 or command not in DONE, (command, done.stderr)
        no_key_in(done.stdout + done.stderr)

    assert len(llm_server.asked) > n_asked
    no_key_in(files_of(project))
    no_key_in("".join(record.getMessage() for record in caplog.records))


@pytest.mark.parametrize("status", [401, 403, 404])
def test_refusal_that_shows_the_keys_is_told_without_them(
    cli: Cli, project: Path, llm_server: LlmServer, status: int
) -> None:
    llm_server.faults = lambda _: echo(status)
    done = cli("run", "--quiet", "--json", "--set", "loop.rounds=4")
    assert (done.code, done.stdout) == (1, "")
    assert "I cannot: OPENAI_API_KEY=[secret]" in done.stderr
    no_key_in(done.stderr)
    no_key_in(files_of(project))


def test_key_in_the_config_is_refused_and_not_repeated(cli: Cli, project: Path) -> None:
    config = project / "insgen.toml"
    config.write_text(config.read_text().replace("[llm]", f'[llm]\napi_key = "{KEYS["OPENAI_API_KEY"]}"'))
    done = cli("run", "--quiet", "--json")
    assert (done.code, done.stdout) == (2, "")
    assert "api_key" in done.stderr
    no_key_in(done.stderr)
