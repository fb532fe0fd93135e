"""Any text in: no exception, nothing invented, the same answer each time."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from insgen import clean_text
from insgen.plugins.generators._reading import Source, read_source
from insgen.plugins.generators.documents._make import Wanted, make_triples

if TYPE_CHECKING:
    from insgen.plugins.generators.documents._triple import Triple

KINDS = frozenset({"procedure", "definition", "code", "table", "question", "section", "list"})
WANTED = Wanted("", "", KINDS, 1, 400)

PIECES = st.sampled_from(
    [
        "# Title",
        "## What is a jib for?",
        "### Keep the line dry",
        "Underlined\n----------",
        "---",
        "To hoist the sail:",
        "Signs of wear:",
        "This query lists every index:",
        "1. Open `a`.\n2. Close it.",
        "3. Third\n\n   more\n4. Fourth",
        "- one\n- two\n  - nested",
        "```sql\nSELECT 1;\n```",
        "~~~\nunclosed",
        "| A | Meaning |\n|---|---|\n| x | some words |\n| y |",
        "**Jib** is a sail before the mast.",
        "- **Jib**: a sail before the mast\n- **Boom**: a spar below the sail",
        "Q: Who?\nA: The skipper of the boat.",
        "> quoted",
        "A line is wet. It dries in the sun.",
        "<!-- comment -->",
        "[x]: http://example.org",
        "    indented",
        "\u202e\u2066bidi\u2069",
        "\t tab \x07",
    ]
)
TEXTS = st.one_of(
    st.text(max_size=300), st.lists(st.one_of(PIECES, st.text(max_size=40)), max_size=14).map("\n\n".join)
)


def _triples(text: str, suffix: str) -> list[Triple]:
    documents, _ = read_source(Source(f"a{suffix}", suffix, text.encode("utf-8", "replace")))
    return [triple for _, triple in make_triples(documents, WANTED)]


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.sampled_from([".md", ".txt"]))
def test_outputs_and_inputs_are_pieces_of_the_source(text: str, suffix: str) -> None:
    source = clean_text(text.encode("utf-8", "replace").decode("utf-8-sig"))
    for triple in _triples(text, suffix):
        # A term stands in its document with marks around it, so its words are looked for one by one.
        pieces = triple.output.split() if triple.names else [triple.output]
        assert all(clean_text(piece) in source for piece in [*pieces, triple.input])


@settings(max_examples=200, deadline=None)
@given(TEXTS, st.sampled_from([".md", ".txt", ".html"]))
def test_any_text_gives_sound_triples_and_the_same_ones_again(text: str, suffix: str) -> None:
    found = _triples(text, suffix)

    assert _triples(text, suffix) == found
    for triple in found:
        assert triple.kind in KINDS
        assert triple.output.strip()
        assert len(triple.instruction.split()) >= 2
        first, last = triple.span()
        if suffix != ".html":
            assert first is not None
            assert last is not None
            assert 1 <= first <= last <= sum(map(text.count, "\n\r\x85")) + 1


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400), st.sampled_from([".md", ".txt", ".html", ".rst"]))
def test_any_bytes_are_a_document_or_unreadable_with_a_reason(content: bytes, suffix: str) -> None:
    documents, reason = read_source(Source("a", suffix, content))

    assert bool(documents) != bool(reason)
    if reason is not None:
        assert reason.reason
        assert reason.line is None or 1 <= reason.line <= content.count(b"\n") + 1


def test_broken_pdfs_never_raise() -> None:
    from support.documents import pdf

    whole = pdf([["One line of text that is long enough."]])
    rng = Random(7)
    for _ in range(60):
        cut = bytearray(whole[: rng.randrange(len(whole))])
        for _ in range(rng.randrange(8)):
            if cut:
                cut[rng.randrange(len(cut))] = rng.randrange(256)
        documents, reason = read_source(Source("a.pdf", ".pdf", bytes(cut)))
        assert bool(documents) != bool(reason)
