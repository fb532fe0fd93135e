"""Why an attempt at an LLM call brought no answer: litellm's exceptions, sorted by what to do next.

Flows in: an exception. Flows out: a `Trouble`, without secrets. What is then done is `line.py`'s business.
"""

from __future__ import annotations

import os
import re
from types import ModuleType
from typing import Literal

from insgen.models.pace import retry_after_s

Kind = Literal["rate limit", "overload", "transient", "lost", "context", "filtered", "refused", "permanent"]
_SECRET_NAME = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD)")
_SECRET_SHAPE = re.compile(r"\b(sk|pk|gsk|xai|key)-[A-Za-z0-9_\-]{6,}")
_REFUSED = (405, 406, 410, 411, 413, 415, 422, 451)  # nothing was made, and asking again would not help


class Trouble(Exception):  # noqa: N818 - not an error of the program: it says what to do next
    """Why an attempt brought no answer.

    ``rate limit`` uses up no attempt; ``overload`` and ``transient`` were not billed; ``lost`` may have been
    (time-out, broken connection, unreadable body); ``context`` means that the request is too long; ``filtered`` that
    the service refuses this content; ``refused`` that it refuses this request, whatever the reason; ``permanent``
    that it will refuse all others too.

    :ivar pause_s: the service asks to be left alone for so long.
    :ivar cure: what to do about a permanent one.
    """

    def __init__(self, kind: Kind, message: str, pause_s: float = 0.0, cure: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.pause_s = pause_s
        self.cure = cure


def trouble_of(litellm: ModuleType, error: Exception, model: str, now_utc: float) -> Trouble:
    """Sort an exception of litellm's.

    :param now_utc: seconds since 1970, to understand the dates a service sends.
    """
    message = redact(f"{type(error).__name__}: {error}".replace("\n", " "))[:500]
    headers = _headers(error)
    pause, status = retry_after_s(headers, now_utc), getattr(error, "status_code", None)
    if isinstance(error, litellm.ContextWindowExceededError):
        return Trouble("context", message)
    if isinstance(error, litellm.ContentPolicyViolationError):
        return Trouble("filtered", message)
    if status == 402 or "insufficient_quota" in message or "exceeded your current quota" in message:
        return Trouble("permanent", message, cure="The account is empty: top it up, then call `insgen run` again.")
    if isinstance(error, litellm.RateLimitError):
        return Trouble("rate limit", message, pause if pause is not None else 1.0)
    if isinstance(error, litellm.ServiceUnavailableError) or status in (503, 529):
        return Trouble("overload", message, pause or 0.0)
    if isinstance(error, litellm.AuthenticationError) or status == 403:  # litellm makes a bare APIError of most 403s
        return Trouble("permanent", message, cure=_key_cure(litellm, model))
    if isinstance(error, litellm.NotFoundError):
        return Trouble("permanent", message, cure="Change [llm] model or api_base: there is no such model.")
    if isinstance(error, litellm.BadRequestError) or status in _REFUSED:
        return Trouble("refused", message)
    if headers and status in (409, 500, 502):
        return Trouble("transient", message)  # litellm says 500 of a broken connection too, but then without headers
    return Trouble("lost", message)


def _key_cure(litellm: ModuleType, model: str) -> str:
    """Name the environment variable that holds the key, where litellm knows it."""
    try:
        provider = litellm.get_llm_provider(model)[1]
    except litellm.BadRequestError:
        provider = ""
    named = f"{provider.upper()}_API_KEY" if provider else "the provider's variable"
    return f"Put a valid key into the environment ({named}); keys never stand in insgen.toml."


def _headers(error: Exception) -> dict[str, str]:
    found: dict[str, str] = {}
    for holder in (
        getattr(error, "litellm_response_headers", None),
        getattr(getattr(error, "response", None), "headers", None),
    ):
        if holder:
            found |= {str(name).lower(): str(value) for name, value in dict(holder).items()}
    return found


def redact(text: str) -> str:
    """Cut every secret of the environment, and whatever has the shape of a key, out of a text."""
    for name, value in os.environ.items():
        if len(value) >= 6 and _SECRET_NAME.search(name):
            text = text.replace(value, "[secret]")
    return _SECRET_SHAPE.sub("[secret]", text)
