"""Reads a judge's grades: a JSON object, else lines such as "Quality: 4/5" or "Score: 4".

Any text in, no exception. What cannot be read is left out; nothing is guessed. A judge thinks aloud and then decides,
so of several objects, or several lines of one name, the last counts.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

DIMENSIONS = ("quality", "complexity", "helpfulness")
OVERALL = "overall"

_OVERALL_NAMES = ("overall", "score", "rating", "grade")
_NUMBER = r"(-?\d{1,6}(?:\.\d{1,6})?)(?![\d.]*\d)"
_GRADE = re.compile(rf"\s*{_NUMBER}\s*(?:/\s*\d+|out of \d+)?\s*", re.IGNORECASE)
_LINE = re.compile(
    rf"\b({'|'.join((*DIMENSIONS, *_OVERALL_NAMES))})\b[\"'*_\]]{{0,4}}(?: score| rating)?\s*(?:[:=]|\bis\b)"
    rf"[ \t\"'*_\[(]{{0,8}}{_NUMBER}",
    re.IGNORECASE,
)
_RATING = re.compile(rf"\[\[\s*{_NUMBER}\s*\]\]")
_MAX_OBJECTS = 200  # braces tried; enough for any judge, and a wall against texts made of braces
_REASON_CHARS = 400


def read_grades(text: str, *, cut: bool = False) -> tuple[dict[str, float], str]:
    """Read grades and reason.

    :param cut: the text ends too early: a number at its very end may lack digits, so only whole objects count.
    :returns: grade by dimension, or ``overall`` alone where only that was given; empty when none can be read; and the
        reason on one line, empty when there is none.
    """
    for found in reversed(list(_objects(text))):
        grades = _of_object(found)
        if grades:
            return grades, _one_line(_reason(found))
    if cut:
        return {}, ""
    named = {name.lower(): float(number) for name, number in _LINE.findall(text)}
    bracketed = _RATING.findall(text)
    if bracketed:
        named["rating"] = float(bracketed[-1])
    return _sorted(named), _one_line(text)


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """Every JSON object in a text that is not inside another, in order."""
    decoder, at = json.JSONDecoder(), 0
    for _ in range(_MAX_OBJECTS):
        at = text.find("{", at)
        if at < 0:
            return
        try:
            found, at = decoder.raw_decode(text, at)
        except (json.JSONDecodeError, RecursionError, ValueError):
            at += 1
            continue
        yield found


def _of_object(found: Mapping[str, Any]) -> dict[str, float]:
    named: dict[str, float] = {}
    for key, value in found.items():
        if isinstance(value, Mapping):  # {"quality": {"reason": "...", "score": 4}}
            inner = [value[each] for each in value if each.lower() in _OVERALL_NAMES]
            value = inner[0] if len(inner) == 1 else None
        grade = _grade(value)
        if grade is not None:
            named[key.strip().lower()] = grade
    return _sorted(named)


def _grade(value: object) -> float | None:
    """Read one grade: a number, or a text such as "4" and "4/5"."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value) if abs(value) < 1e6 and math.isfinite(value) else None
    whole = _GRADE.fullmatch(value) if isinstance(value, str) else None
    return float(whole[1]) if whole else None


def _sorted(named: Mapping[str, float]) -> dict[str, float]:
    """The dimensions in their order; where there is none of them, one overall grade."""
    grades = {name: named[name] for name in DIMENSIONS if name in named}
    if grades:
        return grades
    overall = [named[name] for name in _OVERALL_NAMES if name in named]
    return {OVERALL: overall[0]} if overall else {}


def _reason(found: Mapping[str, Any]) -> str:
    """The reason, or the reasons of the dimensions one after the other."""
    told = [value for key, value in found.items() if isinstance(value, str) and "reason" in key.lower()]
    for key, value in found.items():
        if isinstance(value, Mapping):
            told += [
                f"{key}: {each}" for name, each in value.items() if isinstance(each, str) and "reason" in name.lower()
            ]
    return "; ".join(told)


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _REASON_CHARS else line[: _REASON_CHARS - 1] + "…"
