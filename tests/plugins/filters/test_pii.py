from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from insgen import Candidate, ConfigError
from insgen.bank.bank import Bank
from insgen.plugins.filters.pii import PiiFilter

MakeBank = Callable[..., Bank]


@pytest.fixture(scope="module")
def pii() -> PiiFilter:
    return PiiFilter()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Write to jane.doe@acme-corp.com today.", "e-mail address"),
        ("Write to admin@example.com or root@mail.example.org today.", ""),
        ("Write to someone@localhost.nosuchsuffix today.", ""),
        ("Call +45 33 12 34 56 tomorrow.", "telephone number"),
        ("Order 1234567890, build 20240131123456, version 2.10.4.", ""),
        ("My card is 4111 1111 1111 1111.", "card number"),
        ("My card is 4111 1111 1111 1112.", ""),
        ("Pay to DE89 3704 0044 0532 0130 00.", "bank account"),
        ("Pay to DE89 3704 0044 0532 0130 01.", ""),
        ("The pod has the address 93.184.216.34.", ""),
        ("Name the largest planet.", ""),
        ("", ""),
    ],
)
def test_personal_data_is_found_by_its_form_and_its_check_digits(
    make_bank: MakeBank, pii: PiiFilter, text: str, reason: str
) -> None:
    (verdict,) = pii.filter([Candidate(text)], make_bank())
    assert (verdict.kept, verdict.reason) == (not reason, reason)


def test_finding_itself_is_not_written_down(make_bank: MakeBank, pii: PiiFilter) -> None:
    (verdict,) = pii.filter([Candidate("Who is it?", output="jane.doe@acme-corp.com")], make_bank())
    assert verdict.measure == "e-mail address in the output"
    assert "jane" not in repr(verdict)


def test_kinds_regions_and_fields_widen_and_narrow_what_is_looked_for(make_bank: MakeBank) -> None:
    address = Candidate("Ping 93.184.216.34.")
    assert not PiiFilter(kinds=("ip_address",)).filter([address], make_bank())[0].kept
    national = Candidate("Call (415) 555-2671.")
    assert PiiFilter(kinds=("phone",)).filter([national], make_bank())[0].kept
    assert not PiiFilter(kinds=("phone",), regions=("US",)).filter([national], make_bank())[0].kept
    output = Candidate("Who?", output="jane.doe@acme-corp.com")
    assert PiiFilter(kinds=("email",), fields=("instruction",)).filter([output], make_bank())[0].kept


def test_nothing_is_fetched(make_bank: MakeBank, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    (verdict,) = PiiFilter().filter([Candidate("Write to jane.doe@acme-corp.com.")], make_bank())
    assert not verdict.kept


@pytest.mark.parametrize("options", [{"kinds": ()}, {"regions": ("usa",)}, {"certainty": 2.0}, {"fields": ()}])
def test_option_out_of_range_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="Expected"):
        PiiFilter(**options)  # type: ignore[arg-type]  # by name
