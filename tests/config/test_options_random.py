"""The decoder against random tables: it builds the dataclass or says `ConfigError`, and loses nothing."""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from insgen.config.load import resolve
from insgen.config.options import decode
from insgen.config.settings import RunConfig
from insgen.errors import ConfigError

T = TypeVar("T")


@dataclass(frozen=True)
class Everything:
    """One option of each kind."""

    text: str = ""
    whole: int = 0
    real: float = 0.0
    truth: bool = False
    choice: Literal["one", "two"] = "one"
    texts: tuple[str, ...] = ()
    table: dict[str, float] = field(default_factory=dict)
    tables: dict[str, tuple[int, ...]] = field(default_factory=dict)


KEYS = st.sampled_from(["text", "whole", "real", "truth", "choice", "texts", "table", "tables", "textt", ""])
LEAVES = (
    st.text(max_size=8)
    | st.integers()
    | st.floats()
    | st.booleans()
    | st.datetimes()
    | st.dates()
    | st.times()
    | st.just(10**400)
    | st.sampled_from(["one", "two", "three"])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)

WHOLE = st.integers(-(2**63), 2**63 - 1)
REAL = st.floats(allow_nan=False, allow_infinity=False)
GOOD = st.builds(
    Everything,
    text=st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=10),
    whole=WHOLE,
    real=REAL,
    truth=st.booleans(),
    choice=st.sampled_from(["one", "two"]),
    texts=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=5), max_size=3).map(tuple),
    table=st.dictionaries(
        st.text(st.characters(codec="ascii", categories=["L"]), min_size=1, max_size=3), REAL, max_size=3
    ),
    tables=st.dictionaries(
        st.text(st.characters(codec="ascii", categories=["L"]), min_size=1, max_size=3),
        st.lists(WHOLE, max_size=3).map(tuple),
        max_size=2,
    ),
)


def tried(work: Callable[[], T]) -> tuple[T | None, str]:
    """What came out, or the refusal's text; any other exception is a bug."""
    try:
        return work(), ""
    except ConfigError as error:
        return None, str(error)


@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_any_table_decodes_or_is_refused(table: dict[str, Any]) -> None:
    decoded, refusal = tried(lambda: decode(Everything, table, "test.toml"))
    if decoded is None:
        assert refusal.count("\n") >= 2, "three parts: what happened, what was expected, what to do"
        return
    for key, value in table.items():
        found = asdict(decoded)[key]
        listed = (
            {k: list(v) if isinstance(v, tuple) else v for k, v in found.items()} if isinstance(found, dict) else found
        )
        assert (list(found) if isinstance(found, tuple) else listed) == value


@given(GOOD)
def test_what_is_written_as_toml_is_read_back(options: Everything) -> None:
    text = tomli_w.dumps(asdict(options))
    assert decode(Everything, tomllib.loads(text), "test.toml") == options


SECTIONS = st.sampled_from(
    [
        "project",
        "loop",
        "budget",
        "llm",
        "embed",
        "select",
        "seeds",
        "respond",
        "generate",
        "filter",
        "score",
        "feedback",
        "plugins",
        "recipe",
        "oops",
    ]
)
INNER = st.dictionaries(
    st.sampled_from(["use", "size", "weight", "model", "rounds", "seed", "text"]),
    LEAVES | st.lists(LEAVES, max_size=2),
    max_size=3,
)


@given(st.dictionaries(SECTIONS, INNER | st.lists(INNER, max_size=2) | LEAVES, max_size=4))
def test_any_config_resolves_or_is_refused(tables: dict[str, Any]) -> None:
    config, refusal = tried(lambda: resolve(tables, Path("/project/insgen.toml")))
    assert isinstance(config, RunConfig) or refusal.startswith("insgen.toml")


def test_times_are_refused_as_any_other_wrong_type() -> None:
    with pytest.raises(ConfigError, match=r"datetime\.date\(2026, 1, 2\) is no valid value"):
        decode(Everything, {"whole": datetime.date(2026, 1, 2)}, "test.toml")
