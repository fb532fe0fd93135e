"""Parsers `json` and `json_tasks`: a list of objects with instruction, input and output, in JSON as models write it.

Accepted: a list, an object that holds one, or a single object; in a Markdown fence, with text around it, with trailing
commas, single quotes or an unfinished end. Each object's fields go by the names instruction / task / question /
prompt, input / context, and output / answer / response. A list of plain texts is a list of instructions.

Well-formed JSON is read by the standard library; only what it refuses goes to the library ``json_repair``. A repair
can guess wrong, so what comes out of one is taken only where every field has a name from above; of a text that does
not close what it opened the last object is lost, and only it. Costs microseconds for well-formed answers.

For `json` an object without an answer is an instruction still to be answered, unless the request names a source: then
the answer had to come out of that source and cannot be bought elsewhere. For `json_tasks` every object has to be a
whole task: one without an answer is left out and counted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from insgen import Candidate, Parsed, Parser, Response, hookimpl

from ._answers import CUT, in_order, nothing, origin_of, was_cut

_NO_JSON = "no JSON"
_NO_LIST = "JSON without a list of tasks"
_NO_OBJECT = "JSON item is no object"
_NO_INSTRUCTION = "JSON item lacks its instruction"
_NO_OUTPUT = "JSON item lacks its answer"
_NO_TEXT = "JSON field is no text"
_ODD_FIELDS = "repaired JSON item has unknown fields"

_INSTRUCTION = ("instruction", "task", "question", "prompt")
_INPUT = ("input", "context")
_OUTPUT = ("output", "answer", "response")
_FENCE = r"(?si)```(?:json[c5l]?)?[ \t]*\n(.*?)(?:\n[ \t]*```|\Z)"
_MOST_OPEN = 30  # brackets that a text may leave open: repairing thousands of them takes minutes
_BEGINNINGS = 20  # tries at an object or list before the text goes to repair
_FAILS = (ValueError, RecursionError)  # RecursionError: some thousand opening brackets in a row


@dataclass(frozen=True)
class JsonParser:
    """Reads objects out of JSON, mended where it has to be; has no options."""

    name: ClassVar[str] = "json"

    def parse(self, response: Response) -> Parsed:
        """Give one candidate per object; of a cut answer the last object is lost, and only it."""
        return _parsed(response, whole=bool(response.request.source))


@dataclass(frozen=True)
class JsonTasksParser:
    """Reads objects that have an answer out of JSON; has no options."""

    name: ClassVar[str] = "json_tasks"

    def parse(self, response: Response) -> Parsed:
        """Give one candidate per whole task; of a cut answer the last object is lost, and only it."""
        return _parsed(response, whole=True)


def _parsed(response: Response, whole: bool) -> Parsed:
    """Read an answer.

    :param whole: an object without an answer is none.
    """
    text = response.text.strip()
    value = _strict(text)
    repaired = value is None
    if repaired:
        value = _repaired(text)
    found = _list_in(value)
    if not found:
        return nothing(response, _NO_LIST if re.search(r"[\[{]", text) else _NO_JSON)
    candidates: list[Candidate] = []
    reasons: list[tuple[int, str]] = []
    cut = repaired and (was_cut(response) or _is_open(text))
    for place, item in enumerate(found, start=1):
        read = CUT if cut and place == len(found) else _fields(item, repaired, whole)
        if isinstance(read, str):
            reasons.append((place, read))
            continue
        candidate = Candidate(*read, origin=origin_of(response))
        if not candidate.instruction or (whole and not candidate.output):  # nothing but control characters
            reasons.append((place, _NO_OUTPUT if candidate.instruction else _NO_INSTRUCTION))
        else:
            candidates.append(candidate)
    return Parsed(tuple(candidates), in_order(response, reasons))


def _strict(text: str) -> object:
    """Read well-formed JSON: the whole text, a fence, or the first object or list in it, else ``None``."""
    for piece in (text, *(match[1] for match in re.finditer(_FENCE, text))):
        try:
            value: object = json.loads(piece)
        except _FAILS:
            continue
        if _list_in(value) is not None:
            return value
    decoder = json.JSONDecoder()
    for start in _beginnings(text):
        try:
            value, _ = decoder.raw_decode(text, start)
        except _FAILS:
            return None  # the first that opens is not whole: what is whole further in would be a part of it
        if _list_in(value) is not None:
            return value
    return None


def _beginnings(text: str) -> Iterator[int]:
    """Where an object, or a list of objects or texts, begins; "[1]" in running text is none."""
    for number, match in enumerate(re.finditer(r'\{\s*"|\[\s*[{"]', text)):
        if number == _BEGINNINGS:
            return
        yield match.start()


def _repaired(text: str) -> object:
    """Have the library mend the text from the first bracket on; ``None`` when nothing with a list comes out."""
    import json_repair

    fence = re.search(_FENCE, text)
    body = fence[1] if fence else text
    start = re.search(r"[\[{]\s*[\[{'\"]", body)
    unclosed = sum(map(body.count, "[{")) - sum(map(body.count, "]}"))
    if start is None or unclosed > _MOST_OPEN:
        return None
    try:
        value: object = json_repair.loads(body[start.start() :], skip_json_loads=True)
    except _FAILS:
        return None
    return value if _list_in(value) is not None else None


def _list_in(value: object) -> Sequence[object] | None:
    """Find the list of tasks: the value, the only list of an object, or a list of the object itself."""
    if isinstance(value, list):
        # A repair wraps in a list what had text behind it.
        inner = next((found for each in value if (found := _wrapped(each)) is not None), None)
        return inner if inner is not None else value
    if isinstance(value, dict):
        wrapped = _wrapped(value)
        return wrapped if wrapped is not None else [value] if _has(value, _INSTRUCTION) else None
    return None


def _wrapped(value: object) -> Sequence[object] | None:
    if not isinstance(value, dict) or _has(value, _INSTRUCTION):
        return None
    lists = [each for each in value.values() if isinstance(each, list)]
    return lists[0] if len(lists) == 1 else None


def _has(item: Mapping[str, object], names: Sequence[str]) -> bool:
    return any(_plain(key) in names for key in item)


def _plain(key: object) -> str:
    return str(key).strip().lower()


def _fields(item: object, repaired: bool, whole: bool) -> tuple[str, str, str] | str:
    """Read one object, or say why it is none.

    :param whole: the answer had to come with the instruction.
    """
    if isinstance(item, str):
        return _NO_OUTPUT if whole else (item, "", "")
    if not isinstance(item, dict):
        return _NO_OBJECT
    fields = {_plain(key): value for key, value in item.items()}
    if repaired and not set(fields) <= {*_INSTRUCTION, *_INPUT, *_OUTPUT}:
        return _ODD_FIELDS
    texts = [_text(fields, names) for names in (_INSTRUCTION, _INPUT, _OUTPUT)]
    instruction, input_, output = texts
    if instruction is None or input_ is None or output is None:
        return _NO_TEXT
    if not instruction.strip():
        return _NO_INSTRUCTION
    if not output.strip() and (whole or _has(fields, _OUTPUT)):
        return _NO_OUTPUT
    return instruction, "" if input_.strip().lower() == "<noinput>" else input_, output


def _text(fields: Mapping[str, object], names: Sequence[str]) -> str | None:
    """The first of the names that there is, as text; empty when there is none, ``None`` when it is no text."""
    value = next((fields[name] for name in names if name in fields), "")
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


def _is_open(text: str) -> bool:
    """Whether a text opens more brackets than it closes, not counting those inside texts."""
    depth, quoted, escaped = 0, False, False
    for sign in text:
        if escaped:
            escaped = False
        elif sign == "\\":
            escaped = quoted
        elif sign == '"':
            quoted = not quoted
        elif not quoted:
            depth += (sign in "[{") - (sign in "]}")
    return depth > 0 or quoted


@hookimpl
def insgen_parsers() -> Sequence[type[Parser]]:
    """Offer `json` and `json_tasks`."""
    return [JsonParser, JsonTasksParser]
