from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from support.rouge_reference import reference_f, reference_stream

from insgen import Candidate, ConfigError
from insgen.bank.bank import Bank
from insgen.plugins.filters.rouge import RougeFilter
from insgen.store import ledger, proposals
from insgen.store.database import Store

MakeBank = Callable[..., Bank]

SEVEN = "one two three four five six seven"
SEVENTEEN = " ".join(f"common{number}" for number in range(17))

PAIRS = [
    ("Write a short poem about the sea.", "Write a short poem about the mountains.", 0.857143),
    ("Write a short poem about the sea.", "Compose a brief poem on the ocean.", 0.428571),
    ("Translate the sentence into French.", "Translate the sentence into German.", 0.8),
    ("Summarize the article in one sentence.", "In one sentence, summarize the article.", 0.5),
    ("List three uses of a paper clip", "List five uses of a brick", 0.615385),
    ("Explain what E=mc^2 means.", "Explain what E = mc2 means", 0.727273),
    ("Don't repeat yourself.", "Do not repeat yourself.", 0.5),
    ("état civil français", "etat civil francais", 0.285714),
    ("写一首关于大海的诗", "写一首关于大山的诗", 0.0),
    (f"{SEVEN} a b c", f"{SEVEN} x y z", 0.7),
    (SEVEN, f"{SEVEN} a b c d e f", 0.7000000000000001),
    (f"{SEVENTEEN} a b c", f"{SEVENTEEN} x y z", 0.85),
    (f"{SEVENTEEN} a b", f"{SEVENTEEN} w x y z", 0.8500000000000001),
]

SEA = "Write a short poem about the sea."
FRENCH = "Translate the sentence into French."
MINI_STREAM = [  # candidate, highest F, kept at 0.7, kept at 0.85
    ("Write a short poem about the mountains.", 0.857143, False, False),
    ("Translate the sentence into German.", 0.8, False, True),
    ("Write a short poem about the deep sea.", 0.933333, False, False),
    ("List five cities in Japan.", 0.0, True, True),
    ("Translate the following sentence into French.", 0.909091, False, False),
    ("Write a short poem about the sea in winter.", 0.875, False, False),
    ("List five large cities in Japan.", 0.909091, False, False),
]


def candidates(texts: Sequence[str]) -> list[Candidate]:
    return [Candidate(text) for text in texts]


def keep(store: Store, texts: Sequence[str]) -> None:
    """Close a round in which these passed every filter."""
    with store.atomic() as conn:
        proposals.add_proposals(conn, candidates(texts), 1)
        ledger.add_kept(conn, 1, candidates(texts))


@pytest.mark.parametrize(("a", "b", "f"), PAIRS)
@pytest.mark.parametrize("limit", [0.0, 0.5, 0.7, 0.85])
def test_worked_pairs_have_the_published_f(make_bank: MakeBank, a: str, b: str, f: float, limit: float) -> None:
    verdict = RougeFilter(limit=limit, tokens="ascii").filter(candidates([a]), make_bank(kept=candidates([b])))[0]
    assert reference_f(a, b) == pytest.approx(f, abs=5e-7)
    assert verdict.kept is (reference_f(a, b) <= limit)
    assert verdict.value == (None if verdict.kept else reference_f(a, b))


def test_ties_at_the_limit_are_kept_or_rejected_as_doubles_fall(make_bank: MakeBank) -> None:
    kept = {}
    for a, b, f in PAIRS[-4:]:
        limit = round(f, 2)
        kept[f] = RougeFilter(limit=limit).filter(candidates([a]), make_bank(kept=candidates([b])))[0].kept
    assert kept == {0.7: True, 0.7000000000000001: False, 0.85: True, 0.8500000000000001: False}


@pytest.mark.parametrize(("limit", "column"), [(0.7, 2), (0.85, 3)])
def test_mini_stream_of_sedi_is_decided_as_published(make_bank: MakeBank, limit: float, column: int) -> None:
    texts = [row[0] for row in MINI_STREAM]
    verdicts = RougeFilter(limit=limit).filter(candidates(texts), make_bank(seeds=candidates([SEA, FRENCH])))
    assert [verdict.kept for verdict in verdicts] == [row[column] for row in MINI_STREAM]
    for verdict, row in zip(verdicts, MINI_STREAM, strict=True):
        if not verdict.kept:
            assert verdict.value == pytest.approx(row[1], abs=5e-7)
    by_reference = reference_stream([SEA, FRENCH], texts, limit)
    assert [verdict.value for verdict in verdicts] == [found and found[0] for found in by_reference]


def test_a_looser_limit_can_keep_less(make_bank: MakeBank) -> None:
    """Worked example G2: x bars y1, y2 and y3 once it is let in itself."""
    x = [f"w{number}" for number in range(24)]
    s = [*x[:17], *(f"other{number}" for number in range(7))]
    stream = [x, x[6:], x[:6] + x[12:], x[:12] + x[18:]]
    texts = [" ".join(words) for words in stream]
    n_kept = {}
    for limit in (0.7, 0.85):
        bank = make_bank(kept=candidates([" ".join(s)]))
        n_kept[limit] = sum(v.kept for v in RougeFilter(limit=limit).filter(candidates(texts), bank))
    assert n_kept == {0.7: 3, 0.85: 1}


