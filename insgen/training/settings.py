"""Settings of a training by name, and which of them another call changed."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def flat(settings: DataclassInstance) -> dict[str, Any]:
    """Give settings by name, those inside others with a dot, as they come back from JSON."""
    found: dict[str, Any] = {}
    for name, value in asdict(settings).items():
        found |= {f"{name}.{key}": each for key, each in value.items()} if isinstance(value, dict) else {name: value}
    return dict(json.loads(json.dumps(found)))


def changed(was: Mapping[str, Any], now: Mapping[str, Any], free: Collection[str]) -> list[str]:
    """Tell what changed, a phrase for each setting.

    :param free: names of those that may.
    """
    other = (name for name in now if name not in free and was.get(name) != now[name])
    return [f"{name} was {was.get(name)!r} and is {now[name]!r}" for name in other]
