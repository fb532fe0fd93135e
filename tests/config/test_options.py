"""The decoder: tables to dataclasses, strictly."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

import pytest

from insgen.config.options import Option, decode, options_of
from insgen.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

WHERE = "insgen.toml, [[filter]] 2 shop"


@dataclass(frozen=True)
class Shop:
    """Every kind of option there is."""

    name: ClassVar[str] = "shop"

    title: str  #: what stands over the door
    #: how many may be inside,
    #: in persons, at least 1
    places: int = 10
    discount: float = 0.0  #: share, 0 to 1
    open: bool = True
    kind: Literal["corner", "market"] = "corner"
    goods: tuple[str, ...] = ()
    prices: dict[str, float] = field(default_factory=dict)
    shelves: tuple[tuple[int, ...], ...] = ()
    _till: NDArray | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if self.places < 1:
            raise ConfigError(f"places is {self.places}.\n  Expected at least 1.\n  Raise it.")


def refusal(table: dict[str, object], cls: type = Shop) -> str:
    with pytest.raises(ConfigError) as caught:
        decode(cls, table, WHERE)
    return str(caught.value)


def test_every_kind_of_option_is_decoded() -> None:
    table = {
        "title": "Nuts & bolts",
        "places": 3,
        "discount": 1,
        "open": False,
        "kind": "market",
        "goods": ["nut", "bolt"],
        "prices": {"nut": 1, "bolt": 0.5},
        "shelves": [[1, 2], []],
    }
    shop = decode(Shop, table, WHERE)
    assert shop == Shop(
        "Nuts & bolts", 3, 1.0, False, "market", ("nut", "bolt"), {"nut": 1.0, "bolt": 0.5}, ((1, 2), ())
    )
    assert isinstance(shop.discount, float)


def test_defaults_fill_what_is_not_said() -> None:
    assert decode(Shop, {"title": "x"}, WHERE) == Shop("x")


def test_unknown_key_is_refused_with_a_suggestion_and_the_known_ones() -> None:
    message = refusal({"title": "x", "place": 4})
    for part in (
        WHERE,
        'no key "place"',
        'Did you mean "places"?',
        "discount, goods, kind, open, places",
        "Mend or delete",
    ):
        assert part in message


def test_private_fields_are_no_options() -> None:
    message = refusal({"title": "x", "_till": 4})
    assert 'no key "_till"' in message
    assert "_till" not in [option.name for option in options_of(Shop)]


def test_missing_key_is_named_with_its_type() -> None:
    message = refusal({})
    for part in (WHERE, 'the key "title" is missing', "Expected text", "Add `title = ...`"):
        assert part in message


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("title", 5, "Expected text."),
        ("places", "ten", "Expected whole number."),
        ("places", 1.0, "Expected whole number."),
        ("places", True, "Expected whole number."),
        ("places", 2**63, "Expected whole number of 64 bits."),
        ("discount", "a lot", "Expected number."),
        ("discount", float("nan"), "Expected number."),
        ("discount", float("inf"), "Expected number."),
        ("discount", 10**400, "Expected number of 64 bits."),
        ("discount", False, "Expected number."),
        ("open", 1, "Expected true or false."),
        ("kind", "markt", 'Did you mean "market"?\n  Expected one of "corner", "market".'),
        ("kind", ["corner"], 'Expected one of "corner", "market".'),
        ("goods", "nut", "Expected a list of text."),
        ("prices", [1], "Expected a table of number."),
    ],
)
def test_wrong_type_is_refused_with_value_and_expectation(key: str, value: object, expected: str) -> None:
    message = refusal({"title": "x", key: value})
    assert f"{WHERE}, {key}: " in message
    assert repr(value)[:50] in message
    assert expected in message


def test_a_long_value_is_shown_in_part_only() -> None:
    message = refusal({"title": "x", "places": "y" * 10_000})
    assert "'yyy" in message
    assert len(message) < 300


@pytest.mark.parametrize(
    ("key", "value", "place"),
    [
        ("goods", ["nut", 5], "goods[1]: 5"),
        ("prices", {"nut": "free"}, "prices.nut: 'free'"),
        ("shelves", [[1], ["a"]], "shelves[1][0]: 'a'"),
    ],
)
def test_wrong_type_inside_a_list_or_table_names_the_place(key: str, value: object, place: str) -> None:
    assert f"{WHERE}, {place} is no valid value" in refusal({"title": "x", key: value})


def test_what_the_class_itself_refuses_names_the_table() -> None:
    message = refusal({"title": "x", "places": 0})
    assert message == f"{WHERE}: places is 0.\n  Expected at least 1.\n  Raise it."


@dataclass(frozen=True)
class Undecodable:
    """A plugin's class with an option that TOML has no words for."""

    limit: int | None = None
    pairs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unreadable:
    """A plugin's class with an option whose type is imported for the checker only."""

    vector: NDArray = ()  # type: ignore[assignment,type-arg]  # the fault under test


@pytest.mark.parametrize(
    ("cls", "parts"),
    [
        (Undecodable, ("limit", "int | None", "cannot be written in TOML", "Expected str, int, float")),
        (Unreadable, ("Unreadable", "name 'NDArray' is not defined", "not only for the type checker")),
    ],
)
def test_option_that_cannot_be_decoded_is_the_plugins_fault(cls: type, parts: tuple[str, ...]) -> None:
    message = refusal({"limit": 3} if cls is Undecodable else {}, cls)
    for part in (*parts, "fault of the plugin"):
        assert part in message


def test_an_undecodable_option_that_is_not_set_harms_nobody() -> None:
    assert decode(Undecodable, {"pairs": ["a"]}, WHERE) == Undecodable(pairs=("a",))


def test_options_are_listed_with_type_default_and_sentence() -> None:
    options = {option.name: option for option in options_of(Shop)}
    assert list(options) == ["title", "places", "discount", "open", "kind", "goods", "prices", "shelves"]
    assert options["title"] == Option("title", "text", None, True, "what stands over the door")
    assert options["places"] == Option(
        "places", "whole number", 10, False, "how many may be inside, in persons, at least 1"
    )
    assert options["kind"].type == 'one of "corner", "market"'
    assert options["prices"].default == {}
    assert options["open"].doc == ""


@dataclass(frozen=True)
class Bigger(Shop):
    """An option added to those inherited."""

    floors: int = 1  #: how many floors


def test_inherited_options_are_decoded_and_listed() -> None:
    assert decode(Bigger, {"title": "x", "floors": 2, "goods": ["nut"]}, WHERE) == Bigger("x", goods=("nut",), floors=2)
    assert [option.name for option in options_of(Bigger)][-1] == "floors"
