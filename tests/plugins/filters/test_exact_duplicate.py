from __future__ import annotations

from collections.abc import Callable

from insgen import Candidate
from insgen.bank.bank import Bank
from insgen.plugins.filters.exact_duplicate import ExactDuplicateFilter

MakeBank = Callable[..., Bank]


def test_what_an_earlier_round_proposed_is_dropped_and_named(make_bank: MakeBank) -> None:
    old = Candidate("Explain tides.", output="The moon pulls.")
    repeat, new = Candidate("explain  TIDES", output="Another answer."), Candidate("Explain waves.")
    rejected, kept = ExactDuplicateFilter().filter([repeat, new], make_bank(kept=[old]))
    assert (rejected.kept, rejected.neighbour, rejected.reason) == (False, old.id, "exact duplicate")
    assert (kept.kept, kept.neighbour, kept.reason) == (True, None, "")
    assert rejected.value is rejected.limit is None


def test_within_a_round_the_first_one_wins(make_bank: MakeBank) -> None:
    texts = ["Explain tides.", "Explain waves.", "explain tides", "Explain: tides!", "Explain waves?"]
    candidates = [Candidate(text) for text in texts]
    verdicts = ExactDuplicateFilter().filter(candidates, make_bank())
    assert [verdict.candidate_id for verdict in verdicts] == [candidate.id for candidate in candidates]
    assert [verdict.kept for verdict in verdicts] == [True, True, False, False, False]
    assert [verdict.neighbour for verdict in verdicts[2:]] == [candidates[0].id, candidates[0].id, candidates[1].id]


def test_another_input_makes_another_text_and_another_output_does_not(make_bank: MakeBank) -> None:
    candidates = [Candidate("Sum up.", "A"), Candidate("Sum up.", "B"), Candidate("Sum up.", "a", "Different.")]
    verdicts = ExactDuplicateFilter().filter(candidates, make_bank())
    assert [verdict.kept for verdict in verdicts] == [True, True, False]


def test_it_needs_no_vectors() -> None:
    assert ExactDuplicateFilter.needs_vectors is False
