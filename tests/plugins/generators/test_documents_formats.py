"""HTML, plain text and PDF: the same triples from other shapes."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from support.documents import generate, pdf, triples

from insgen import Candidate

PAGE = """<!doctype html><html><head><title>Sailing</title><style>p { color: red }</style></head>
<body><nav><h2>Menu</h2><p>Home and other pages of this site.</p></nav><main><h1>Sailing for everyone</h1>
<script>document.write("<p>never</p>")</script>
<h2>What is a <code>jib</code> for?</h2>
<p>It balances the <b>mainsail</b> &amp; pulls
the bow round.</p>
<p>To hoist the jib:</p>
<ol start="2"><li>Untie the sail.<ul><li>Keep the ties.</li></ul></li><li>Pull the halyard.</li></ol>
<h2>Glossary</h2>
<dl><dt>Boom</dt><dd>the spar at the foot of the mainsail</dd><dt>Sheet</dt><dd>the rope that trims a sail</dd></dl>
<h2>Flags</h2>
<table><tr><th>Flag</th><th>Meaning</th></tr><tr><td>A</td><td>diver down, keep clear</td></tr>
<tr><td>B</td><td>dangerous goods on board</td></tr></table>
<p>To list the log:</p><pre><code class="language-sh">cat  log.txt | sort
tail log.txt</code></pre>
</main><footer><p>Copyright of somebody.</p></footer></body></html>"""


def _by_kind(found: list[Candidate], kind: str) -> list[str]:
    return sorted(c.output for c in found if c.origin.kind == kind)


def test_html_gives_its_words_as_markdown_without_line_numbers(tmp_path: Path) -> None:
    found = triples(tmp_path, PAGE, "docs/page.html")

    assert _by_kind(found, "question") == ["It balances the **mainsail** & pulls the bow round."]
    assert _by_kind(found, "procedure") == ["2. Untie the sail.\n   - Keep the ties.\n3. Pull the halyard."]
    assert _by_kind(found, "definition") == [
        "Boom",
        "Sheet",
        "the rope that trims a sail",
        "the spar at the foot of the mainsail",
    ]
    assert "```sh\ncat  log.txt | sort\ntail log.txt\n```" in _by_kind(found, "code")
    assert _by_kind(found, "table") == [
        "dangerous goods on board",
        "diver down, keep clear",
        "| Flag | Meaning |\n| --- | --- |\n| A | diver down, keep clear |\n| B | dangerous goods on board |",
    ]
    assert {(c.origin.source, c.origin.line_start, c.origin.line_end) for c in found} == {
        ("docs/page.html", None, None)
    }


def test_html_scripts_styles_and_navigation_leave_no_word(tmp_path: Path) -> None:
    found = triples(tmp_path, PAGE, "docs/page.htm")

    texts = " ".join(c.instruction + c.output for c in found)
    assert not any(word in texts for word in ("never", "color", "Menu", "Home", "Copyright"))


@pytest.mark.parametrize("tag", ["div", "b", "ul><li", "blockquote", "table><tr><td", "dl><dd"])
def test_deeply_nested_html_is_no_error(tmp_path: Path, tag: str) -> None:
    page = "<h2>Why is it wet?</h2><p>It rained the whole night.</p><h2>Deep</h2>" + f"<{tag}>" * 2000 + "deep"
    found = triples(tmp_path, page, "docs/page.html")

    assert "It rained the whole night." in [c.output for c in found]


def test_unclosed_paragraphs_are_read_as_browsers_read_them(tmp_path: Path) -> None:
    page = "<h2>Why is it wet?</h2><p>It rained the whole night.<p>And the day.<h2>Next</h2>"
    [candidate] = triples(tmp_path, page, "docs/page.html")

    assert candidate.output == "It rained the whole night.\n\nAnd the day."


TEXT = """SAILING FOR EVERYONE

What is a jib for?

It balances the mainsail and pulls the bow round.

To hoist the jib:

1) Untie the sail.
   Keep the ties.
2) Pull the halyard.

2. Weather

Wind from the west brings rain to this coast in autumn.

Q: Who reads the forecast?
A: The skipper reads it aloud at breakfast.
"""


def test_plain_text_is_read_with_its_lines(tmp_path: Path) -> None:
    found = triples(tmp_path, TEXT, "docs/notes.txt")

    assert [(c.origin.kind, c.origin.line_start, c.origin.line_end, c.output) for c in found] == [
        ("question", 5, 5, "It balances the mainsail and pulls the bow round."),
        ("procedure", 9, 11, "1) Untie the sail.\n   Keep the ties.\n2) Pull the halyard."),
        ("question", 17, 18, "The skipper reads it aloud at breakfast."),
    ]


def test_rst_is_read_as_text_and_its_directives_are_left_aside(tmp_path: Path) -> None:
    text = (
        "Sails\n=====\n\nJib sheets\n----------\n\n.. note::\n   Never stand on a sheet.\n\n   Really.\n\nA rope.\n\n"
    )
    text += "Why two?\n--------\n\nOne for each side of the boat.\n"

    assert [c.output for c in triples(tmp_path, text, "docs/a.rst")] == ["One for each side of the boat."]


PAGES = [
    ["Harbour notes", "Why two lines?", "One line can break at night.", "1. Mooring", "The bow goes first, always."],
    ["Harbour notes", "To moor the boat:", "1. Throw the line.", "2. Make it fast.", "The rest of this page goes on"],
    ["Harbour notes", "with the next. It ends here.", "Who pays?", "The skipper pays in the morning."],
]


def test_pdf_names_page_and_line_and_makes_nothing_of_a_section_that_a_page_break_cuts(tmp_path: Path) -> None:
    path = tmp_path / "docs" / "harbour.pdf"
    path.parent.mkdir()
    path.write_bytes(pdf(PAGES, {"Mooring": 0}))

    found = {c.output: c.origin for c in generate(tmp_path).candidates}

    assert {text: (origin.source, origin.kind) for text, origin in found.items()} == {
        "One line can break at night.": ("docs/harbour.pdf#page=1", "question"),
        "1. Throw the line.\n2. Make it fast.": ("docs/harbour.pdf#page=2", "procedure"),
        "The skipper pays in the morning.": ("docs/harbour.pdf#page=3", "question"),
    }
    steps = found["1. Throw the line.\n2. Make it fast."]
    assert (steps.line_start, steps.line_end) == (3, 4)


def test_running_head_is_no_part_of_any_text(tmp_path: Path) -> None:
    path = tmp_path / "docs" / "harbour.pdf"
    path.parent.mkdir()
    path.write_bytes(pdf(PAGES))

    assert not any("Harbour notes" in c.output for c in generate(tmp_path).candidates)


def test_pdf_without_text_or_broken_is_unreadable_with_the_reason(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.pdf").write_bytes(pdf([[], []]))
    (docs / "b.pdf").write_bytes(b"%PDF-1.4\nnothing of the kind")
    (docs / "c.md").write_text("# A\n\n## Why so?\n\nBecause it is so here.\n", encoding="utf-8")

    reasons = {u.source: u.reason for u in generate(tmp_path).unreadable}

    assert "holds no text" in reasons["docs/a.pdf"]
    assert "not a readable PDF" in reasons["docs/b.pdf"]
