from __future__ import annotations

from collections.abc import Callable

import pytest

from insgen import Candidate, ConfigError, StageError, Verdict
from insgen.bank.bank import Bank
from insgen.plugins.filters.language import LanguageFilter

MakeBank = Callable[..., Bank]

TEXTS = {
    "en": "Explain in two sentences how the scheduler of a cluster decides where a new container will run.",
    "de": "Erkläre in zwei Sätzen, wie der Planer eines Clusters entscheidet, wo ein neuer Container laufen wird.",
    "fr": "Explique en deux phrases comment l'ordonnanceur d'une grappe décide où un nouveau conteneur sera lancé.",
    "da": "Forklar med to sætninger, hvordan en klynges planlægger afgør, hvor en ny container skal køre henne.",
    "zh": "请用两句话解释集群的调度程序如何决定新容器在哪里运行。",
}


def judge(make_bank: MakeBank, text: str, **options: object) -> Verdict:
    return LanguageFilter(**options).filter([Candidate(text)], make_bank())[0]  # type: ignore[arg-type]  # by name


@pytest.mark.parametrize("wanted", TEXTS)
def test_texts_in_the_wanted_language_pass_and_the_others_do_not(make_bank: MakeBank, wanted: str) -> None:
    verdicts = LanguageFilter(language=wanted).filter([Candidate(text) for text in TEXTS.values()], make_bank())
    assert [verdict.kept for verdict in verdicts] == [code == wanted for code in TEXTS]
    rejected = [verdict for verdict in verdicts if not verdict.kept]
    assert {verdict.reason for verdict in rejected} == {"instruction in another language"}
    assert all(verdict.value is not None and verdict.value < 0.05 == verdict.limit for verdict in rejected)


@pytest.mark.parametrize(
    "text",
    [
        "Write a haiku about autumn.",
        "kubectl get pods -n kube-system",
        "Fasse zusammen.",
        "42",
        "",
        'Translate: "Explique en deux phrases comment un nouveau conteneur sera lancé."',
        "Fix it:\n```\nnächster = finde(größter_wert_der_liste, startpunkt, endpunkt)\n```",
    ],
)
def test_short_texts_and_quotations_are_not_judged(make_bank: MakeBank, text: str) -> None:
    verdict = judge(make_bank, text)
    assert verdict.kept
    assert verdict.value is None


def test_output_is_judged_where_it_is_named(make_bank: MakeBank) -> None:
    candidate = Candidate(TEXTS["en"], output=TEXTS["de"])
    assert LanguageFilter().filter([candidate], make_bank())[0].kept
    verdict = LanguageFilter(fields=("instruction", "output")).filter([candidate], make_bank())[0]
    assert verdict.reason == "output in another language"
    assert "looks like de" in verdict.measure


def test_region_of_a_tag_does_not_matter_and_norwegian_is_either_form(make_bank: MakeBank) -> None:
    assert judge(make_bank, TEXTS["en"], language="en-GB").kept
    bokmaal = "Forklar med to setninger hvordan planleggeren i en klynge bestemmer hvor en ny beholder skal kjøre."
    assert judge(make_bank, bokmaal, language="no").kept


def test_language_nobody_knows_is_named_with_those_that_are(make_bank: MakeBank) -> None:
    with pytest.raises(StageError, match='"xx"') as caught:
        judge(make_bank, TEXTS["en"], language="xx")
    assert " en," in str(caught.value)


@pytest.mark.parametrize(
    "options", [{"language": "english"}, {"limit": 1.5}, {"min_letters": 0}, {"fields": ()}, {"language": ""}]
)
def test_option_out_of_range_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="Expected"):
        LanguageFilter(**options)  # type: ignore[arg-type]  # by name
