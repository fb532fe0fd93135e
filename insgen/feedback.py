"""The feedback contract ``insgen.feedback/1``: JSON Lines that a trainer, an evaluation or a person writes.

Flows in: a file. Flows out: `TrainingStep` and `Signal` records with the place they stood in, one at a time, so that a
file may be larger than memory. Read strictly: the first line that breaks the contract is an error with its number.
Which record of a repeated step counts, and which ids are known, is the store's business.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from insgen.errors import DataError, suggest
from insgen.records import CandidateId, Signal, TrainingStep

SCHEMA = "insgen.feedback/1"
"""What every record says it is."""

MAX_LINE_BYTES = 64 * 2**20
"""Longest line, in bytes: a step of more than a million instructions."""

GRAD_NORM_KINDS = ("pre_clip", "post_clip", "unknown")

_MAX_NAME = 500  # characters of an id, a name or a run
_STEP_EXAMPLE = '{"schema": "insgen.feedback/1", "run_id": "r", "step": 1, "items": [["b2:..."]], "time": 1.5, ...}'
_ITEM_EXAMPLE = (
    '{"schema": "insgen.feedback/1", "kind": "item", "id": "b2:...", "name": "verdict", "value": 1, "time": 1.5}'
)


@dataclass(frozen=True)
class FeedbackLine:
    """One record, and where it stood.

    :ivar line: counted from 1.
    :ivar end: the byte behind the line: an ``offset`` to go on from.
    """

    record: TrainingStep | Signal
    line: int
    end: int


def read_feedback(path: Path, offset: int = 0, line: int = 0, *, growing: bool = False) -> Iterator[FeedbackLine]:
    """Read records; blank lines are skipped.

    :param offset: the byte to begin at, the beginning of a line; ``line``: how many lines lie before it.
    :param growing: somebody may be writing: an incomplete last line is left for later instead of being an error.
    :raises DataError: a line is no record of the contract; names the line, what is wrong and what to do. Also when the
        file cannot be read.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            while raw := file.readline(MAX_LINE_BYTES + 1):
                line += 1
                offset += len(raw)
                if growing and not raw.endswith(b"\n") and len(raw) <= MAX_LINE_BYTES:
                    return
                if raw.strip():
                    yield FeedbackLine(_Line(path, line, raw).record(), line, offset)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror or error}.\n  Expected a feedback file, JSON Lines.\n"
            "  Name the file that the trainer writes."
        ) from error


def step_line(step: TrainingStep) -> str:
    """Write a step as one line of the contract, without its line end; `read_feedback` gives the same step back.

    :raises ValueError: a number is not finite.
    """
    record = {"schema": SCHEMA, "kind": "step", **vars(step), "item_loss": dict(step.item_loss) or None}
    return json.dumps(record, ensure_ascii=False, allow_nan=False)


def signal_line(signal: Signal) -> str:
    """Write a signal as one line of the contract, without its line end; `read_feedback` gives the same signal back."""
    who = {"id": signal.candidate_id} if signal.candidate_id else {"text": signal.text}
    told = {"name": signal.name, "value": signal.value, "source": signal.source, "time": signal.time}
    return json.dumps({"schema": SCHEMA, "kind": "item", **who, **told}, ensure_ascii=False, allow_nan=False)


class _UnfitError(Exception):
    """What is wrong with a record, in words."""


@dataclass(frozen=True)
class _Line:
    """One line on its way to a record."""

    path: Path
    number: int
    raw: bytes

    def record(self) -> TrainingStep | Signal:
        try:
            row = self._decoded()
            return _signal(row) if row.get("kind", "step") == "item" else _step(row)
        except _UnfitError as unfit:
            raise DataError(
                f"{self.path}, line {self.number}: {unfit}.\n"
                f"  Expected a record such as {_STEP_EXAMPLE} or {_ITEM_EXAMPLE}.\n"
                "  Mend or delete the line, then read the file again."
            ) from unfit

    def _decoded(self) -> dict[str, Any]:
        if len(self.raw) > MAX_LINE_BYTES:
            raise _UnfitError(f"longer than {MAX_LINE_BYTES:,} bytes")
        try:
            row = json.loads(self.raw.decode(), object_pairs_hook=_distinct, parse_constant=_no_constant)
        except UnicodeDecodeError as error:
            raise _UnfitError(f"not UTF-8 text ({error.reason} at byte {error.start} of the line)") from error
        except (ValueError, RecursionError) as error:
            if not self.raw.endswith(b"\n"):
                raise _UnfitError(
                    "the file ends in the middle of this record (is the trainer still writing?)"
                ) from error
            raise _UnfitError(f"no JSON ({error})") from error
        if not isinstance(row, dict):
            raise _UnfitError("a JSON value that is no object")
        if row.get("schema") != SCHEMA:
            raise _UnfitError(f'"schema" is {_shown(row.get("schema"))}, this version of insgen reads "{SCHEMA}"')
        if row.get("kind", "step") not in ("step", "item"):
            raise _UnfitError(f'"kind" is {_shown(row["kind"])}, expected "step" or "item"')
        return row


