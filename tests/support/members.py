"""Members for exports: one of every shape that a format may stumble over."""

from __future__ import annotations

from insgen import Candidate, Member, Origin, Turn

MANUAL = Origin("documents", "docs/manual.md", 3, 9, "CC-BY-4.0", kind="procedure")


def ranked(*candidates: Candidate) -> list[Member]:
    return [
        Member(candidate, rank, diversity=1.0 / rank, quality=0.5, utility=-float(rank))
        for rank, candidate in enumerate(candidates, start=1)
    ]


def varied_members() -> list[Member]:
    """A plain one, one with input, a long conversation with a system message, line ends and scripts, no answer."""
    turns = (Turn("user", "And faster?"), Turn("assistant", "Use an index."))
    return ranked(
        Candidate("Explain a pod.", output="A pod holds containers.", origin=MANUAL),
        Candidate("Translate.", "Guten Tag", "Good day", origin=Origin("dataset", "tatoeba", licence="CC-BY-2.0")),
        Candidate("Sort a list.", output="Call sort().", turns=turns, system="You are terse.", origin=Origin("llm")),
        Candidate(
            "Say \u2028 two\u2029lines\x85here", output='Zeichen: „ß“ \U0001f600 "quoted" \\ {"a": 1}\n- one\n- two'
        ),
        Candidate("Never answered.", origin=MANUAL),
    )
