"""One attempt at one LLM call through litellm, and what a token costs: the only place that touches litellm.

Flows in: messages and parameters. Flows out: a `Reply`, or a `Trouble` that says what kind it is. Retrying, waiting,
money and storing are `asking.py`'s business. litellm is imported at the first call (1.8 s); its price list is read
from the package, never fetched; the keys it reads stand in the environment and are cut out of every message.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

from insgen.config.settings import Llm
from insgen.errors import ConfigError
from insgen.models.pace import retry_after_s

Kind = Literal["rate limit", "overload", "transient", "lost", "context", "filtered", "permanent"]
_SECRET_NAME = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD)")
_SECRET_SHAPE = re.compile(r"\b(sk|pk|gsk|xai|key)-[A-Za-z0-9_\-]{6,}")
_NO_KEY = "not-needed"  # a local server asks for no key, but the client insists on sending one


@dataclass(frozen=True)
class Reply:
    """What came back.

    :ivar prompt_tokens: as the service counted them; ``None`` when it did not say.
    :ivar logprobs: JSON text, token -> log-probability of the first answer token's alternatives; where asked for.
    """

    text: str
    finish_reason: str
    prompt_tokens: int | None
    completion_tokens: int | None
    logprobs: str | None = None


class Trouble(Exception):  # noqa: N818 - not an error of the program: it says what to do next
    """Why an attempt brought no answer.

    ``rate limit`` uses up no attempt; ``overload`` and ``transient`` were not billed; ``lost`` may have been
    (time-out, broken connection, unreadable body); ``context`` means that the request is too long; ``filtered`` that
    the service refuses this content; ``permanent`` that no repetition will help.
    """

    def __init__(self, kind: Kind, message: str, pause_s: float = 0.0) -> None:
        super().__init__(message)
        self.kind = kind
        self.pause_s = pause_s


@dataclass(frozen=True)
class Price:
    """USD per token."""

    prompt: float
    completion: float


class Provider:
    """One model behind one address and key."""

    def __init__(self, settings: Llm) -> None:
        self._settings = settings

    @property
    def model(self) -> str:
        """The LiteLLM id."""
        return self._settings.model

    def price(self) -> Price | None:
        """What the config states, else what litellm's list knows; ``None`` when neither does."""
        stated = (self._settings.input_usd_per_million, self._settings.output_usd_per_million)
        if min(stated) >= 0:
            return Price(stated[0] / 1e6, stated[1] / 1e6)
        if max(stated) >= 0:
            raise ConfigError(
                "[llm] states only one of input_usd_per_million and output_usd_per_million.\n"
                "  Expected both, in USD per million tokens.\n  Add the other one."
            )
        try:
            known = _litellm().get_model_info(self.model)
        except Exception:  # noqa: BLE001 - litellm raises a bare Exception for a model it does not know
            return None
        prompt, completion = known.get("input_cost_per_token"), known.get("output_cost_per_token")
        return None if prompt is None or completion is None else Price(float(prompt), float(completion))

    async def complete(
        self, messages: Sequence[Mapping[str, str]], params: Mapping[str, Any], timeout_s: float
    ) -> Reply:
        """Make one attempt.

        :param timeout_s: longest wait, in seconds, for the whole answer.
        :raises Trouble: there is no usable answer.
        """
        litellm = _litellm()
        try:
            raw = await asyncio.wait_for(
                litellm.acompletion(
                    model=self.model,
                    messages=list(messages),
                    timeout=timeout_s,
                    max_retries=0,  # both are needed: without them the client underneath retries unseen
                    num_retries=0,
                    **self._address(),
                    **params,
                ),
                timeout_s,
            )
        except TimeoutError:
            raise Trouble("lost", f"no answer within {timeout_s:.0f} s") from None
        except Exception as error:  # noqa: BLE001 - sorted by _trouble; chaining would show the request's headers
            raise _trouble(litellm, error) from None
        return _reply(raw)

    def _address(self) -> dict[str, str]:
        if not self._settings.api_base:
            return {}
        key = os.environ.get("OPENAI_API_KEY", "") if self.model.startswith("openai/") else ""
        return {"api_base": self._settings.api_base} | (
            {"api_key": key or _NO_KEY} if self.model.startswith("openai/") else {}
        )


def redact(text: str) -> str:
    """Cut every secret of the environment, and whatever has the shape of a key, out of a text."""
    for name, value in os.environ.items():
        if len(value) >= 6 and _SECRET_NAME.search(name):
            text = text.replace(value, "[secret]")
    return _SECRET_SHAPE.sub("[secret]", text)


def _litellm() -> ModuleType:
    """Import litellm without letting it look at the network."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    import litellm

    litellm.suppress_debug_info = True  # else it prints on stdout, in the middle of --json; changes nothing else
    return litellm


def _trouble(litellm: ModuleType, error: Exception) -> Trouble:
    """Sort an exception of litellm's."""
    message = redact(f"{type(error).__name__}: {error}".replace("\n", " "))[:500]
    headers = _headers(error)
    pause = retry_after_s(headers, time.time())
    status = getattr(error, "status_code", None)
    if isinstance(error, litellm.ContextWindowExceededError):
        return Trouble("context", message)
    if isinstance(error, litellm.ContentPolicyViolationError):
        return Trouble("filtered", message)
    if isinstance(error, litellm.RateLimitError):
        if "insufficient_quota" in message or "exceeded your current quota" in message:
            return Trouble("permanent", message)
        return Trouble("rate limit", message, pause if pause is not None else 1.0)
    if isinstance(error, litellm.ServiceUnavailableError) or status in (503, 529):
        return Trouble("overload", message, pause or 0.0)
    permanent = (
        litellm.AuthenticationError,
        litellm.PermissionDeniedError,
        litellm.NotFoundError,
        litellm.BadRequestError,
        litellm.UnprocessableEntityError,
    )
    if isinstance(error, permanent):
        return Trouble("permanent", message)
    if isinstance(error, litellm.Timeout | litellm.APIConnectionError):
        return Trouble("lost", message)
    if isinstance(error, litellm.InternalServerError) and _names_a_status(message):
        return Trouble("transient", message)
    return Trouble("lost", message)


def _names_a_status(message: str) -> bool:
    """Whether a server error came as an HTTP status, not as a connection that broke in the middle of an answer."""
    return bool(re.search(r"\b(500|502|504)\b", message))


def _headers(error: Exception) -> dict[str, str]:
    found: dict[str, str] = {}
    for holder in (
        getattr(error, "litellm_response_headers", None),
        getattr(getattr(error, "response", None), "headers", None),
    ):
        if holder:
            found |= {str(name).lower(): str(value) for name, value in dict(holder).items()}
    return found


def _reply(raw: Any) -> Reply:
    choices = getattr(raw, "choices", None) or []
    usage = getattr(raw, "usage", None)
    prompt, completion = getattr(usage, "prompt_tokens", None), getattr(usage, "completion_tokens", None)
    if not choices:
        raise Trouble("lost", "the answer has no choices")
    text = choices[0].message.content
    known = bool(prompt)  # litellm fills in 0 where the service sent no usage; a prompt is never empty
    return Reply(
        text if isinstance(text, str) else "",
        choices[0].finish_reason or "stop",
        int(prompt) if known and prompt is not None else None,
        int(completion or 0) if known else None,
        _logprobs(choices[0]),
    )


def _logprobs(choice: Any) -> str | None:
    content = getattr(getattr(choice, "logprobs", None), "content", None)
    if not content:
        return None
    return json.dumps({each.token: each.logprob for each in content[0].top_logprobs or []})
