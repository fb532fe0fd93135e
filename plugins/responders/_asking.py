"""What responders that ask a language model have in common: the model itself."""

from __future__ import annotations

from insgen import LLM, StageError


def model_for(responder: str, llm: LLM | None) -> LLM:
    """Give the language model.

    :raises StageError: the config has none.
    """
    if llm is None:
        raise StageError(
            f"The responder {responder} asks a language model, but none is configured.\n"
            "  Expected an [llm] section with a model.\n  Add one, or take [respond] out of the config."
        )
    return llm
