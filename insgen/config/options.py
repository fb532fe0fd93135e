"""A TOML table -> a dataclass, strictly: unknown keys, wrong types and missing values are errors that name the place.

Fields may be ``str``, ``int``, ``float``, ``bool``, ``Path``, ``Literal[...]`` of texts, ``tuple[X, ...]`` of those, or
a ``dict[str, X]``. An ``int`` is taken for a ``float``, a text for a ``Path`` (relative to the config's folder);
nothing else is converted. Fields with ``init=False`` are no options.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
import sys
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from insgen.errors import ConfigError, suggest

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Option:
    """One option of a dataclass, as shown to people.

    :ivar type: the type in TOML's words.
    :ivar default: as TOML would write it; ``None`` when it must be given.
    :ivar doc: the ``#:`` sentence above or behind it.
    """

    name: str
    type: str
    default: Any
    required: bool
    doc: str


def decode(cls: type[T], table: Mapping[str, Any], where: str, folder: Path = Path()) -> T:
    """Build a dataclass from a TOML table.

    :param where: file and table, for messages: ``insgen.toml, [[filter]] rouge``.
    :param folder: what a relative ``Path`` is relative to: the config's folder.
    :raises ConfigError: an unknown key (with a suggestion), a wrong type, or a missing value.
    """
    hints = _hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls) if field.init}  # type: ignore[arg-type]  # callers pass dataclasses
    for key in table:
        if key not in fields:
            known = ", ".join(sorted(fields)) or "none"
            raise ConfigError(
                f'{where}: there is no key "{key}".{suggest(key, fields)}\n  Known keys here: {known}.\n'
                "  Mend or delete it."
            )
    values = {key: _value(value, hints[key], f"{where}, {key}", folder) for key, value in table.items()}
    for name, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and name not in values:
            raise ConfigError(
                f'{where}: the key "{name}" is missing.\n  Expected {_type_name(hints[name])}.\n  Add `{name} = ...`.'
            )
    try:
        return cls(**values)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error


def options_of(cls: type[Any]) -> list[Option]:
    """List a dataclass's options in order, with their sentences from the source."""
    hints = _hints(cls)
    sentences = _sentences(cls)
    return [
        Option(
            name=field.name,
            type=_type_name(hints[field.name]),
            default=_default(field),
            required=field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
            doc=sentences.get(field.name, ""),
        )
        for field in dataclasses.fields(cls)
        if field.init
    ]


def unwritable(cls: type[Any]) -> str:
    """An option whose type TOML has no value for, as its field reads (``where: complex``); empty when there is none."""
    for name, hint in _hints(cls).items():
        if not _is_writable(hint):
            return f"{name}: {_type_name(hint)}"
    return ""


def _is_writable(hint: Any) -> bool:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return all(isinstance(each, str) for each in arguments)
    if origin is tuple:
        return len(arguments) == 2 and arguments[1] is Ellipsis and _is_writable(arguments[0])
    if origin is dict:
        return arguments[0] is str and _is_writable(arguments[1])
    return hint in (str, int, float, bool, Path)


def _hints(cls: type[Any]) -> dict[str, Any]:
    """Type hints of the fields that are options; a private field may name types that exist for the checker only."""
    module = vars(sys.modules[cls.__module__])
    hints: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        wanted = {f.name for f in dataclasses.fields(cls) if f.init} if dataclasses.is_dataclass(cls) else set()
        own = {k: v for k, v in vars(base).get("__annotations__", {}).items() if k in wanted}
        holder = types.SimpleNamespace(__annotations__=own)
        try:
            hints |= get_type_hints(holder, globalns=module | {"typing": typing, "Literal": Literal})
        except (NameError, AttributeError, TypeError, SyntaxError) as error:
            raise ConfigError(
                f"The option types of {base.__module__}.{base.__qualname__} cannot be read: {error}.\n"
                "  Expected annotations whose names exist when the program runs, not only for the type checker.\n"
                "  This is a fault of the plugin; tell its author."
            ) from error
    return hints


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default.as_posix() if isinstance(field.default, Path) else field.default
    return field.default_factory() if field.default_factory is not dataclasses.MISSING else None


def _value(value: Any, hint: Any, where: str, folder: Path) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        if value in arguments and isinstance(value, str):
            return value
    elif origin is tuple:
        if isinstance(value, list):
            return tuple(_value(each, arguments[0], f"{where}[{place}]", folder) for place, each in enumerate(value))
    elif origin is dict:
        if isinstance(value, dict):
            return {key: _value(each, arguments[1], f"{where}.{key}", folder) for key, each in value.items()}
    elif hint is float:
        if (type(value) is float and math.isfinite(value)) or _is_whole(value):
            return float(value)
    elif hint is int:
        if _is_whole(value):
            return value
    elif hint in (str, bool):
        if type(value) is hint:
            return value
    elif hint is Path:
        if isinstance(value, str) and value:
            return folder / Path(value).expanduser()
    else:
        raise ConfigError(
            f"{where}: the option's type {_type_name(hint)} cannot be written in TOML.\n"
            "  Expected str, int, float, bool, Path, Literal texts, tuple[X, ...] or dict[str, X].\n"
            "  This is a fault of the plugin; tell its author."
        )
    shown = repr(value) if len(repr(value)) < 60 else repr(value)[:57] + "..."
    near = suggest(value, [str(a) for a in arguments]) if origin is Literal and isinstance(value, str) else ""
    bits = " of 64 bits" if type(value) is int and not _is_whole(value) else ""
    raise ConfigError(f"{where}: {shown} is no valid value.{near}\n  Expected {_type_name(hint)}{bits}.\n  Change it.")


def _is_whole(value: Any) -> bool:
    """Whether a value is a whole number of 64 bits, as TOML promises and SQLite can store."""
    return type(value) is int and -(2**63) <= value < 2**63


def _type_name(hint: Any) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return "one of " + ", ".join(f'"{argument}"' for argument in arguments)
    if origin is tuple:
        return f"a list of {_type_name(arguments[0])}"
    if origin is dict:
        return f"a table of {_type_name(arguments[1])}"
    names = {str: "text", int: "whole number", float: "number", bool: "true or false", Path: "a path"}
    return names.get(hint, getattr(hint, "__name__", str(hint)))


def _sentences(cls: type[Any]) -> dict[str, str]:
    """Read the ``#:`` comments of a class: behind a field, or on the lines above it."""
    found: dict[str, str] = {}
    try:
        lines = inspect.getsource(cls).splitlines()
    except (OSError, TypeError):
        return found
    above: list[str] = []
    for line in lines:
        text = line.strip()
        if text.startswith("#:"):
            above.append(text[2:].strip())
            continue
        name, colon, rest = text.partition(":")
        if colon and name.isidentifier():
            _, sign, behind = rest.partition("#:")
            found.setdefault(name, " ".join([*above, behind.strip()] if sign else above))
        above = []
    return found
