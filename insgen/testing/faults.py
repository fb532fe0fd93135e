"""Faults for `insgen.testing.llm_server.LlmServer`: what real services do to a request, each made by a function."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, Literal

Delivery = Literal["whole", "reset", "reset mid", "close mid", "stall", "stall mid", "slow", "twice"]


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request.

    :ivar body: sent in place of the answer; ``None`` = the answer.
    :ivar change: what is done to the answer's JSON before it is sent.
    :ivar pause_s: between two pieces of a slow body.
    """

    name: str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    change: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    delivery: Delivery = "whole"
    pause_s: float = 0.0


def _error(status: int, message: str, code: str, headers: Mapping[str, str] | None = None) -> Fault:
    kind = "invalid_request_error" if status in (400, 401, 404) else code
    body = json.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}}).encode()
    return Fault(f"{status} {code}", status, headers or {}, body)


def too_many(retry_after: str = "") -> Fault:
    """429; ``retry_after`` is the header's text: seconds (``0``, ``0.05``) or an HTTP date (`http_date`); "" = none."""
    headers = {"Retry-After": retry_after} if retry_after else {}
    return _error(429, "Too many requests.", "rate_limit_exceeded", headers)


def quota_gone() -> Fault:
    """429 that no waiting helps: the account is empty."""
    return _error(429, "You exceeded your current quota.", "insufficient_quota")


def server_error(status: int = 500) -> Fault:
    """500, 502, 503, 504: not billed."""
    return _error(status, "The server had an error.", "server_error")


def unauthorised() -> Fault:
    """401: the key is wrong."""
    return _error(401, "Incorrect API key provided.", "invalid_api_key")


def forbidden() -> Fault:
    """403: the key is right and may not do this."""
    return _error(403, "You have no access to this.", "permission_denied")


def refused(status: int = 422) -> Fault:
    """4xx that says nothing about other requests."""
    return _error(status, "This request cannot be worked on.", "invalid")


def unknown_model() -> Fault:
    """404: no model of that name."""
    return _error(404, "The model does not exist.", "model_not_found")


def context_overflow() -> Fault:
    """400: prompt and answer do not fit the model."""
    message = "This model's maximum context length is 4096 tokens. Please reduce the length of the messages."
    return _error(400, message, "context_length_exceeded")


def content_filter() -> Fault:
    """400: the service refuses the content."""
    return _error(400, "The response was filtered due to the prompt triggering our content management policy.",
                  "content_policy_violation")  # fmt: skip


def reset() -> Fault:
    """The connection is reset before the first byte."""
    return Fault("reset", delivery="reset")


def reset_mid_body() -> Fault:
    """The connection is reset in the middle of an answer, which a provider may bill."""
    return Fault("reset mid body", delivery="reset mid")


def short_body() -> Fault:
    """The connection is closed, politely, in the middle of an answer."""
    return Fault("short body", delivery="close mid")


def answered_twice() -> Fault:
    """The same answer twice on one connection, one after the other; the second was never asked for."""
    return Fault("answered twice", delivery="twice")


def stall() -> Fault:
    """Not one byte until the client goes away."""
    return Fault("stall", delivery="stall")


def stall_mid_body() -> Fault:
    """Half an answer, then nothing until the client goes away."""
    return Fault("stall mid body", delivery="stall mid")


def slow_body(pause_s: float = 0.01) -> Fault:
    """A whole answer in twelve pieces."""
    return Fault("slow body", delivery="slow", pause_s=pause_s)


def invalid_json() -> Fault:
    """200 with a body that is no JSON; billed."""
    return Fault("invalid JSON", body=b'{"id": "x", "choices": [{"index": 0, "mess')


def wrong_content_type() -> Fault:
    """200 with a page of HTML, as a proxy gives; billed or not, nobody knows."""
    return Fault("wrong content type", headers={"Content-Type": "text/html"}, body=b"<html><body>Gateway</body></html>")


def empty_choices() -> Fault:
    """200 with no choice; billed."""
    return Fault("empty choices", change=lambda answer: answer | {"choices": []})


def null_content() -> Fault:
    """200 with a choice whose content is null; billed."""

    def change(answer: dict[str, Any]) -> dict[str, Any]:
        answer["choices"][0]["message"]["content"] = None
        return answer

    return Fault("null content", change=change)


def no_usage() -> Fault:
    """A good answer that does not say how many tokens it took."""
    return Fault("no usage", change=lambda answer: {name: each for name, each in answer.items() if name != "usage"})


def http_date(in_s: float) -> str:
    """The HTTP date so many seconds from now, for `too_many`; its grain is one second."""
    return formatdate(time.time() + in_s, usegmt=True)
