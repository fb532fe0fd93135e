"""Whether the fields of a record hold what their annotations say, so that they can be stored as they are.

Flows in: a record that a plugin made. Flows out: what is wrong with it, in words. Python does not check annotations,
SQLite cannot store NumPy's numbers or a lone surrogate, and NaN would pass for a number: better to name the plugin.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields
from functools import cache
from typing import Any

from insgen.records import TrainingStep


def flaw(record: Any) -> str:
    """Say which field is wrong and what was expected; empty when all is well.

    :param record: one of `insgen.records`, whose annotations are texts.
    """
    for name, optional, check, expected in _checks(record.__class__):
        value = getattr(record, name)
        if not (check(value) or (optional and value is None)):
            return f"{type(record).__name__}.{name} = {value!r:.80}, expected {expected}"
    return ""


def step_flaw(step: TrainingStep) -> str:
    """Say what is wrong with the values of a step whose fields are of the right kinds; empty when all is well."""
    for name, least in (("step", 1), ("round", 0), ("time", 0), ("grad_norm", 0), ("max_grad_norm", 0), ("lr", 0)):
        value = getattr(step, name)
        if value is not None and value < least:
            return f"{name} = {value!r}, expected at least {least}"
    if not isinstance(step.items, tuple) or not all(_are_texts(micro) for micro in step.items):
        return f"items = {step.items!r:.80}, expected a tuple of tuples of ids"
    if not all(is_text(id_) and is_number(loss) for id_, loss in step.item_loss.items()):
        return f"item_loss = {step.item_loss!r:.80}, expected finite numbers by id"
    return "" if step.run_id else "an empty run_id"


def is_text(value: object) -> bool:
    """Whether it is a text with a UTF-8 form; a lone surrogate (from a file's name, say) has none."""
    if not isinstance(value, str):
        return False
    try:
        return value.isascii() or bool(value.encode())
    except UnicodeEncodeError:
        return False


def is_number(value: object) -> bool:
    """Whether it is a finite number of Python's own; NumPy's float64 is one, its float32 is not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63


def _is_bool(value: object) -> bool:
    return type(value).__name__ == "bool"  # NumPy's has the same name, and comes of comparing its numbers


def _are_texts(value: object) -> bool:
    return isinstance(value, tuple) and all(is_text(each) for each in value)


_CHECKS: dict[str, tuple[Callable[[object], bool], str]] = {
    "str": (is_text, "text"),
    "CandidateId": (is_text, "a candidate's id"),
    "float": (is_number, "a finite int or float"),
    "int": (_is_whole, "an int"),
    "bool": (_is_bool, "a bool"),
    "tuple[str, ...]": (_are_texts, "a tuple of texts"),
}
"""Annotation -> whether a value is of it, and what to call it; other annotations are checked where they matter."""


@cache
def _checks(kind: type) -> list[tuple[str, bool, Callable[[object], bool], str]]:
    """Field name, whether it may be None, its check, and what to call what was expected."""
    found = []
    for field in fields(kind):
        plain = str(field.type).removesuffix(" | None")
        if plain in _CHECKS:
            found.append((field.name, plain != field.type, *_CHECKS[plain]))
    return found
