"""Recipes: configs to begin with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """A named preset: the text of an `insgen.toml`, and what it is.

    :ivar summary: one line.
    :ivar toml: a complete config with comments; it loads as it stands.
    :ivar source: paper or repository it follows, where there is one.
    """

    name: str
    summary: str
    toml: str
    source: str = ""
