"""Cuts to a budget: the worked example of PIBE's specification for the released walk, properties for ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.members import ranked

from insgen.records import Candidate, Member, Turn
from insgen.report.budget import Budget, Cut, CutNote, WalkName, messages, walk


def conversation(*tokens: int) -> Candidate:
    """Question, answer, question ... of so many words each; nothing is answered after an odd number."""
    texts = [" ".join(["word"] * n) for n in tokens] + [""]
    roles = ["user", "assistant"]
    later = tuple(Turn(roles[place % 2], text) for place, text in enumerate(texts[2:-1]))
    return Candidate(texts[0], output=texts[1], turns=later)


def words(text: str) -> int:
    return len(text.split())


def cut(
    conversations: Sequence[Candidate], name: WalkName = "clean", **budget: int | None
) -> tuple[list[list[int]], Cut]:
    """Walk down; each row that is left as the word counts of its messages."""
    note = CutNote(Budget(**budget), name)
    rows = list(walk(note, words).rows(ranked(*conversations)))
    return [[words(text) for _, text in messages(row.candidate) if text] for row in rows], note.cut


EXAMPLE_5 = [conversation(10, 40), conversation(20, 30, 5, 60), conversation(90, 50), conversation(8, 25)]
EXAMPLE_5.append(conversation(8, 12))


def test_example_5_longest_conversation_of_100() -> None:
    rows, passed = cut(EXAMPLE_5, "paper", max_length=100)

    assert rows == [[10, 40], [20, 30], [90], [8, 25], [8, 12]]
    assert (passed.n_replies, passed.n_tokens) == (4, 107)


def test_example_5_three_replies() -> None:
    rows, passed = cut(EXAMPLE_5, "paper", max_length=100, max_replies=3)

    assert rows == [[10, 40], [20, 30], [90], [8, 25]]
    assert (passed.n_replies, passed.n_tokens) == (3, 95)


def test_example_5_everything_fits_2048() -> None:
    rows, passed = cut(EXAMPLE_5, "paper", max_length=2048)

    assert rows == [[10, 40], [20, 30, 5, 60], [90, 50], [8, 25], [8, 12]]
    assert (passed.n_replies, passed.n_tokens) == (6, 217)


def test_released_walk_counts_the_reply_that_breaks_the_budget_and_adds_it_twice() -> None:
    rows, passed = cut([conversation(1, 40), conversation(1, 30), conversation(1, 5)], "paper", max_tokens=80)

    # 40 + 40 is no more than 80, so the first stays; 70 + 30 is, so the second loses its answer and is counted; 75 + 5
    # is not.
    assert rows == [[1, 40], [1], [1, 5]]
    assert (passed.n_replies, passed.n_tokens) == (2, 75)


def test_clean_walk_keeps_whole_exchanges_and_leaves_out_what_cannot_fit() -> None:
    rows, passed = cut(EXAMPLE_5, max_length=100)

    assert rows == [[10, 40], [20, 30], [8, 25], [8, 12]]
    assert (passed.n_replies, passed.n_tokens) == (4, 107)
    assert (passed.n_shortened, passed.n_too_long) == (1, 1)


@pytest.mark.parametrize(
    ("budget", "n_rows"),
    [
        ({"max_tokens": 39}, 0),
        ({"max_tokens": 40}, 1),
        ({"max_tokens": 129}, 1),
        ({"max_tokens": 130}, 2),
        ({"max_replies": 2}, 1),
        ({"max_replies": 3}, 2),
        ({"top": 2, "max_tokens": 1000}, 2),
        ({"top": 3}, 3),
        ({}, 5),
    ],
)
def test_clean_walk_stops_before_the_row_that_would_break_a_budget(budget: dict[str, int], n_rows: int) -> None:
    rows, passed = cut(EXAMPLE_5, **budget)

    assert len(rows) == passed.n_rows == n_rows
    assert passed.n_tokens <= budget.get("max_tokens", 1000)


def test_a_system_message_counts_for_the_length() -> None:
    row = replace(conversation(5, 5), system="be brief")

    assert cut([row], max_length=12)[0] == [[5, 5]]
    assert cut([row], max_length=11)[0] == []


def test_rows_without_an_answer_stay_where_only_rows_are_counted() -> None:
    rows = [conversation(4), conversation(4, 4)]

    assert cut(rows, top=2)[0] == [[4], [4, 4]]
    found, passed = cut(rows, max_replies=5)
    assert (found, passed.n_unanswered) == ([[4, 4]], 1)


def test_a_shortened_row_keeps_its_id_and_its_measures() -> None:
    [member] = ranked(conversation(1, 1, 1, 90))
    [row] = walk(CutNote(Budget(max_length=10)), words).rows([member])

    assert row.candidate.id == member.candidate.id
    assert (row.candidate.output, row.candidate.turns) == ("word", ())
    assert (row.rank, row.utility) == (member.rank, member.utility)


banks = st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=6).map(lambda n: conversation(*n)), max_size=12)
limits = st.one_of(st.none(), st.integers(1, 120))


@settings(max_examples=150, deadline=None)
@given(banks, limits, limits, limits, st.integers(0, 60))
def test_every_cut_is_the_beginning_of_a_larger_ones(
    bank: list[Candidate], tokens: int | None, replies: int | None, length: int | None, more: int
) -> None:
    members: list[Member] = ranked(*bank)
    small = Budget(None, tokens, replies, length)
    large = Budget(None, tokens and tokens + more, replies and replies + more, length)
    kept, longer = (list(walk(CutNote(each), words).rows(members)) for each in (small, large))

    assert longer[: len(kept)] == kept
    spoken = [words(text) for row in kept for role, text in messages(row.candidate) if role == "assistant"]
    if small.counts:
        assert tokens is None or sum(spoken) <= tokens
        assert replies is None or len(spoken) <= replies
        assert length is None or all(sum(words(t) for _, t in messages(row.candidate)) <= length for row in kept)
