"""The reference of the hooks and the code it is made from: neither may change without the other."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
from support import hooks_doc
from support.hooks_doc import members_of, read_docstring, signature_of

from insgen.hooks import handed, stages
from insgen.hooks.manager import KINDS

TEXT = hooks_doc.DOC.read_text(encoding="utf-8")
PROTOCOLS = [*hooks_doc.stage_protocols().values(), *(getattr(handed, name) for name in hooks_doc.HELPERS)]
MEMBERS = {f"{each.__name__}.{name}": member for each in PROTOCOLS for name, member in members_of(each).items()}
METHODS = {
    f"{each.__name__}.{name}": member
    for each in hooks_doc.stage_protocols().values()
    for name, member in members_of(each).items()
    if inspect.isfunction(member)
}
OFFICIAL = {**hooks_doc.hooks(), **METHODS}


@pytest.mark.parametrize("name", ["offers", "watchers", "stages", "helpers", "records"])
def test_generated_part_is_what_the_code_gives(name: str) -> None:
    assert hooks_doc.part(TEXT, name) == hooks_doc.generated()[name], "run: python tests/support/hooks_doc.py --write"


@pytest.mark.parametrize("name", [*hooks_doc.hooks(), *MEMBERS])
def test_every_hook_and_every_method_stands_there_with_its_signature(name: str) -> None:
    thing: Any = {**hooks_doc.hooks(), **MEMBERS}[name]
    function = thing.fget if isinstance(thing, property) else thing
    entry = re.search(rf"^####? {re.escape(name)}\n(.*?)(?=^##|\Z)", TEXT, re.DOTALL | re.MULTILINE)

    assert entry
    assert f"\n{signature_of(function, name.split('.')[-1])}\n```" in entry[1]


def test_every_protocol_stands_there() -> None:
    everything = {**vars(handed), **vars(stages)}
    described = {
        each for each, cls in everything.items() if getattr(cls, "_is_protocol", False) and inspect.isclass(cls)
    }

    assert described - {"Protocol"} <= set(re.findall(r"^### (\w+)", TEXT, re.MULTILINE))
    assert set(hooks_doc.stage_protocols()) == set(KINDS)


@pytest.mark.parametrize("name", OFFICIAL)
def test_docstring_tells_purpose_moment_parameters_returns_and_errors(name: str) -> None:
    function: Any = OFFICIAL[name]
    told = read_docstring(function)
    found = inspect.signature(function)

    assert told.summary.endswith(".")
    assert re.search(r"\bCalled\b|^Watch ", " ".join([told.summary, *told.rest])), "when is it called?"
    assert list(told.of("param")) == [each for each in found.parameters if each != "self"]
    assert bool(told.of("returns")) is (found.return_annotation != "None")
    assert told.of("raises")
    assert all(len(sentence) > 5 for _, _, sentence in told.fields)


def test_drawing_of_a_round_has_every_stage_and_every_watcher() -> None:
    drawing = TEXT.split("## One round")[1].split("## ")[0]
    watchers = [name for name, each in hooks_doc.hooks().items() if read_docstring(each).summary.startswith("Watch ")]

    assert [name for name in [*METHODS, *watchers] if name not in drawing] == []


def test_drawing_has_the_stages_in_the_order_in_which_they_run() -> None:
    drawing = TEXT.split("## One round")[1].split("## ")[0]
    order = ["FeedbackSource.read", "SeedPolicy.update", "SeedPolicy.draw", "Generator.generate", "Parser.parse"]
    order += ["Filter.filter", "Embedder.embed", "Responder.respond", "Scorer.score", "Selector.select"]
    order += ["insgen_round_finished", "insgen_bank_changed", "insgen_run_finished"]

    places = [drawing.index(each) for each in order]
    assert places == sorted(places)


def test_links_lead_to_files_and_headings_that_are_there() -> None:
    headings = set(re.findall(r"^#+ (\S+)$", TEXT, re.MULTILINE))
    for link in re.findall(r"\]\(([^)]+)\)", TEXT):
        if link.startswith("#"):
            assert link[1:] in headings, link
        else:
            assert (hooks_doc.DOC.parent / link).exists(), link


@pytest.mark.parametrize(
    ("docstring", "summary", "fields"),
    [
        ("Do it.", "Do it.", ()),
        (
            "Do it\nnow.\n\nCalled.\n\n:param a: one\n    two.\n:raises: nothing.",
            "Do it now.",
            (("param", "a", "one two."), ("raises", "", "nothing.")),
        ),
        (":raises insgen.StageError: none.", "", (("raises", "insgen.StageError", "none."),)),
    ],
)
def test_docstring_is_read_as_it_is_written(
    docstring: str, summary: str, fields: tuple[tuple[str, str, str], ...]
) -> None:
    def documented() -> None: ...

    documented.__doc__ = docstring
    told = read_docstring(documented)
    assert (told.summary, told.fields) == (summary, fields)
