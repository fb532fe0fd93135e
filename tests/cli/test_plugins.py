from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from support.cli import Result
from support.projects import PLAIN, plugin

from insgen.cli.plugins import wrapped
from insgen.config.load import resolve
from insgen.config.options import options_of
from insgen.hooks.manager import KINDS, load_plugins

Cli = Callable[..., Result]
STAGES = [offer for offer in load_plugins().offers if offer.kind in KINDS]


def test_every_offer_is_listed_with_its_distribution(cli: Cli) -> None:
    found = cli("plugins", "list", "--json").json()

    assert [(each["kind"], each["name"]) for each in found["offers"]] == [
        (o.kind, o.name) for o in load_plugins().offers
    ]
    assert all(each["summary"] for each in found["offers"])
    assert found["broken"] == []
    told = cli("plugins", "list").stdout
    assert all(offer.name in told for offer in STAGES)


def test_one_kind_alone_is_listed(cli: Cli) -> None:
    found = cli("plugins", "list", "--kind", "scorer", "--json").json()["offers"]

    assert {each["kind"] for each in found} == {"scorer"}


def test_unknown_kind_is_a_usage_error_with_a_suggestion(cli: Cli) -> None:
    done = cli("plugins", "list", "--kind", "filters")

    assert (done.code, done.stdout) == (2, "")
    assert 'Did you mean "filter"?' in done.stderr


@pytest.mark.parametrize("offer", STAGES, ids=lambda offer: offer.name)
def test_stage_is_shown_with_its_text_and_all_options(cli: Cli, offer: object) -> None:
    told = cli("plugins", "show", offer.name).stdout  # type: ignore[attr-defined]  # an Offer
    found = cli("plugins", "show", offer.name, "--json").json()  # type: ignore[attr-defined]  # an Offer

    options = options_of(offer.cls)  # type: ignore[attr-defined]  # an Offer
    kind = offer.kind  # type: ignore[attr-defined]  # an Offer
    (one,) = [each for each in found if each["kind"] == kind]
    assert [each["name"] for each in one["options"]] == [option.name for option in options]
    assert all(f"  {option.name}: {option.type}, " in told for option in options)
    assert len(one["text"]) > 40


@pytest.mark.parametrize(
    "offer", [o for o in STAGES if o.kind not in ("exporter", "parser")], ids=lambda offer: offer.name
)
def test_place_in_the_config_is_shown_as_it_loads(cli: Cli, offer: object) -> None:
    told = cli("plugins", "show", offer.name).stdout  # type: ignore[attr-defined]  # an Offer

    place = told[told.index("In insgen.toml:") :].split("\n\n")[1]
    config = resolve(tomllib.loads(place), Path("insgen.toml"))
    used = {use.use for use in [*config.generate, *config.filters, config.embed[1], config.select[1], config.seeds]}
    used |= {scored.use for scored, _ in config.scores} | {config.embed[0].executor}
    used |= {config.respond.use} if config.respond else set()
    used |= {use.use for use in config.feedback}
    assert offer.name in used  # type: ignore[attr-defined]  # an Offer


def test_unknown_name_is_a_usage_error_with_a_suggestion(cli: Cli) -> None:
    done = cli("plugins", "show", "rogue")

    assert (done.code, done.stdout) == (2, "")
    assert 'No stage is called "rogue". Did you mean "rouge"?' in done.stderr


def test_plugins_that_a_project_names_are_shown_too(cli: Cli, make_project: Callable[..., Path]) -> None:
    rogue = plugin(
        "limit: float = 0.5  #: largest share, 0 to 1\ndef filter(self, candidates, bank): return []", "insgen_filters"
    )
    project = make_project('plugins = ["./rogue.py"]\n' + PLAIN, {"rogue.py": rogue})

    assert cli("plugins", "show", "rogue").code == 2
    told = cli("plugins", "show", "rogue", "-p", project).stdout
    assert "filter rogue  (offered by ./rogue.py, config b2:" in told
    assert "limit: number, default 0.5\n      largest share, 0 to 1" in told
    listed = cli("plugins", "list", "-p", project, "--json").json()["offers"]
    assert listed[-1]["name"] == "rogue"


def test_recipes_are_listed_and_print_their_config(cli: Cli) -> None:
    listed = cli("recipes", "list", "--json").json()

    assert [each["name"] for each in listed] == [
        *("alpaca", "deita", "diverseevol", "documents", "grounded", "k-center", "pibe", "pibe-paper", "raise"),
        *("sedi", "sedi-pibe", "sedi-pibe-train", "self-instruct", "self-instruct-paper"),
    ]
    for recipe in listed:
        assert recipe["name"] in cli("recipes", "list").stdout
        shown = cli("recipes", "show", recipe["name"]).stdout
        assert tomllib.loads(shown)["recipe"] == recipe["name"]
        assert cli("recipes", "show", recipe["name"], "--json").json()["toml"].strip() == shown.strip()
    assert cli("recipes", "show", "nothing").code == 2


def test_paragraph_is_filled_whatever_its_lines_were_in_the_source() -> None:
    text = "Some words of a first line that is rather long,\nand of a second.\n\n- a list\n- as it is"

    assert wrapped(text) == "Some words of a first line that is rather long, and of a second.\n\n- a list\n- as it is"
