"""Rows -> texts: which of the known formats a data set has, and how a row of each is read.

| format | columns |
|---|---|
| messages | ``messages``: role and content; content may be a list of text parts |
| sharegpt | ``conversations``: from and value |
| alpaca | ``instruction``, ``input`` or ``context``, ``output`` or ``response`` (the last two names are Dolly's) |
| prompt-completion | ``prompt`` or ``question``, ``input`` or ``context``, ``completion``, ``response`` or ``answer`` |
| columns | those that the config names |

Text is taken as it stands, HTML included. Numbers are written out as Python does; a missing value (null, NaN) is an
empty text. Lists and objects where text should stand make a row unreadable.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from insgen import Turn, clean_text

FORMATS = ("messages", "sharegpt", "alpaca", "prompt-completion")  #: in the order in which they are looked for

_ROLES = {
    **dict.fromkeys(("user", "human", "prompter"), "user"),
    **dict.fromkeys(("assistant", "gpt", "chatgpt", "bing", "bard", "model"), "assistant"),
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("tool", "function", "function_call", "function_response", "observation", "ipython"), "tool"),
}
# A data set with one of these, but no answer column that we know, would lose its answers unnoticed.
_OTHER_ANSWERS = frozenset(("output", "response", "completion", "answer", "answers", "chosen", "solution", "target"))
_MEDIA = ("image", "images", "audio", "audios", "video", "videos")


class UnreadableRowError(ValueError):
    """A row is no candidate; the message says why."""


class Texts(NamedTuple):
    """What a row says; instruction and the rest as in `insgen.Candidate`."""

    instruction: str
    input: str
    output: str
    turns: tuple[Turn, ...] = ()
    system: str = ""


@dataclass(frozen=True)
class Columns:
    """Which columns hold what; of several names the first that holds something counts.

    :ivar conversation: the column with a list of messages; empty for formats with one question and one answer.
    """

    instruction: tuple[str, ...] = ()
    input: tuple[str, ...] = ()
    output: tuple[str, ...] = ()
    conversation: str = ""
    system: tuple[str, ...] = ("system", "system_prompt")
    source: tuple[str, ...] = ("source",)
    licence: tuple[str, ...] = ("licence", "license")

    def names(self) -> frozenset[str]:
        """Every column that is looked at."""
        texts = (*self.instruction, *self.input, *self.output, *self.system, *self.source, *self.licence)
        return frozenset((*texts, self.conversation, *_MEDIA) if self.conversation else texts)


COLUMNS: Mapping[str, Columns] = {
    "messages": Columns(conversation="messages"),
    "sharegpt": Columns(conversation="conversations"),
    "alpaca": Columns(("instruction",), ("input", "context"), ("output", "response")),
    "prompt-completion": Columns(("prompt", "question"), ("input", "context"), ("completion", "response", "answer")),
}
EXPECTED = (
    "Expected was one of: messages; conversations; instruction with output or response; "
    "prompt with completion or response; question with answer or response."
)


def recognise(names: Collection[str]) -> str:
    """Name the format of a row by its columns; empty when it is none that is known."""
    for name in FORMATS:
        columns = COLUMNS[name]
        if columns.conversation:
            if columns.conversation in names:
                return name
        elif any(column in names for column in columns.instruction):
            answered = any(column in names for column in columns.output)
            if answered or _OTHER_ANSWERS.isdisjoint(names):
                return name
    return ""


def reader(columns: Columns) -> Callable[[Mapping[str, Any]], Texts]:
    """Give the function that reads a row; it raises `UnreadableRowError`."""
    if columns.conversation:
        return lambda row: read_conversation(row, columns)
    return lambda row: read_triple(row, columns)


def read_triple(row: Mapping[str, Any], columns: Columns) -> Texts:
    """Read a row with one question and at most one answer.

    :raises UnreadableRowError: it has no instruction, or something else than text.
    """
    instruction = _first(row, columns.instruction)
    if not instruction:
        known = " or ".join(f'"{name}"' for name in columns.instruction)
        raise UnreadableRowError(f"{known} is empty or missing")
    return Texts(instruction, _first(row, columns.input), _first(row, columns.output), (), _first(row, columns.system))


def _first(row: Mapping[str, Any], names: Sequence[str]) -> str:
    for name in names:
        value = row.get(name)
        if type(value) is str:
            if value:
                return value
        elif value is not None:  # 0 and False are texts, [] and {} are not
            return as_text(value, name)
    return ""


def as_text(value: object, name: str) -> str:
    """Turn a value into text.

    :param name: the column, for the message.
    :raises UnreadableRowError: it is a list, an object, or bytes that are no UTF-8.
    """
    if isinstance(value, str):
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool | int | float):
        return str(value)
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise UnreadableRowError(f'"{name}" is not UTF-8') from error
    raise UnreadableRowError(f'"{name}" holds a {type(value).__name__}, not text')


def read_conversation(row: Mapping[str, Any], columns: Columns) -> Texts:
    """Read a list of messages: system messages first, then user and assistant in turn, the user first.

    A last message of the user that nobody answered is left out, unless it is the only one: then it is an
    instruction without output.

    :raises UnreadableRowError: the order is another one; a message is empty, calls a tool, or holds something but text.
    """
    media = next((name for name in _MEDIA if row.get(name)), "")
    if media:
        raise UnreadableRowError(f'the conversation goes with "{media}", which cannot be kept')
    messages = _messages(row, columns.conversation)
    system = [_first(row, columns.system)]
    spoken: list[Turn] = []
    for number, message in enumerate(messages, start=1):
        role, content = _message(message, number)
        if role == "system":
            if spoken:
                raise UnreadableRowError(f"message {number} is a system message in the middle of the conversation")
            system.append(content)
            continue
        expected = "assistant" if len(spoken) % 2 else "user"
        if role != expected:
            raise UnreadableRowError(f"message {number} is the {role}'s where the {expected}'s is expected")
        if not clean_text(content) and (number < len(messages) or len(spoken) != 1):
            raise UnreadableRowError(f"message {number} is empty")
        spoken.append(Turn(role, content))
    if not spoken:
        raise UnreadableRowError("the conversation has no message of the user")
    if len(spoken) > 1 and len(spoken) % 2:
        spoken.pop()
    output = spoken[1].content if len(spoken) > 1 else ""
    return Texts(spoken[0].content, "", output, tuple(spoken[2:]), "\n\n".join(filter(None, system)))


def _messages(row: Mapping[str, Any], name: str) -> Sequence[object]:
    messages = row.get(name)
    if isinstance(messages, str):  # in a CSV cell a list can only stand as JSON
        try:
            messages = json.loads(messages)
        except (ValueError, RecursionError) as error:
            raise UnreadableRowError(f'"{name}" is text, but no JSON') from error
    if not isinstance(messages, list) or not messages:
        raise UnreadableRowError(f'"{name}" is missing, or no list of messages')
    return messages


def _message(message: object, number: int) -> tuple[str, str]:
    if not isinstance(message, dict):
        raise UnreadableRowError(f"message {number} is a {type(message).__name__}, not an object")
    said = message.get("role") or message.get("from")
    role = _ROLES.get(said.strip().lower()) if isinstance(said, str) else None
    if role is None:
        raise UnreadableRowError(f"message {number} has an unknown role: {ascii(said)[:40]}")
    if role == "tool" or message.get("tool_calls") or message.get("function_call"):
        raise UnreadableRowError(f"message {number} belongs to the call of a tool")
    content = message.get("content")
    if content is None:
        content = message.get("value")
    if not isinstance(content, list):
        return role, as_text(content, f"message {number}")
    return role, "\n".join(_part(part, number) for part in content)


def _part(part: object, number: int) -> str:
    if isinstance(part, str):
        return part
    kind = part.get("type", "text") if isinstance(part, dict) else type(part).__name__
    if not isinstance(part, dict) or kind not in ("text", "input_text", "output_text"):
        raise UnreadableRowError(f"message {number} holds a part that is no text: {ascii(kind)[:40]}")
    return as_text(part.get("text"), f"message {number}")
