"""From a question to proposals: what generators ask, what the LLM says, and what is read out of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from insgen.records.candidates import Candidate, Turn
from insgen.records.texts import clean_text, shown_name


@dataclass(frozen=True)
class Request:
    """One question to an LLM.

    :ivar messages: role/content pairs in order.
    :ivar format: the name of the parser that reads the answer.
    :ivar params: decoding parameters by their LiteLLM names (``temperature``, ``max_tokens``, ``stop`` ...).
    :ivar seed_ids: the seeds that stand in the prompt.
    :ivar prompt_hash: content id of the prompt file it was rendered from.
    :ivar source: what the prompt shows and the candidates will come from (``docs/a.md``), where it is not the LLM
        alone.
    :ivar licence: the licence of that source; empty when unknown.
    """

    messages: tuple[Turn, ...]
    format: str
    params: Mapping[str, Any] = field(default_factory=dict)
    seed_ids: tuple[str, ...] = ()
    prompt_hash: str = ""
    source: str = ""
    licence: str = ""


@dataclass(frozen=True)
class Response:
    """What the LLM said to one request, committed to the store before anyone reads it.

    :ivar call_id: the key of its row in ``calls``.
    :ivar text: the raw answer.
    :ivar finish_reason: ``stop``, ``length`` (truncated: the last item is suspect), the provider's word, or why
        there is no answer: ``budget`` (a cap was reached, nothing was sent), ``filtered`` (refused by the service),
        ``error``.
    :ivar cost_usd: what it cost; ``None`` when the provider and the config state no price.
    :ivar logprobs: JSON text, token -> log-probability of the first answer token's alternatives; where asked for and
        given.
    :ivar error: why there is no answer; empty when there is one.
    :ivar model: the LiteLLM id of the model that was asked.
    """

    call_id: str
    request: Request
    text: str
    finish_reason: str
    cost_usd: float | None = None
    logprobs: str | None = None
    error: str = ""
    model: str = ""


@dataclass(frozen=True)
class Unreadable:
    """A row of a source, or a part of an answer, that could not be read as a candidate.

    :ivar source: the file, data set or call, as in `Origin`.
    :ivar line: line or row in it, counted from 1; ``None`` when unknown.
    :ivar reason: what is wrong with it, one sentence; cleaned, for it may quote the row.
    """

    source: str
    line: int | None
    reason: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "source", shown_name(self.source))
        object.__setattr__(self, "reason", clean_text(self.reason))


@dataclass(frozen=True)
class Generated:
    """What a generator gives for one round.

    :ivar candidates: ready candidates, in a reproducible order.
    :ivar requests: questions to ask the LLM; their answers go to the parsers.
    :ivar position: where to go on in the next round; opaque to everybody else, stored with the round.
    :ivar exhausted: nothing more will ever come.
    :ivar unreadable: what could not be read on the way.
    :ivar position_without: gives the position instead where requests (by their places, from 0) were not sent because
        the budget is spent, so that they are asked later; ``exhausted`` is then no longer so. ``None``: they are lost.
    """

    candidates: tuple[Candidate, ...] = ()
    requests: tuple[Request, ...] = ()
    position: str = ""
    exhausted: bool = False
    unreadable: tuple[Unreadable, ...] = ()
    position_without: Callable[[Sequence[int]], str] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Parsed:
    """What a parser read from one response.

    :ivar candidates: in order of appearance.
    :ivar unreadable: the parts that were no candidate, each with its reason.
    """

    candidates: tuple[Candidate, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
