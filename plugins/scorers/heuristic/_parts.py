"""The table of parts: what each is called, how it is measured, and how a low value is put into words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ._answer import arithmetic, completeness, freshness, substance
from ._damage import cleanness, directness
from ._prompt import clarity, originality, relevance
from ._texts import Texts


@dataclass(frozen=True)
class Part:
    """One part of the score.

    :ivar measure: 0 (worst) to 1 (best), or ``None`` where it cannot judge.
    :ivar weakness: what a low value means, for people.
    """

    measure: Callable[[Texts], float | None]
    weakness: str


PARTS = {
    "clarity": Part(clarity, "the instruction is hard to read as a task"),
    "completeness": Part(completeness, "the answer seems cut short"),
    "substance": Part(substance, "the answer says little"),
    "freshness": Part(freshness, "the answer repeats itself"),
    "arithmetic": Part(arithmetic, "a calculation in the answer does not hold"),
    "relevance": Part(relevance, "the answer takes up little of the instruction"),
    "originality": Part(originality, "the answer copies its prompt"),
    "cleanness": Part(cleanness, "there is broken encoding, markup, chat marks or a placeholder in the text"),
    "directness": Part(directness, "the answer refuses or talks about being a model"),
}
WITHOUT_OUTPUT = ("clarity", "cleanness")  #: parts that have something to look at when there is no answer


def measure(texts: Texts) -> dict[str, float]:
    """Measure every part that can judge these texts.

    :returns: name to value, 0 to 1; parts that abstain are left out.
    """
    names = PARTS if texts.output else WITHOUT_OUTPUT
    values = ((name, PARTS[name].measure(texts)) for name in names)
    return {name: value for name, value in values if value is not None}
