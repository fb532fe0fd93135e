"""How a judge's answer is read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insgen.plugins.scorers.judge._reading import DIMENSIONS, read_grades

THREE = {"quality": 4.0, "complexity": 2.0, "helpfulness": 5.0}


@pytest.mark.parametrize(
    "text",
    [
        '{"reason": "r", "quality": 4, "complexity": 2, "helpfulness": 5}',
        'Here it is:\n```json\n{"quality": "4", "Complexity": "2/5", "helpfulness": 5.0}\n```\nBye.',
        '{"quality": {"reason": "a", "score": 4}, "complexity": {"score": 2}, "helpfulness": {"score": 5}}',
        "The {task} is fine.\n**Quality:** 4/5\n- Complexity score: 2\nHelpfulness = 5.",
        '{"quality": 1, "complexity": 1, "helpfulness": 1} no: {"quality": 4, "complexity": 2, "helpfulness": 5}',
        "Quality: 1\nOn second thoughts:\nQuality: 4\nComplexity: 2\nHelpfulness: 5",
        "quality is 4, complexity is 2 and helpfulness is 5",
    ],
)
def test_three_grades_are_read_from_json_and_from_lines(text: str) -> None:
    assert read_grades(text)[0] == THREE


@pytest.mark.parametrize(
    ("text", "grade"),
    [
        ("Score: 4", 4.0),
        ("Rating: [[3]]", 3.0),
        ('{"score": 2.5}', 2.5),
        ("**Overall score: 7/10**", 7.0),
        ("score: -1", -1.0),
    ],
)
def test_one_overall_grade_is_taken_as_such(text: str, grade: float) -> None:
    assert read_grades(text)[0] == {"overall": grade}


@pytest.mark.parametrize(
    "text",
    ["", "4", "Quality: high", '{"quality": true}', '{"quality": NaN}', '{"quality": "four"}', "quality: ", "[[x]]"],
)
def test_what_is_no_grade_is_none(text: str) -> None:
    assert read_grades(text)[0] == {}


def test_cut_answer_counts_only_as_a_whole_object() -> None:
    assert read_grades("Quality: 1", cut=True)[0] == {}
    assert read_grades(json.dumps(THREE) + " and als", cut=True)[0] == THREE


def test_reason_is_one_line_of_bounded_length() -> None:
    reason = read_grades(json.dumps({**THREE, "reason": "a\n b " + "c" * 1000}))[1]
    assert reason.startswith("a b c")
    assert len(reason) <= 400


@given(st.text(max_size=300) | st.text('{}[]":,quality score0123456789/.-\n', max_size=120))
def test_any_text_is_read_without_an_exception(text: str) -> None:
    for cut in (False, True):
        grades, reason = read_grades(text, cut=cut)
        assert set(grades) <= {*DIMENSIONS, "overall"}
        assert "\n" not in reason


@given(
    st.fixed_dictionaries({name: st.integers(0, 100) for name in DIMENSIONS}),
    st.text(max_size=80),
    st.text(alphabet=st.characters(exclude_characters="{}"), max_size=40),
)
def test_what_a_judge_writes_is_read_back_whatever_stands_around_it(
    values: dict[str, int], reason: str, noise: str
) -> None:
    text = f"{noise}\n{json.dumps({'reason': reason, **values})}\n{noise}"
    grades, told = read_grades(text)
    assert grades == {name: float(value) for name, value in values.items()}
    assert told == " ".join(reason.split())
