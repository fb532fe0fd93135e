"""The built-in recipes: complete configs with comments, one TOML file each beside this module."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

from insgen import Recipe, hookimpl

_ABOUT = {
    "documents": ("a ranked set out of your own documents; needs no language model", "insgen"),
    "pibe": ("a ranked bank that evolves while data sets arrive", "PIBE / InsBank, arXiv:2502.11419"),
    "pibe-paper": (
        "a bank of 6,000 as the authors ran it, known defects included: for comparisons",
        "PIBE / InsBank, arXiv:2502.11419",
    ),
    "deita": ("the best-scored rows that are not too much like a better one", "Deita, arXiv:2312.15685"),
    "k-center": ("rows spread so that nothing is far from them", "DiverseEvol, arXiv:2311.08182"),
    "diverseevol": (
        "rows that the model in training finds farthest from what it knows",
        "DiverseEvol, arXiv:2311.08182",
    ),
    "raise": ("rows valued by a policy that learns from whole trainings of a model", "RAISE, arXiv:2504.07282"),
    "self-instruct": (
        "instructions by bootstrapping from seed tasks, answered afterwards",
        "Self-Instruct, arXiv:2212.10560",
    ),
    "self-instruct-paper": (
        "Self-Instruct to the letter, known defects included: for comparisons",
        "Self-Instruct, arXiv:2212.10560",
    ),
    "alpaca": ("whole tasks from three seed tasks, some sixteen a call", "Stanford Alpaca (2023), code and README"),
    "sedi": ("whole tasks from seed tasks, with a relaxed novelty limit", "SeDi-Instruct, arXiv:2502.04774"),
    "sedi-pibe": (
        "a language model proposes, a ranked bank keeps the best: the flagship",
        "SeDi-Instruct, arXiv:2502.04774; PIBE / InsBank, arXiv:2502.11419",
    ),
    "sedi-pibe-train": (
        "the flagship with a model trained on the bank after every round, which steers the next prompts",
        "SeDi-Instruct, arXiv:2502.04774; PIBE / InsBank, arXiv:2502.11419",
    ),
    "grounded": ("questions and answers out of your own documents, by a language model", "insgen"),
}


@hookimpl
def insgen_recipes() -> Sequence[Recipe]:
    """Offer the built-in recipes."""
    folder = resources.files(__package__ or "insgen.plugins.recipes")
    return [
        Recipe(name, summary, folder.joinpath(f"{name}.toml").read_text(encoding="utf-8"), source)
        for name, (summary, source) in _ABOUT.items()
    ]
