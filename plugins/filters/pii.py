"""Personal data: drops candidates with e-mail addresses, telephone numbers, bank and identity numbers.

Method: the pattern recognisers of Microsoft's presidio (the extra ``insgen[pii]``), with their checks: a mail domain
has to have a public suffix, a telephone number has to be valid in its numbering plan (libphonenumber), card and account
numbers need their check digits. No language model is loaded and nothing is fetched. Costs 3 s to load and about a
millisecond per candidate.

Names and postal addresses are not found: that takes a named-entity model, and a data set of instructions is full of
names that are nobody's. Addresses at the domains that RFC 2606 keeps for documentation (``example.com``) are nobody's
either and pass. Nothing is redacted: an altered row would be one that nobody wrote.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from insgen import BankView, Candidate, ConfigError, Filter, StageError, Verdict, hookimpl

if TYPE_CHECKING:
    from presidio_analyzer import EntityRecognizer

Kind = Literal["email", "phone", "credit_card", "iban", "us_ssn", "ip_address"]

_ENTITIES = {
    "email": "EMAIL_ADDRESS",
    "phone": "PHONE_NUMBER",
    "credit_card": "CREDIT_CARD",
    "iban": "IBAN_CODE",
    "us_ssn": "US_SSN",
    "ip_address": "IP_ADDRESS",
}
_WORDS = {
    "email": "e-mail address",
    "phone": "telephone number",
    "credit_card": "card number",
    "iban": "bank account",
    "us_ssn": "social security number",
    "ip_address": "IP address",
}
_DOCUMENTATION = re.compile(
    r"@(?:[\w.-]+\.)?(?:example\.(?:com|org|net)|[\w-]+\.(?:example|test|invalid|localhost))$", re.I
)
_STRICT_GROUPING = 2  # libphonenumber: valid, and grouped as people write it


@dataclass(frozen=True)
class PiiFilter:
    """Keeps a candidate in whose texts nothing personal of these kinds is found."""

    name: ClassVar[str] = "pii"
    needs_vectors: ClassVar[bool] = False

    #: What is looked for; "ip_address" has to be named, since texts about networks are full of them.
    kinds: tuple[Kind, ...] = ("email", "phone", "credit_card", "iban", "us_ssn")
    #: Countries whose national telephone numbers are looked for ("US", "DE"); without any, numbers with "+" only.
    regions: tuple[str, ...] = ()
    #: Smallest certainty of a finding that counts, 0 to 1, as presidio measures it; a telephone number has 0.4.
    certainty: float = 0.4
    #: Which texts are looked at.
    fields: tuple[Literal["instruction", "input", "output"], ...] = ("instruction", "input", "output")
    _recognisers: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        wrong = [region for region in self.regions if not re.fullmatch(r"[A-Z]{2}", region)]
        if wrong or not (self.kinds and self.fields and 0 <= self.certainty <= 1):
            raise ConfigError(
                f"The filter pii has kinds = {list(self.kinds)}, regions = {list(self.regions)}, certainty = "
                f"{self.certainty}, fields = {list(self.fields)}.\n"
                '  Expected at least one kind and one field, regions of two capitals ("US"), a certainty from 0 to 1.\n'
                "  Change it."
            )

    def filter(self, candidates: Sequence[Candidate], bank: BankView) -> Sequence[Verdict]:  # noqa: ARG002  # the contract
        """Judge each candidate on its own; the finding itself is not written down.

        :raises StageError: presidio is not installed.
        """
        if not self._recognisers and candidates:
            self._recognisers.update(_load(self.kinds, self.regions))
        return [self._judge(candidate) for candidate in candidates]

    def _judge(self, candidate: Candidate) -> Verdict:
        for name in self.fields:
            text = getattr(candidate, name)
            for kind, recogniser in self._recognisers.items():
                certainty = self._certainty(text, kind, recogniser)
                if certainty >= self.certainty:
                    told = (f"{_WORDS[kind]} in the {name}", certainty, "certainty 0..1", self.certainty)
                    return Verdict(candidate.id, False, *told, reason=_WORDS[kind])
        return Verdict(candidate.id, True, "personal data")

    def _certainty(self, text: str, kind: str, recogniser: EntityRecognizer) -> float:
        """The surest finding of one kind, 0 to 1; -1 when there is none."""
        nothing: Any = None  # presidio's hints ask for a language model's findings; patterns need none
        found = recogniser.analyze(text, [_ENTITIES[kind]], nothing) if text else []
        counted = [
            float(each.score)
            for each in found
            if not (kind == "email" and _DOCUMENTATION.search(text[each.start : each.end]))
        ]
        return max(counted, default=-1.0)


def _load(kinds: Sequence[str], regions: Sequence[str]) -> dict[str, EntityRecognizer]:
    """Make a recogniser of each kind, in the order given."""
    try:
        from presidio_analyzer import predefined_recognizers as known
        from tldextract import TLDExtract
    except ImportError as error:
        raise StageError(
            "The filter pii needs the package presidio-analyzer, which is not installed.\n"
            '  Expected it beside insgen.\n  Install it with `pip install "insgen[pii]"`.'
        ) from error
    suffixes = TLDExtract(suffix_list_urls=(), cache_dir=None)  # the list in the package; the default fetches one

    class OfflineEmailRecognizer(known.EmailRecognizer):
        def validate_result(self, pattern_text: str) -> bool:
            return bool(suffixes(pattern_text).fqdn)

    made: dict[str, Callable[[], EntityRecognizer]] = {
        "email": OfflineEmailRecognizer,
        "phone": lambda: known.PhoneRecognizer(supported_regions=[*regions, None], leniency=_STRICT_GROUPING),
        "credit_card": known.CreditCardRecognizer,
        "iban": known.IbanRecognizer,
        "us_ssn": known.UsSsnRecognizer,
        "ip_address": known.IpRecognizer,
    }
    return {kind: made[kind]() for kind in kinds}


@hookimpl
def insgen_filters() -> Sequence[type[Filter]]:
    """Offer the filter `pii`."""
    return [PiiFilter]
