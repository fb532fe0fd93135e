"""Keys come from the environment and go nowhere but to the service."""

from __future__ import annotations

import json
import logging
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.asking import ask, asking, questions

from insgen.errors import StageError
from insgen.models.trouble import redact
from insgen.store.database import Store
from insgen.testing.faults import Fault, server_error

if TYPE_CHECKING:
    from insgen.testing.llm_server import LlmServer

KEY = "sk-" + "test0secret1" * 3
ODD_KEY = "zX9/unusual+shape=="


def echoing(status: int, key: str) -> Fault:
    """An error whose body shows the key it was sent."""
    body = {"error": {"message": f"Key {key} in header Authorization: Bearer {key} is bad", "type": "x", "code": "y"}}
    return Fault("echo", status, body=json.dumps(body).encode())


@pytest.mark.parametrize("key", [KEY, ODD_KEY])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 500, 503])
def test_key_that_a_service_echoes_reaches_no_file_no_log_and_no_traceback(
    status: int, key: str, llm_server: LlmServer, store: Store, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("OPENAI_API_KEY", key)
    caplog.set_level(logging.DEBUG)
    llm_server.faults = lambda _: echoing(status, key)
    shown = ""
    with asking(llm_server, store) as asker:
        try:
            shown = repr(ask(asker, "What?"))
        except StageError:
            shown = traceback.format_exc()

    assert llm_server.asked[0].headers["authorization"] == f"Bearer {key}"
    assert "[secret]" in shown
    ours = "".join(record.getMessage() for record in caplog.records if record.name.startswith("insgen"))
    printed = capfd.readouterr()
    for place in (shown, ours, printed.out, printed.err, *files_of(store.path.parent)):
        assert key not in place


def files_of(folder: Path) -> list[str]:
    return [path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file()]


def test_key_is_not_stored_with_the_calls(llm_server: LlmServer, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with asking(llm_server, store) as asker:
        asker.ask(questions(5))
    assert not [text for text in files_of(store.path.parent) if KEY in text]
    assert [text for text in files_of(store.path.parent) if "question 4" in text]


def test_nothing_is_printed_on_stdout_when_calls_fail(
    llm_server: LlmServer, store: Store, capfd: pytest.CaptureFixture[str]
) -> None:
    llm_server.script(*[server_error(500)] * 6)
    with asking(llm_server, store) as asker:
        ask(asker, "What?")
    assert capfd.readouterr().out == ""


def test_local_server_without_a_key_is_asked(
    llm_server: LlmServer, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with asking(llm_server, store) as asker:
        assert ask(asker, "What?")[0].text == "Answer 0."


def test_only_values_of_secret_names_and_shapes_of_keys_are_cut_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "correct horse")
    monkeypatch.setenv("MY_MODEL", "battery staple")
    assert redact("correct horse, battery staple, sk-abcdef123") == "[secret], battery staple, [secret]"
