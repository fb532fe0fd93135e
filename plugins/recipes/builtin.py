"""The built-in recipes: complete configs with comments, one TOML file each beside this module."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

from insgen import Recipe, hookimpl

_ABOUT = {
    "documents": ("a ranked set out of your own documents; needs no language model", "insgen"),
    "pibe": ("a ranked bank that evolves while data sets arrive", "PIBE / InsBank, arXiv:2502.11419"),
}


@hookimpl
def insgen_recipes() -> Sequence[Recipe]:
    """Offer the built-in recipes."""
    folder = resources.files(__package__ or "insgen.plugins.recipes")
    return [
        Recipe(name, summary, folder.joinpath(f"{name}.toml").read_text(encoding="utf-8"), source)
        for name, (summary, source) in _ABOUT.items()
    ]
