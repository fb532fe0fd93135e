"""One attempt at one LLM call through litellm, and what a token costs: the only place that imports litellm.

Flows in: messages and parameters. Flows out: a `Reply`, or a `Trouble` that says what kind it is. Retrying, waiting,
money and storing are `asking.py`'s business. litellm is imported when a price or the first answer is wanted (1.8 s);
its price list is read from the package, never fetched; the keys it reads stand in the environment and are cut out of
every message. The one process-wide switch that is touched, `suppress_debug_info`, is put back by `Provider.quiet`.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from insgen.config.settings import Llm
from insgen.errors import ConfigError
from insgen.models.trouble import Trouble, trouble_of

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


@dataclass(frozen=True)
class Price:
    """USD per token."""

    prompt: float
    completion: float


class Provider:
    """One model behind one address and key.

    :param utc: seconds since 1970, to understand the dates a service sends.
    """

    def __init__(self, settings: Llm, utc: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._utc = utc
        self._foreign: frozenset[str] | None = None

    @property
    def model(self) -> str:
        """The LiteLLM id."""
        return self._settings.model

    def price(self) -> Price:
        """What the config states, else what litellm's list knows.

        :raises ConfigError: neither knows it, or the config states half of it: a cost is never taken for zero.
        """
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
            known = {}
        prompt, completion = known.get("input_cost_per_token"), known.get("output_cost_per_token")
        if prompt is None or completion is None:
            raise ConfigError(
                f'No price is known for the model "{self.model}", so its costs could not be counted.\n'
                "  Expected a model of litellm's price list, or prices in the config.\n"
                "  Add input_usd_per_million and output_usd_per_million to [llm] (0 for a model of your own)."
            )
        return Price(float(prompt), float(completion))

    def missing_keys(self) -> list[str]:
        """Names of environment variables that the model's service needs and that are not set; never their values.

        :returns: empty for a server behind ``api_base``, which may need none, and for a service litellm knows no
            variable of.
        """
        if self._settings.api_base:
            return []
        return [str(name) for name in _litellm().validate_environment(self.model)["missing_keys"]]

    def structured_output(self) -> bool:
        """Whether litellm's list says that the model can be held to a JSON schema; False when it does not know it."""
        return bool(_litellm().supports_response_schema(self.model))

    @contextmanager
    def ready(self) -> Iterator[None]:
        """Import everything the first attempt needs before any clock runs, and keep litellm quiet meanwhile.

        :raises ConfigError: litellm knows no provider for the model's name.
        """
        litellm: Any = _litellm()  # a module, one of whose names is set below
        importlib.import_module("openai.resources")  # litellm's client loads 450 modules at its first use: 2 s
        try:
            litellm.get_llm_provider(self.model, api_base=self._settings.api_base or None)
        except litellm.BadRequestError:
            raise ConfigError(
                f'litellm knows no provider for the model "{self.model}".\n'
                '  Expected "<provider>/<model>", for example "openai/gpt-4.1-mini" or "ollama/llama3.1".\n'
                '  Change [llm] model; for an OpenAI-compatible server of your own use "openai/<its name>".'
            ) from None
        if self._foreign is None:
            self._foreign = frozenset(litellm.in_memory_llm_clients_cache.cache_dict)
        with self.quiet():
            yield

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Keep litellm from printing on stdout, in the middle of --json, when calls fail or are broken off."""
        litellm: Any = _litellm()
        before = litellm.suppress_debug_info
        litellm.suppress_debug_info = True  # changes nothing else
        try:
            yield
        finally:
            litellm.suppress_debug_info = before

    async def complete(
        self, messages: Sequence[Mapping[str, str]], params: Mapping[str, Any], timeout_s: float
    ) -> Reply:
        """Make one attempt, inside `ready`.

        :param timeout_s: longest wait, in seconds, for the whole answer.
        :raises Trouble: there is no usable answer.
        """
        litellm = _litellm()
        try:
            async with asyncio.timeout(timeout_s):
                raw = await litellm.acompletion(
                    model=self.model,
                    messages=list(messages),
                    timeout=self._settings.attempt_timeout_s,  # another number would be another client and connection
                    max_retries=0,  # both are needed: without them the client underneath retries unseen
                    num_retries=0,
                    **self._address(),
                    **params,
                )
        except TimeoutError:
            raise Trouble("lost", f"no answer within {timeout_s:.0f} s") from None
        except Exception as error:  # noqa: BLE001 - sorted by trouble_of; chaining would show the request's headers
            raise trouble_of(litellm, error, self.model, self._utc()) from None
        return _reply(raw)

    async def close(self) -> None:
        """Close the connections that this provider's attempts opened; litellm would keep them till the process ends."""
        if self._foreign is None:
            return
        cache = _litellm().in_memory_llm_clients_cache
        for key in set(cache.cache_dict) - self._foreign:
            client = cache.cache_dict[key]
            cache.delete_cache(key)
            closing = client.close() if hasattr(client, "close") else None
            if inspect.isawaitable(closing):
                await closing

    def _address(self) -> dict[str, str]:
        if not self._settings.api_base:
            return {}
        key = os.environ.get("OPENAI_API_KEY", "") if self.model.startswith("openai/") else ""
        return {"api_base": self._settings.api_base} | (
            {"api_key": key or _NO_KEY} if self.model.startswith("openai/") else {}
        )


def _litellm() -> ModuleType:
    """Import litellm without letting it look at the network."""
    name = "LITELLM_LOCAL_MODEL_COST_MAP"
    before = os.environ.get(name)
    os.environ[name] = "True"
    try:
        import litellm
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
    return litellm


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
