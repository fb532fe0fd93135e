"""Score by rules of thumb: offline, without a model, some thousands of candidates a second on one core.

The value is the weighted mean of up to nine parts, each 0 (worst) to 1 (best): clarity, completeness, substance,
freshness, arithmetic, relevance, originality, cleanness and directness. A part that cannot judge a candidate (no
equation to check, a script without spaces, too few words) abstains: it is left out of the mean and out of
`Score.parts`. Wordings are looked up in English and a few other languages, nearly always to find faults, so a text in
another language loses nothing by it; the one exception is a one-word label for a task whose wording is not
known, which counts as thin.

Sources: repetition follows Rae et al. 2021 (Gopher, arXiv:2112.11446, section A1), debris and placeholders Raffel
et al. 2020 (C4, section 2.2), richness Guiraud 1954 (*Les caractères statistiques du vocabulaire*). The combination
is ours.

What it predicts was measured with ``python benchmarks/heuristic.py quality-labels.jsonl.gz`` against real judges, on
the half of the questions that did not choose the weights (their figures were in sight while the rules were
written, so they may flatter a little): rank correlation over all answers, and how often the better of two answers to
one question gets the higher value (chance is 0.5), with the logarithm of the length beside it:

==========================  ===========  ======  =========  ======
judge                       correlation  length  agreement  length
==========================  ===========  ======  =========  ======
GPT-4 on MT-bench                  0.50    0.24       0.65    0.50
GPT-4 with a rubric                0.33    0.38       0.65    0.72
three people, pairs                0.26    0.14       0.74    0.66
right or wrong, GSM8K              0.05   -0.24       0.58    0.52
experts, LLMBar                    0.00   -0.03       0.45    0.48
==========================  ===========  ======  =========  ======

So it tells thin, repetitive and copied answers from decent ones. It does not know whether an answer is true or does
what was asked: where answers are equally well written, as in LLMBar, it is no better than chance, and among good
long answers it is no better than their length. Nearly all of this comes from substance, originality and freshness;
relevance alone predicts next to nothing. Damage, refusals and wrong sums are too rare in those labels to calibrate, and
nobody judged the instructions: these weights are a choice. Completeness falls for 74 % of good answers cut at a
random place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from insgen import LLM, BankView, Candidate, ConfigError, Prompts, Score, Scorer, hookimpl

_WEIGHTS = (
    "clarity",
    "completeness",
    "substance",
    "freshness",
    "arithmetic",
    "relevance",
    "originality",
    "cleanness",
    "directness",
)
_EMPTY_OUTPUT = ("instruction", "fail")
_FAULTLESS = 0.9  #: from here on no part is called weak


@dataclass(frozen=True)
class HeuristicScorer:
    """Weights of the parts, relative to each other, >= 0; 0 leaves a part out of the value (it is still reported)."""

    name: ClassVar[str] = "heuristic"

    #: weight, >= 0: the instruction reads as a task (length, asks for something, points to nothing that is missing)
    clarity: float = 1.0
    #: weight, >= 0: the answer is not cut (sentence, code block, brackets)
    completeness: float = 1.0
    #: weight, >= 0: how many different words the answer has, saturating
    substance: float = 4.0
    #: weight, >= 0: no repeated lines, pairs and runs of words
    freshness: float = 2.0
    #: weight, >= 0: equations in the answer hold
    arithmetic: float = 2.0
    #: weight, >= 0: the answer takes up the instruction's words
    relevance: float = 0.5
    #: weight, >= 0: the answer is no copy of its prompt
    originality: float = 3.0
    #: weight, >= 0: no broken encoding, markup, chat marks, placeholders
    cleanness: float = 1.0
    #: weight, >= 0: no refusal, no talk about being a model
    directness: float = 1.0
    #: a candidate without output: "instruction" scores clarity and cleanness alone, "fail" leaves it without a score
    empty_output: str = "instruction"

    def __post_init__(self) -> None:
        for name in _WEIGHTS:
            weight = getattr(self, name)
            if not (math.isfinite(weight) and weight >= 0):
                raise ConfigError(
                    f"The scorer heuristic has {name} = {weight!r}. A weight is a number >= 0. "
                    f"Set {name} to 0 to leave that part out, or to a larger number to make it count more."
                )
        if not any(getattr(self, name) for name in _WEIGHTS):
            raise ConfigError(
                "The scorer heuristic has all its weights at 0. At least one must be greater than 0. "
                "Give a part some weight, or remove the [[score]] table."
            )
        if self.empty_output not in _EMPTY_OUTPUT:
            raise ConfigError(
                f'The scorer heuristic has empty_output = "{self.empty_output}". It can be "instruction" or "fail". '
                'Set it to "instruction" to score such candidates by their instruction alone.'
            )

    def score(
        self,
        candidates: Sequence[Candidate],
        bank: BankView,  # noqa: ARG002  # the protocol's; rules of thumb look at one candidate at a time
        llm: LLM | None,  # noqa: ARG002  # the protocol's; nothing is asked
        prompts: Prompts,  # noqa: ARG002  # the protocol's; nothing is asked
    ) -> Sequence[Score]:
        """Score every candidate by itself; later turns of a conversation are not looked at.

        :returns: scores between 0 and 1; ``None`` for a candidate without output under ``empty_output = "fail"``,
            and for one that no part with a weight can judge.
        """
        return [self._score(candidate) for candidate in candidates]

    def _score(self, candidate: Candidate) -> Score:
        if not candidate.output and self.empty_output == "fail":
            return Score(candidate.id, None, 0.0, 1.0, reason="no output to judge")
        from ._parts import measure  # here, since compiling its patterns takes longer than importing all other plugins
        from ._texts import Texts

        parts = measure(Texts(candidate.instruction, candidate.input, candidate.output))
        weights = {name: float(getattr(self, name)) for name in parts}
        total = math.fsum(weights.values())
        if total == 0:
            return Score(candidate.id, None, 0.0, 1.0, parts, "no part with a weight can judge it")
        mean = math.fsum(weights[name] * value for name, value in parts.items()) / total
        reason = _weakest({name: value for name, value in parts.items() if weights[name]})
        if not candidate.output:
            reason = f"no output to judge, instruction alone: {reason}"
        return Score(candidate.id, min(1.0, max(0.0, mean)), 0.0, 1.0, parts, reason)


def _weakest(parts: dict[str, float]) -> str:
    from ._parts import PARTS

    name = min(parts, key=parts.__getitem__)
    if parts[name] >= _FAULTLESS:
        return "no weak part"
    return f"{PARTS[name].weakness} ({name} {parts[name]:.2f})"


@hookimpl
def insgen_scorers() -> Sequence[type[Scorer]]:
    """Offer `heuristic`."""
    return [HeuristicScorer]
