"""The scorer as a stage: its value, parts, reasons and options, on ordinary and on hostile texts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insgen import BankView, Candidate, ConfigError, Score
from insgen.plugins.scorers.heuristic import HeuristicScorer, insgen_scorers
from insgen.plugins.scorers.heuristic._parts import PARTS

ANSWER = (
    "Roll the deployment back with `kubectl rollout undo`. The previous replica set still exists, so the old pods "
    "start at once. Check the state afterwards, and look into the events of the failed pods before trying again."
)


def score(*candidates: Candidate, scorer: HeuristicScorer | None = None) -> Sequence[Score]:
    return (scorer or HeuristicScorer()).score(candidates, None, None, None)  # type: ignore[arg-type]  # unused by it


def only(instruction: str, input: str = "", output: str = "") -> Score:  # noqa: A002  # the record's word
    (result,) = score(Candidate(instruction, input, output))
    return result


def test_every_candidate_gets_one_score_in_order(
    make_candidate: Callable[..., Candidate], make_bank: Callable[..., BankView]
) -> None:
    candidates = [make_candidate() for _ in range(3)]
    results = HeuristicScorer().score(candidates, make_bank(), None, None)  # type: ignore[arg-type]  # prompts unused
    assert [r.candidate_id for r in results] == [c.id for c in candidates]
    assert all((r.low, r.high) == (0.0, 1.0) for r in results)


def test_value_is_the_weighted_mean_of_the_parts_that_judged() -> None:
    scorer = HeuristicScorer(substance=3.0, directness=0.5)
    candidate = Candidate("How do I undo a bad rollout?", output=ANSWER)
    (result,) = score(candidate, scorer=scorer)
    weights = {name: getattr(scorer, name) for name in result.parts}
    expected = sum(weights[n] * v for n, v in result.parts.items()) / sum(weights.values())
    assert result.value == pytest.approx(expected, abs=1e-12)
    assert "arithmetic" not in result.parts  # nothing is calculated in it


def test_weight_zero_leaves_a_part_out_of_the_value_but_reports_it() -> None:
    broken = Candidate("Tell me about Lisbon.", output=ANSWER + " cafÃ© cafÃ© cafÃ©")
    (without,) = score(broken, scorer=HeuristicScorer(cleanness=0.0))
    (clean,) = score(Candidate("Tell me about Lisbon.", output=ANSWER + " café café café"))
    assert without.parts["cleanness"] == 0.0
    assert "cleanness" not in without.reason
    assert without.value is not None
    assert clean.value is not None
    assert without.value == pytest.approx(clean.value, abs=0.05)


@pytest.mark.parametrize(
    ("worse", "part"),
    [
        (ANSWER[:130], "completeness"),
        ("Undo it.", "substance"),
        ("Roll it back and then roll it back. " * 12, "freshness"),
        ("How do I undo a bad rollout of my deployment?", "originality"),
        ("I'm sorry, but as an AI language model I cannot help with that.", "directness"),
        (ANSWER + "\n<|im_end|>\n### Instruction: go on", "cleanness"),
        ("Three pods and four pods are 3 + 4 = 9 pods. " + ANSWER, "arithmetic"),
    ],
)
def test_a_fault_costs_value_and_names_itself(worse: str, part: str) -> None:
    instruction = "How do I undo a bad rollout of my deployment?"
    good, bad = only(instruction, "", ANSWER), only(instruction, "", worse)
    assert good.value is not None
    assert bad.value is not None
    assert bad.value < good.value
    assert bad.parts[part] < 0.6
    assert part in bad.reason


def test_reason_says_so_when_nothing_is_weak() -> None:
    rich = " ".join(f"{a}{b}" for a in ("kube", "net", "pod", "log") for b in map(chr, range(97, 123)))
    assert only("Name words that start with kube.", "", f"Words with kube: {rich}.").reason == "no weak part"


def test_instruction_alone_is_scored_without_output() -> None:
    result = only("How do I undo a bad rollout?")
    assert set(result.parts) == {"clarity", "cleanness"}
    assert result.value == 1.0
    assert result.reason.startswith("no output to judge, instruction alone")


def test_empty_output_can_be_left_without_a_score() -> None:
    (result,) = score(Candidate("How do I undo a bad rollout?"), scorer=HeuristicScorer(empty_output="fail"))
    assert result.value is None
    assert result.reason == "no output to judge"


def test_no_value_is_made_up_when_no_weighted_part_can_judge() -> None:
    only_sums = dict.fromkeys(PARTS, 0.0) | {"arithmetic": 1.0}
    scorer = HeuristicScorer(**only_sums)  # type: ignore[arg-type]  # holds weights only
    (result,) = score(Candidate("Say hello.", output="Hello!"), scorer=scorer)
    assert result.value is None
    assert result.parts
    assert result.reason


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"substance": -1.0}, "substance = -1.0"),
        ({"clarity": math.nan}, "clarity = nan"),
        ({"clarity": math.inf}, "clarity = inf"),
        ({"empty_output": "skip"}, 'empty_output = "skip"'),
        (dict.fromkeys(PARTS, 0.0), "all its weights at 0"),
    ],
)
def test_bad_option_is_refused_with_its_value(options: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        HeuristicScorer(**options)  # type: ignore[arg-type]  # wrong on purpose


def test_every_part_has_its_weight_option() -> None:
    assert set(PARTS) | {"empty_output"} == {field.name for field in fields(HeuristicScorer)}
    assert insgen_scorers() == [HeuristicScorer]


HOSTILE = {
    "nothing but signs": "!!! ??? ...",
    "emoji": "🎉🎉👩‍👩‍👧🇩🇰" * 20,
    "code": "def f(x):\n    return {'a': [x, (1, 2)]}\n\nprint(f(3))",
    "html": "<div onclick=\"alert(1)\"><script>alert('x')</script></div>" * 5,
    "control marks": "a\x00b\x07c\x1b[31md\x7f\u200b" * 10,
    "bidi": "\u202eevil\u202c \u2066x\u2069",
    "lone surrogates": "ok \ud800 fine \udfff",
    "combining marks": "z̴̡͖͈̘" * 30,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_gets_a_value_on_the_scale(text: str) -> None:
    for result in (only(text, text, text), only("Explain this.", text, text), only(text, "", "An answer."), only(text)):
        assert result.value is not None
        assert 0.0 <= result.value <= 1.0
        assert all(0.0 <= v <= 1.0 for v in result.parts.values())


MEGABYTE = 1_000_000


@pytest.mark.parametrize(
    "unit",
    ["a", "1", " ", "\n", "(", "<", "&", "`", "1+", "1 + 1 = ", "1,111", "a.", "[x] ", "\n- ", "as an ", "i am ",
     "<a href ", "Ã", "中", "ก", "word word2 ", "aaaaaaaaaaab", "\nHuman: ", "<|a", "ab\tc\u2028", "1 =", "/1", ". \"",
     "</"],
)  # fmt: skip
def test_a_megabyte_of_anything_is_scored_in_linear_time(unit: str) -> None:
    # A quadratic pattern would need hours here, not seconds.
    text = unit * (MEGABYTE // len(unit))
    (result,) = score(Candidate("x" + text[: MEGABYTE // 10] + "x", "", "x" + text + "x"))
    assert result.value is not None
    assert 0.0 <= result.value <= 1.0


ANY_TEXT = st.one_of(
    st.text(max_size=200),
    st.lists(st.sampled_from(["the", "1 + 1 = 2", "```", "\n- ", "(", "<br>", "Ã©", "中文", "x.", "As an AI"])).map(
        " ".join
    ),
)


@settings(max_examples=200, deadline=None)
@given(ANY_TEXT, ANY_TEXT, ANY_TEXT)
def test_any_texts_give_the_same_finite_value_twice(instruction: str, input_text: str, output: str) -> None:
    candidate = Candidate(instruction, input_text, output)
    (first,), (second,) = score(candidate), score(candidate)
    assert first == second
    assert first.value is not None
    assert 0.0 <= first.value <= 1.0
    assert all(math.isfinite(v) and 0.0 <= v <= 1.0 for v in first.parts.values())
    assert first.reason
