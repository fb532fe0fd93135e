"""What scorers that ask a language model have in common: the model itself, marks around material, failures in words."""

from __future__ import annotations

from insgen import LLM, Candidate, Response, StageError, content_hash


def model_for(scorer: str, llm: LLM | None) -> LLM:
    """Give the language model.

    :raises StageError: the config has none.
    """
    if llm is None:
        raise StageError(
            f"The scorer {scorer} asks a language model, but none is configured.\n"
            f"  Expected an [llm] section with a model.\n  Add one, or take [[score]] {scorer} out of the config."
        )
    return llm


def mark_for(*texts: str) -> str:
    """A mark to set around texts that none of them can close: it is their own content id."""
    return content_hash(*texts).rpartition(":")[2][:12]


def task_of(candidate: Candidate) -> str:
    """Instruction and input as one text."""
    return f"{candidate.instruction}\n\n{candidate.input}" if candidate.input else candidate.instruction


def why_none(response: Response) -> str:
    """Say why there is nothing to read, in words that are the same for the same cause; empty when there is."""
    if response.error:
        words = {"budget": "the budget is spent", "filtered": "refused by the service"}
        return words.get(response.finish_reason, "the call failed")
    return "" if response.text.strip() else "empty answer"