def test_a_rejection_names_measure_limit_and_the_most_similar_text(make_bank: MakeBank) -> None:
    pool = candidates([FRENCH, "Write a short poem about the mountains.", SEA])
    text = Candidate("Write a short poem about the deep sea.")
    kept, rejected = RougeFilter(limit=0.7).filter([Candidate("List five cities."), text], make_bank(kept=pool))
    assert (kept.kept, kept.value, kept.neighbour, kept.reason) == (True, None, None, "")
    assert rejected.value == reference_f(text.instruction, SEA)
    assert (rejected.measure, rejected.unit, rejected.limit) == ("ROUGE-L", "similarity 0..1", 0.7)
    assert (rejected.neighbour, rejected.reason) == (pool[2].id, "ROUGE-L too high")


def test_of_equally_similar_texts_the_first_is_named(make_bank: MakeBank) -> None:
    seed, kept, fresh = candidates(["go to x now please", "go to y now please", "go to z now please"])
    text = Candidate("go to w now please")
    everyone = make_bank(seeds=[seed], kept=[kept])
    assert RougeFilter().filter([text], everyone)[0].neighbour == seed.id
    assert RougeFilter().filter([text], make_bank(kept=[kept, fresh]))[0].neighbour == kept.id
    assert RougeFilter().filter([fresh, text], make_bank())[1].neighbour == fresh.id


def test_a_rejected_candidate_rejects_nobody(make_bank: MakeBank) -> None:
    a, b, c = candidates(["a b c d e f g h i j", "a b c d e f g h x y", "a b c d e f z w x y"])
    verdicts = RougeFilter(limit=0.7).filter([a, b, c], make_bank())
    assert [verdict.kept for verdict in verdicts] == [True, False, True]
    assert reference_f(b.instruction, c.instruction) == pytest.approx(0.8)


def test_case_and_punctuation_do_not_matter_and_an_accepted_text_is_not_accepted_again(make_bank: MakeBank) -> None:
    bank = make_bank()
    verdicts = RougeFilter(limit=0.99).filter(
        candidates([SEA, SEA.upper(), "write (a) short poem: about the sea"]), bank
    )
    assert [verdict.kept for verdict in verdicts] == [True, False, False]


@pytest.mark.parametrize("tokens", ["unicode", "ascii"])
def test_a_text_without_words_is_like_nothing(make_bank: MakeBank, tokens: str) -> None:
    texts = candidates(["!!!", "!!!", "??? ...", "word"])
    bank = make_bank(kept=candidates(["?!", "another word"]))
    verdicts = RougeFilter(limit=0.0, tokens=tokens).filter(texts, bank)
    assert [verdict.kept for verdict in verdicts] == [True, True, True, False]


def test_other_scripts_are_compared_by_default_and_always_new_to_the_reference(make_bank: MakeBank) -> None:
    poems = candidates(["写一首关于大海的诗", "写一首关于大山的诗"])
    bank = make_bank()
    assert [v.kept for v in RougeFilter(tokens="unicode").filter(poems, bank)] == [True, False]
    assert [v.kept for v in RougeFilter(tokens="ascii").filter(poems, bank)] == [True, True]


def test_pool_says_which_earlier_texts_count(make_bank: MakeBank, make_candidate: Callable[..., Candidate]) -> None:
    import numpy as np

    member = make_candidate(instruction="member alpha beta gamma", vector=np.eye(4, dtype=np.float32)[0])
    evicted, seed = candidates(["evicted delta epsilon zeta", "seed eta theta iota"])
    bank = make_bank(members=[member], kept=[evicted], seeds=[seed])
    texts = [member, evicted, seed]
    kept = {
        pool: [v.kept for v in RougeFilter(pool=pool).filter(texts, bank)] for pool in ("kept", "kept-only", "bank")
    }
    assert kept == {"kept": [False] * 3, "kept-only": [False, False, True], "bank": [False, True, False]}


def test_what_was_kept_between_rounds_counts_in_the_next_one(store: Store) -> None:
    bank = Bank(store.conn, "none", 4)
    judge = RougeFilter()
    assert judge.filter(candidates([SEA]), bank)[0].kept
    keep(store, ["List five cities in Japan.", "Name a colour."])
    assert judge.filter(candidates([SEA]), bank)[0].kept, "what a later filter dropped must not count"
    keep(store, [SEA, FRENCH])
    again = judge.filter(candidates([SEA, "Translate the sentence into German."]), bank)
    assert [verdict.kept for verdict in again] == [False, False]


def test_a_filter_with_a_past_answers_like_a_new_one(store: Store, make_bank: MakeBank) -> None:
    bank, judge = Bank(store.conn, "none", 4), RougeFilter(limit=0.5)
    texts = [f"{first} a {second} of {third}" for first in "bcd" for second in "efg" for third in "hij"]
    for start in range(0, len(texts), 9):
        part = texts[start : start + 9]
        expected = RougeFilter(limit=0.5).filter(candidates(part), bank)
        found = judge.filter(candidates(part), bank)
        assert found == expected
        keep(store, [text for text, verdict in zip(part, found, strict=True) if verdict.kept])
    other = make_bank(kept=candidates(texts[5:]), seeds=candidates(texts[:2]))
    assert judge.filter(candidates(texts), other) == RougeFilter(limit=0.5).filter(candidates(texts), other)
    assert judge.filter(candidates(texts), bank) == RougeFilter(limit=0.5).filter(candidates(texts), bank)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"limit": 1.5}, "limit = 1.5"),
        ({"limit": float("nan")}, "limit = nan"),
        ({"tokens": "words"}, 'tokens = "words"'),
        ({"pool": "all"}, 'pool = "all"'),
    ],
)
def test_options_out_of_range_are_refused_with_value_expectation_and_cure(
    options: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        RougeFilter(**options)
    assert complaint in str(caught.value)
    assert "Expected" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 2