def _step(row: dict[str, Any]) -> TrainingStep:
    _only(row, _STEP_KEYS, ("run_id", "step", "items", "time"))
    items = _items(row["items"])
    return TrainingStep(
        run_id=_name(row, "run_id"),
        step=_whole(row, "step", least=1) or 0,
        items=items,
        time=_number(row, "time", least=0) or 0.0,
        round=_whole(row, "round", least=0) or 0,
        loss=_number(row, "loss"),
        grad_norm=_number(row, "grad_norm", least=0),
        grad_norm_kind=_kind(row),
        max_grad_norm=_number(row, "max_grad_norm", least=0),
        lr=_number(row, "lr", least=0),
        n_target_tokens=_whole(row, "n_target_tokens", least=0),
        trainable_params=_whole(row, "trainable_params", least=0),
        item_loss=_item_loss(row.get("item_loss"), {id_ for micro in items for id_ in micro}),
    )


def _signal(row: dict[str, Any]) -> Signal:
    _only(row, _ITEM_KEYS, ("name", "value", "time"))
    if ("id" in row) == ("text" in row):
        raise _UnfitError('expected either "id" or "text"')
    value = _number(row, "value", least=-1)
    if value is None or value > 1:
        raise _UnfitError(f'"value" is {_shown(row["value"])}, expected a number from -1 (less like this) to 1 (more)')
    source = row.get("source", "")
    if not _is_text(source):
        raise _UnfitError(f'"source" is {_shown(source)}, expected text')
    text = row.get("text", "")
    if "text" in row and not (_is_text(text) and text.strip()):
        raise _UnfitError(f'"text" is {_shown(text)}, expected the instruction')
    id_ = CandidateId(_name(row, "id") if "id" in row else "")
    return Signal(id_, _name(row, "name"), value, source, text, _number(row, "time", least=0) or 0.0)


_STEP_KEYS = (
    *("schema", "kind", "run_id", "round", "step", "items", "loss", "grad_norm", "grad_norm_kind", "max_grad_norm"),
    *("lr", "n_target_tokens", "trainable_params", "item_loss", "time"),
)
_ITEM_KEYS = ("schema", "kind", "id", "text", "name", "value", "source", "time")
_REQUIRED_NUMBERS = ("step", "time", "value")


def _only(row: Mapping[str, Any], known: Sequence[str], required: Sequence[str]) -> None:
    for key in row:
        if key not in known:
            near = suggest(key[:_MAX_NAME], known).strip()
            raise _UnfitError(f'there is no key "{key[:_MAX_NAME]}"{f" ({near})" if near else ""}')
    missing = [key for key in required if key not in row]
    if missing:
        raise _UnfitError(f'"{missing[0]}" is missing')


def _items(value: Any) -> tuple[tuple[str, ...], ...]:
    if not isinstance(value, list) or not value:
        raise _UnfitError(f'"items" is {_shown(value)}, expected a list of micro-batches, each a list of ids')
    for micro in value:
        if not isinstance(micro, list):
            raise _UnfitError(f'"items" holds {_shown(micro)}, expected lists of ids, one for each micro-batch')
        for id_ in micro:
            if not _is_name(id_):
                raise _UnfitError(f'"items" holds {_shown(id_)}, expected ids')
    return tuple(tuple(micro) for micro in value)


def _item_loss(value: Any, executed: set[str]) -> dict[str, float]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _UnfitError(f'"item_loss" is {_shown(value)}, expected an object of ids and losses, or null')
    for id_, loss in value.items():
        if id_ not in executed:
            raise _UnfitError(f'"item_loss" names {_shown(id_)}, which is not among the items')
        _number(value, id_)
        if loss is None:
            raise _UnfitError(f'"item_loss" of {_shown(id_)} is null; leave it out')
    return {id_: float(loss) for id_, loss in value.items()}


def _kind(row: Mapping[str, Any]) -> str:
    kind = row.get("grad_norm_kind", "unknown")
    if kind not in GRAD_NORM_KINDS:
        raise _UnfitError(f'"grad_norm_kind" is {_shown(kind)}, expected one of {", ".join(GRAD_NORM_KINDS)}')
    return str(kind)


def _whole(row: Mapping[str, Any], key: str, least: int) -> int | None:
    value = row.get(key)
    if value is None and key not in _REQUIRED_NUMBERS:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value < 2**63:
        raise _UnfitError(f'"{key}" is {_shown(value)}, expected a whole number of at least {least}')
    return value


def _number(row: Mapping[str, Any], key: str, least: float = -math.inf) -> float | None:
    value = row.get(key)
    if value is None and key not in _REQUIRED_NUMBERS:
        return None
    expected = "a finite number" + (f" of at least {least:g}" if math.isfinite(least) else "")
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < 1e300:
        raise _UnfitError(f'"{key}" is {_shown(value)}, expected {expected}; null where there is none')
    if value < least:
        raise _UnfitError(f'"{key}" is {_shown(value)}, expected {expected}')
    return float(value)


def _name(row: Mapping[str, Any], key: str) -> str:
    value = row[key]
    if not _is_name(value):
        raise _UnfitError(f'"{key}" is {_shown(value)}, expected a text of 1 to {_MAX_NAME} characters')
    return str(value)


def _is_name(value: Any) -> bool:
    return _is_text(value) and 0 < len(value) <= _MAX_NAME


def _is_text(value: Any) -> bool:
    """Whether it is a text that can be stored; JSON's escapes can make lone surrogates."""
    return isinstance(value, str) and (value.isascii() or not any("\ud800" <= sign <= "\udfff" for sign in value))


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) != len(pairs):
        twice = next(key for place, (key, _) in enumerate(pairs) if key in dict(pairs[:place]))
        raise _UnfitError(f'the key "{twice[:_MAX_NAME]}" stands twice in one object')
    return row


def _no_constant(name: str) -> Callable[[], None]:
    raise _UnfitError(f"it holds {name}, which is no number of JSON (write null where there is no number)")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
