"""The fast index against an exhaustive search by the rouge_score package: nothing may be lost, ties included."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score import rouge_scorer
from support.rouge_reference import reference_f, reference_stream

from insgen import Candidate
from insgen.bank.bank import Bank
from insgen.plugins.filters.rouge import RougeFilter
from insgen.plugins.filters.rouge._index import Match, RougeIndex, f_measure
from insgen.plugins.filters.rouge._tokens import Vocabulary, ascii_tokens, unicode_tokens
from insgen.store.database import open_store

LIMITS = [0.0, 0.2, 0.5, 0.6, 0.7, 0.85, 0.95, 1.0]

few_words = st.sampled_from(list("abcdefgh"))
skewed_words = st.one_of(st.sampled_from(["the", "a", "of"]), st.integers(0, 60).map(lambda n: f"w{n}"))
texts = st.one_of(
    st.lists(few_words, max_size=14).map(" ".join),
    st.lists(skewed_words, min_size=1, max_size=25).map(" ".join),
)


@pytest.fixture(scope="module")
def empty_bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    store = open_store(tmp_path_factory.mktemp("empty") / "insgen.db")
    yield Bank(store.conn, "none", 4)
    store.close()


def outcomes(stream: Sequence[str], bank: Bank, limit: float) -> list[tuple[float | None, str | None] | None]:
    candidates = [Candidate(text) for text in stream]
    verdicts = RougeFilter(limit=limit, tokens="ascii").filter(candidates, bank)
    assert [verdict.candidate_id for verdict in verdicts] == [candidate.id for candidate in candidates]
    return [None if verdict.kept else (verdict.value, verdict.neighbour) for verdict in verdicts]


def expected(stream: Sequence[str], limit: float) -> list[tuple[float, str] | None]:
    ids = [Candidate(text).id for text in stream]
    return [found and (found[0], ids[found[1]]) for found in reference_stream([], stream, limit)]


@settings(max_examples=150, deadline=None)
@given(st.lists(texts, max_size=30), st.sampled_from(LIMITS))
def test_a_stream_is_decided_as_by_exhaustive_search(empty_bank: Bank, stream: list[str], limit: float) -> None:
    assert outcomes(stream, empty_bank, limit) == expected(stream, limit)


@pytest.mark.parametrize("limit", [0.5, 0.7, 0.85])
@pytest.mark.parametrize("n_words", [5, 40, 3000])
def test_a_long_stream_with_frequent_words_is_decided_as_by_exhaustive_search(
    empty_bank: Bank, limit: float, n_words: int
) -> None:
    rng = random.Random(n_words)
    words = [f"w{number}" for number in range(n_words)]
    weights = [1 / (rank + 1) for rank in range(n_words)]
    stream = [" ".join(rng.choices(words, weights, k=rng.randint(1, 18))) for _ in range(250)]
    for place in range(0, 250, 2):  # every second one resembles an earlier one
        copy = stream[rng.randrange(place + 1)].split()
        copy[rng.randrange(len(copy))] = rng.choice(words)
        stream[place] = " ".join(copy)
    found = outcomes(stream, empty_bank, limit)
    assert found == expected(stream, limit)
    assert 0 < found.count(None) < 250


def test_a_word_that_thousands_of_texts_begin_with_hides_nothing() -> None:
    vocabulary = Vocabulary()
    index = RougeIndex(0.7, vocabulary)
    for number in range(2000):
        index.add(str(number), ["what", "is", f"w{number % 7}", f"v{number}"])
    assert index.nearest(vocabulary.query(["what", "is", "w6", "new"])) == Match(0.75, "6")
    assert index.nearest(vocabulary.query(["what", "is", "v13", "new"])) == Match(0.75, "13")
    assert index.nearest(vocabulary.query(["what", "is", "new", "newer"])) is None


@pytest.mark.parametrize(
    ("limit", "numerator", "denominator", "n_ties", "n_rejected"), [(0.7, 7, 10, 531, 272), (0.85, 17, 20, 153, 48)]
)
def test_exact_ties_fall_as_in_the_reference(
    limit: float, numerator: int, denominator: int, n_ties: int, n_rejected: int
) -> None:
    """All lengths up to 150 for which F equals the limit exactly: (L, |a|, |b|) with 2L/(|a|+|b|) = limit."""
    ties = [
        (numerator * (a + b) // (2 * denominator), a, b)
        for a in range(1, 151)
        for b in range(1, 151)
        if numerator * (a + b) % (2 * denominator) == 0 and numerator * (a + b) <= 2 * denominator * min(a, b)
    ]
    rejected = []
    for n_common, n_a, n_b in ties:
        common = [f"c{word}" for word in range(n_common)]
        vocabulary = Vocabulary()
        index = RougeIndex(limit, vocabulary)
        index.add("b", common + [f"b{word}" for word in range(n_b - n_common)])
        words = common + [f"a{word}" for word in range(n_a - n_common)]
        rejected.append(index.nearest(vocabulary.query(words)) is not None)
    assert len(ties) == n_ties
    assert sum(rejected) == n_rejected
    by_reference = [  # its last step, for its table of 531 pairs of texts would take long
        rouge_scorer.scoring.fmeasure(n_common / n_b, n_common / n_a) > limit for n_common, n_a, n_b in ties
    ]
    assert rejected == by_reference


def test_the_order_of_the_two_texts_does_not_change_f() -> None:
    assert all(
        f_measure(n_common, a, b) == f_measure(n_common, b, a)
        for a in range(1, 60)
        for b in range(a, 60)
        for n_common in range(a + 1)
    )


@settings(max_examples=100, deadline=None)
@given(st.lists(texts, min_size=1, max_size=15), texts, st.randoms(use_true_random=False))
def test_the_order_of_the_pool_changes_no_decision(pool: list[str], text: str, rng: random.Random) -> None:
    shuffled = rng.sample(pool, len(pool))
    found = []
    for order in (pool, shuffled):
        vocabulary = Vocabulary()
        index = RougeIndex(0.6, vocabulary)
        for other in order:
            index.add(other, ascii_tokens(other))
        found.append(index.nearest(vocabulary.query(ascii_tokens(text))))
    assert [match and match.f for match in found] == [found[0] and found[0].f] * 2


def test_indexes_that_share_a_vocabulary_give_the_first_of_the_best() -> None:
    vocabulary = Vocabulary()
    first, second = RougeIndex(0.5, vocabulary), RougeIndex(0.5, vocabulary)
    first.add("first", ["a", "b", "c", "d", "x"])
    second.add("equal", ["a", "b", "c", "d", "y"])
    query = vocabulary.query(["a", "b", "c", "d", "z"])
    assert second.nearest(query, first.nearest(query)) == Match(0.8000000000000002, "first")
    second.add("better", ["a", "b", "c", "d", "z", "q"])
    query = vocabulary.query(["a", "b", "c", "d", "z"])
    match = second.nearest(query, first.nearest(query))
    assert match is not None
    assert match.id == "better"


def test_vocabularies_beyond_the_last_code_point_still_match() -> None:
    vocabulary = Vocabulary()
    index = RougeIndex(0.7, vocabulary)
    index.add("early", ["a", "b", "c", "d"])
    vocabulary.learn([f"filler{number}" for number in range(0x110000)])
    index.add("late", ["a", "b", "new", "newer", "newest"])
    assert index.nearest(vocabulary.query(["a", "b", "c", "x"])) == Match(0.75, "early")
    late = index.nearest(vocabulary.query(["a", "b", "new", "newer", "other"]))
    assert late is not None
    assert late == Match(reference_f("a b new newer other", "a b new newer newest"), "late")


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_ascii_tokens_are_those_of_the_reference(text: str) -> None:
    tokenizer = rouge_scorer.tokenizers.DefaultTokenizer(use_stemmer=False)
    assert ascii_tokens(text) == tokenizer.tokenize(text)


@pytest.mark.parametrize(
    ("text", "ascii_words", "unicode_words"),
    [
        ("Explain what E=mc^2 means.", "explain what e mc 2 means", "explain what e mc 2 means"),
        ("Don't repeat_yourself", "don t repeat yourself", "don t repeat yourself"),
        ("état civil", "tat civil", "état civil"),
        ("e\u0301tat", "e tat", "état"),
        ("STRASSE Straße", "strasse stra e", "strasse strasse"),
        ("写诗 about 大海", "about", "写 诗 about 大 海"),
        ("海のうた", "", "海 の う た"),
        ("напиши стих", "", "напиши стих"),
        ("... !?", "", ""),
    ],
)
def test_texts_are_split_as_documented(text: str, ascii_words: str, unicode_words: str) -> None:
    assert ascii_tokens(text) == ascii_words.split()
    assert unicode_tokens(text) == unicode_words.split()
