"""What a tracker is told: numbers of a round by name, and a config as flat keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_COUNTS = ("proposed", "repeated", "unreadable", "rejected", "unanswered", "unscored", "kept", "deferred")
_BANK = ("members", "admitted", "evicted", "mean_quality")


def figures(counters: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of one round; what is not known is left out.

    :param counters: as the hook `insgen_round_finished` hands them over.
    :returns: ``round/...`` (candidates, ``yield`` = kept / proposed, seconds), ``bank/...``, ``llm/...`` (calls, USD)
        and ``trend/...``.
    """
    found = {f"round/{name}": counters[name] for name in _COUNTS}
    found["round/yield"] = counters["kept"] / counters["proposed"] if counters["proposed"] else None
    found["round/seconds"] = counters["duration_ms"] / 1000
    found |= {f"bank/{name}": counters[name] for name in _BANK}
    found |= {"llm/calls": counters["llm_calls"], "llm/cost_usd": counters["cost_usd"]}
    found |= {f"trend/{name}": value for name, value in (counters["trend"] or {}).items() if name != "round"}
    return {name: float(value) for name, value in found.items() if value is not None}


def project_name(config: Mapping[str, Any]) -> str:
    """What the data set is called."""
    return str(config.get("project", {}).get("name", "my-instructions"))


def flat(config: Mapping[str, Any]) -> dict[str, str]:
    """The resolved config with one key per value: ``filter.2.rouge.limit``; a config holds no secret."""
    return dict(_walk("", config))


def _walk(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _walk(f"{prefix}.{key}" if prefix else str(key), each)
    elif isinstance(value, list) and value and all(isinstance(each, Mapping) for each in value):
        for place, each in enumerate(value, start=1):
            rest = {key: one for key, one in each.items() if key != "use"}
            yield from _walk(f"{prefix}.{place}.{each.get('use', '')}".rstrip("."), rest or "")
    else:
        yield prefix, str(value)
