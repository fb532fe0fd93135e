"""Language: drops candidates that are not in the wanted language, by the detector lingua.

Method: letter n-grams, as lingua does (the extra ``insgen[language]``); its models come with the package, nothing is
fetched. The cheap models take 70 MB and under a millisecond per text, the accurate ones 15 s to load and 5 ms.

Short texts, code and names say little about a language: the cheap models took "Write a haiku about autumn." for
Finnish. So code, addresses and quoted passages are left out first, and a text with fewer letters than `min_letters`
passes unjudged. Of the others one is dropped when the wanted language is improbable, whatever else it may be.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from insgen import BankView, Candidate, ConfigError, Filter, StageError, Verdict, hookimpl

if TYPE_CHECKING:
    from lingua import Language, LanguageDetector

_NO_PROSE = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]*`|https?://\S+|\S+@\S+|\"[^\"\n]{1,500}\"|“[^”\n]{1,500}”|«[^»\n]{1,500}»", re.DOTALL
)
_WIDE = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]")
_WIDE_LETTERS = 4  # a sign of a script without alphabet, or without spaces, says as much as so many letters
_SEVERAL = {"no": ("NB", "NN"), "sh": ("BS", "HR", "SR")}


@dataclass(frozen=True)
class LanguageFilter:
    """Keeps a candidate that is in the wanted language, or too short to tell."""

    name: ClassVar[str] = "language"
    needs_vectors: ClassVar[bool] = False

    #: The wanted language, a BCP 47 tag; only its first part counts ("pt-BR" is "pt").
    language: str = "en"
    #: Smallest probability of the wanted language that still passes, 0 to 1; higher drops more.
    limit: float = 0.05
    #: Texts with fewer letters pass unjudged; a Chinese, Japanese, Korean or Thai sign counts as four; >= 1.
    min_letters: int = 40
    #: Which texts are judged, each by itself.
    fields: tuple[Literal["instruction", "input", "output"], ...] = ("instruction",)
    #: "low": small and fast models; "high": 800 MB, for short texts and neighbouring languages.
    accuracy: Literal["low", "high"] = "low"
    _loaded: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z]{2}(-[A-Za-z0-9]+)*", self.language):
            raise ConfigError(
                f'The filter language has language = "{self.language}".\n'
                '  Expected a BCP 47 tag that begins with two letters, such as "en" or "pt-BR".\n  Change it.'
            )
        if not 0 <= self.limit <= 1 or self.min_letters < 1 or not self.fields:
            raise ConfigError(
                f"The filter language has limit = {self.limit}, min_letters = {self.min_letters}, fields = "
                f"{list(self.fields)}.\n  Expected a limit from 0 to 1, at least 1 letter and at least one field.\n"
                "  Change it."
            )

    def filter(self, candidates: Sequence[Candidate], bank: BankView) -> Sequence[Verdict]:  # noqa: ARG002  # the contract
        """Judge each candidate on its own.

        :raises StageError: lingua is not installed, or does not know the language.
        """
        return [self._judge(candidate) for candidate in candidates]

    def _judge(self, candidate: Candidate) -> Verdict:
        wanted = self.language.split("-")[0].lower()
        measure, lowest = f"probability of {wanted}", None
        for name in self.fields:
            prose = _NO_PROSE.sub(" ", getattr(candidate, name))
            if _count_letters(prose) < self.min_letters:
                continue
            probability = self._probability(prose)
            if probability < self.limit:
                other = self._detector().detect_language_of(prose)
                seen = f", looks like {other.iso_code_639_1.name.lower()}" if other else ""
                told = (f"{measure} in the {name}{seen}", probability, "probability 0..1", self.limit)
                return Verdict(candidate.id, False, *told, reason=f"{name} in another language")
            lowest = probability if lowest is None else min(lowest, probability)
        if lowest is None:
            return Verdict(candidate.id, True, "too short to tell the language")
        return Verdict(candidate.id, True, measure, lowest, "probability 0..1", self.limit)

    def _probability(self, text: str) -> float:
        """How probable the wanted language is, 0 to 1."""
        detector = self._detector()
        languages: list[Language] = self._loaded["wanted"]
        total = sum(detector.compute_language_confidence(text, each) for each in languages)
        # lingua sums in several threads, so the last digits differ from call to call
        return min(1.0, max(0.0, round(float(total), 6)))

    def _detector(self) -> LanguageDetector:
        if "detector" in self._loaded:
            detector: LanguageDetector = self._loaded["detector"]
            return detector
        try:
            from lingua import IsoCode639_1, Language, LanguageDetectorBuilder
        except ImportError as error:
            raise StageError(
                "The filter language needs the package lingua-language-detector, which is not installed.\n"
                '  Expected it beside insgen.\n  Install it with `pip install "insgen[language]"`.'
            ) from error
        wanted = self.language.split("-")[0].lower()
        codes = _SEVERAL.get(wanted, (wanted.upper(),))
        languages = [
            Language.from_iso_code_639_1(getattr(IsoCode639_1, code)) for code in codes if hasattr(IsoCode639_1, code)
        ]
        if not languages:
            known = ", ".join(sorted(each.iso_code_639_1.name.lower() for each in Language.all()))
            raise StageError(
                f'The filter language has language = "{self.language}", which lingua does not know.\n'
                f"  Expected one of: {known}.\n  Change it, or take the filter out."
            )
        builder = LanguageDetectorBuilder.from_all_languages()
        made = (builder.with_low_accuracy_mode() if self.accuracy == "low" else builder).build()
        self._loaded.update(detector=made, wanted=languages)
        return made


def _count_letters(text: str) -> int:
    """Letters, where a sign of a script without alphabet or spaces counts as several."""
    return sum(each.isalpha() for each in text) + (_WIDE_LETTERS - 1) * len(_WIDE.findall(text))


@hookimpl
def insgen_filters() -> Sequence[type[Filter]]:
    """Offer the filter `language`."""
    return [LanguageFilter]
