"""Candidates to test a stage with: a fixed, awkward dozen, and Hypothesis strategies for any text.

Flows in: nothing. Flows out: candidates with vectors (float32, shape ``(8,)``, L2 norm 1) that depend on their
texts alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from insgen.records import Candidate, Turn

if TYPE_CHECKING:
    import numpy as np
    from hypothesis.strategies import SearchStrategy
    from numpy.typing import NDArray

DIMENSION = 8
"""Length of the vectors that samples have."""

_TASKS = (
    Candidate("Name three uses of a paper clip.", output="Holding paper, resetting a router, marking a page."),
    Candidate("Translate the sentence into German.", "Good morning.", "Guten Morgen."),
    Candidate("Write a haiku about rain."),
    Candidate("STOP SHOUTING AND SUM THESE NUMBERS", "1, 2, 3", "6"),
    Candidate("Что такое база данных?", output="Упорядоченное хранилище."),
    Candidate("解释什么是递归。", output="函数调用自身。"),
    Candidate("Fix the code.", "for i in range(10) print(i)", "```python\nfor i in range(10):\n    print(i)\n```"),
    Candidate("<b>Explain</b> &amp; compare {json} and $variables.", output='{"a": "b", "c": [1, 2]}'),
    Candidate("I am sorry, but as an AI language model I cannot do that.", output="I cannot help with this."),
    Candidate("Repeat. " * 400, output="Word " * 900),
    Candidate("?!", output="🙂"),
    Candidate(
        "Plan a trip.",
        output="Where to?",
        turns=(Turn("user", "Rome."), Turn("assistant", "Go by train.")),
        system="Be brief.",
    ),
)


def unit_vectors(texts: Sequence[str], dimension: int = DIMENSION) -> NDArray[np.float32]:
    """Vectors of texts, by hash: float32, shape ``(len(texts), dimension)``, L2 norm 1 by row."""
    import numpy as np

    seeds = [int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()) for text in texts]
    raw = np.array([np.random.default_rng(seed).standard_normal(dimension) for seed in seeds])
    raw = raw.reshape(len(texts), dimension)
    unit: NDArray[np.float32] = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)
    return unit


def sample_candidates(*, vectors: bool = True, outputs: bool = False) -> list[Candidate]:
    """Twelve tasks that stages trip over: scripts, code, markup, refusals, very short, very long, several turns.

    :param vectors: whether they are embedded and have a quality, as after a round.
    :param outputs: whether every one has an output.
    """
    tasks = [replace(task, output=task.output or "Rain on the roof.") if outputs else task for task in _TASKS]
    if not vectors:
        return tasks
    rows = unit_vectors([task.instruction for task in tasks])
    for row in rows:
        row.flags.writeable = False  # a stage never writes into a candidate
    judged = [task.judged(place / len(tasks)) for place, task in enumerate(tasks)]
    return [task.embedded(row) for task, row in zip(judged, rows, strict=True)]


def candidates(*, vectors: bool = True) -> SearchStrategy[Candidate]:
    """Any candidate: whatever Unicode in each field, an instruction that is not blank."""
    from hypothesis import strategies as st

    texts = st.text(max_size=60)
    instructions = texts.filter(lambda text: bool(Candidate(text).instruction))

    def embedded(candidate: Candidate) -> Candidate:
        return candidate.embedded(unit_vectors([candidate.id])[0]).judged(0.5) if vectors else candidate

    return st.builds(Candidate, instructions, texts, texts).map(embedded)


def distinct(found: Sequence[Candidate]) -> list[Candidate]:
    """Each id once, in order: what a stage is handed never holds a candidate twice."""
    return list({candidate.id: candidate for candidate in found}.values())
