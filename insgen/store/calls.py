"""LLM calls: reserved before they are sent, committed when they arrive, settled with what they cost.

A row's life: `reserve` (worst case), perhaps `lose` (an attempt that may have been billed and brought nothing) and
`reserve` again, then `settle` or `fail`. A reservation that a killed process left behind counts as lost: it may have
been billed.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class CallKey:
    """What makes a call itself; the same question may be asked twice in a round and answered twice.

    :ivar id: content id over all the rest.
    :ivar params: decoding parameters, as sent.
    :ivar messages: role and content, in order.
    :ivar seed_ids: the seeds in its prompt, for the record; no part of the id.
    """

    id: str
    round: int
    stage: str
    ordinal: int
    model: str
    params: Mapping[str, Any]
    messages: tuple[tuple[str, str], ...]
    prompt_hash: str
    seed_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reserve:
    """The most a call can cost."""

    usd: float
    tokens: int


@dataclass(frozen=True)
class Arrived:
    """An answer as it came.

    :ivar cost_usd: ``None`` when the service did not say what it took; the reservation then stands as what it cost.
    :ivar prompt_tokens: ``None`` as for cost_usd.
    :ivar logprobs: JSON text of the first answer token's alternatives, where asked for and given.
    """

    answer: str
    finish_reason: str
    cost_usd: float | None
    prompt_tokens: int | None
    completion_tokens: int | None
    attempts: int
    duration_ms: int
    finished_utc: str
    logprobs: str | None = None


@dataclass(frozen=True)
class Spent:
    """What the project has spent or may have spent.

    :ivar usd: settled costs, plus the worst case of every attempt that may have been billed without an answer.
    :ivar calls: answers, plus every attempt that may have been billed without one.
    :ivar tokens: as usd, in tokens, prompt and answer together.
    """

    usd: float
    calls: int
    tokens: int


def stored_answer(conn: sqlite3.Connection, call_id: str) -> sqlite3.Row | tuple[Any, ...] | None:
    """The answer to a call, if it was paid for already: answer, finish reason, cost, logprobs."""
    row: tuple[Any, ...] | None = conn.execute(
        "SELECT answer, finish_reason, cost_usd, logprobs FROM calls WHERE id = ? AND answer IS NOT NULL", (call_id,)
    ).fetchone()
    return row


def reserve(conn: sqlite3.Connection, run_id: int, key: CallKey, worst: Reserve) -> None:
    """Record that a call is about to be sent, and the most it can cost."""
    conn.execute(
        "INSERT INTO calls (id, run_id, round, stage, ordinal, model, params, messages, prompt_hash, seed_ids,"
        " reserved_usd, reserved_tokens, lost_usd, lost_tokens, lost_calls, attempts)"
        " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,0,0,0,0)"
        " ON CONFLICT (id) DO UPDATE SET lost_usd = lost_usd + coalesce(reserved_usd, 0),"
        " lost_tokens = lost_tokens + coalesce(reserved_tokens, 0),"
        " lost_calls = lost_calls + (reserved_tokens IS NOT NULL), run_id = excluded.run_id, error = NULL,"
        " reserved_usd = excluded.reserved_usd, reserved_tokens = excluded.reserved_tokens",
        (
            key.id,
            run_id,
            key.round,
            key.stage,
            key.ordinal,
            key.model,
            json.dumps(dict(key.params), sort_keys=True),
            json.dumps(key.messages, ensure_ascii=False),
            key.prompt_hash,
            json.dumps(key.seed_ids),
            worst.usd,
            worst.tokens,
        ),
    )


def lose(conn: sqlite3.Connection, call_id: str, error: str) -> None:
    """Record an attempt that may have been billed and brought nothing: its reservation is counted as spent."""
    conn.execute(
        "UPDATE calls SET lost_usd = lost_usd + coalesce(reserved_usd, 0), lost_calls = lost_calls + 1,"
        " lost_tokens = lost_tokens + coalesce(reserved_tokens, 0), reserved_usd = NULL, reserved_tokens = NULL,"
        " error = ? WHERE id = ?",
        (error, call_id),
    )


def settle(conn: sqlite3.Connection, call_id: str, arrived: Arrived) -> None:
    """Record an answer and what it cost; where the service gave no usage, the reservation stands as the cost."""
    told = arrived.prompt_tokens is not None
    conn.execute(
        "UPDATE calls SET answer = ?, finish_reason = ?, cost_usd = ?, prompt_tokens = ?,"
        " completion_tokens = ?, attempts = ?,"
        " duration_ms = ?, finished_utc = ?, logprobs = ?, error = NULL,"
        " reserved_usd = CASE WHEN ? THEN NULL ELSE reserved_usd END,"
        " reserved_tokens = CASE WHEN ? THEN NULL ELSE reserved_tokens END WHERE id = ?",
        (
            arrived.answer,
            arrived.finish_reason,
            arrived.cost_usd,
            arrived.prompt_tokens,
            arrived.completion_tokens,
            arrived.attempts,
            arrived.duration_ms,
            arrived.finished_utc,
            arrived.logprobs,
            told,
            told,
            call_id,
        ),
    )


def fail(conn: sqlite3.Connection, call_id: str, error: str, attempts: int) -> None:
    """Record that a call brought no answer; its reservation is given back."""
    conn.execute(
        "UPDATE calls SET reserved_usd = NULL, reserved_tokens = NULL, error = ?, attempts = ? WHERE id = ?",
        (error, attempts, call_id),
    )


def spent(conn: sqlite3.Connection) -> Spent:
    """What was or may have been spent over the life of the project, reservations left behind included."""
    usd, n_calls, tokens = conn.execute(
        "SELECT coalesce(sum(coalesce(cost_usd, 0) + lost_usd + coalesce(reserved_usd, 0)), 0.0),"
        " coalesce(sum((answer IS NOT NULL OR reserved_tokens IS NOT NULL) + lost_calls), 0),"
        " coalesce(sum(coalesce(prompt_tokens + completion_tokens, 0) + lost_tokens + coalesce(reserved_tokens, 0)), 0)"
        " FROM calls"
    ).fetchone()
    return Spent(float(usd), int(n_calls), int(tokens))
