from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.answers import answer, instructions, reasons, triples

from insgen import clean_text
from insgen.plugins.parsers.json_items import JsonParser, JsonTasksParser

ANSWER = 'Don\'t know: "so" [1] {x}'
PAIRS = {"pairs": [{"question": "Why?", "answer": ANSWER}, {"question": "How?", "answer": "Thus."}]}
READ = [("Why?", "", ANSWER), ("How?", "", "Thus.")]
TEXT = json.dumps(PAIRS)


def read(text: str, finish: str = "stop", source: str = "") -> list[tuple[str, str, str]]:
    return triples(JsonParser().parse(answer(text, finish, source=source)))


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        json.dumps(PAIRS, indent=2),
        json.dumps(PAIRS["pairs"]),
        f"```json\n{TEXT}\n```",
        f"```\n{TEXT}\n```",
        f"Here you are [as asked]:\n\n```json\n{TEXT}\n```\nLet me know!",
        f"Sure: {TEXT} That is all.",
        f"{TEXT}\n{TEXT[:40]}",
        TEXT.replace("}]}", "},]}"),
        TEXT.replace("}]}", "}],}"),
        "\ufeff" + TEXT,
    ],
)
def test_json_in_any_wrapping_is_read(text: str) -> None:
    assert read(text) == READ


def test_single_quotes_are_mended() -> None:
    assert read("{'pairs': [{'question': 'Why?', 'answer': 'So.'}]}") == [("Why?", "", "So.")]


def test_fields_go_by_several_names() -> None:
    rows = [{"Task": "A", "context": "B", "response": "C"}, {"instruction": "D", "input": "<noinput>", "output": 7}]
    assert read(json.dumps({"tasks": rows})) == [("A", "B", "C"), ("D", "", "7")]


def test_list_of_texts_is_a_list_of_instructions() -> None:
    assert read('["Name a river.", "Name a lake."]') == [("Name a river.", "", ""), ("Name a lake.", "", "")]


def test_single_object_is_one_task() -> None:
    assert read('{"instruction": "Name a river.", "output": "The Rhine."}') == [("Name a river.", "", "The Rhine.")]


@pytest.mark.parametrize("finish", ["length", "stop"])
@pytest.mark.parametrize("end", range(TEXT.index('{"question": "How?"') + 14, len(TEXT)))
def test_text_cut_inside_the_last_object_loses_only_that(finish: str, end: int) -> None:
    parsed = JsonParser().parse(answer(TEXT[:end], finish))
    assert triples(parsed) == READ[:1]
    assert reasons(parsed) == [(2, "cut off")]


def test_complete_json_loses_nothing_whatever_the_service_says() -> None:
    assert read(TEXT, "length") == READ


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (3, "JSON item is no object"),
        ({"answer": "So."}, "JSON item lacks its instruction"),
        ({"question": " ", "answer": "So."}, "JSON item lacks its instruction"),
        ({"question": "Why?", "answer": None}, "JSON item lacks its answer"),
        ({"question": "Why?", "answer": ["So."]}, "JSON field is no text"),
    ],
)
def test_odd_item_is_counted_and_harms_no_other(item: object, reason: str) -> None:
    parsed = JsonParser().parse(answer(json.dumps([PAIRS["pairs"][0], item, PAIRS["pairs"][1]])))
    assert triples(parsed) == READ
    assert reasons(parsed) == [(2, reason)]


def test_grounded_question_without_answer_is_refused() -> None:
    text = '{"pairs": [{"question": "Why?"}, {"question": "How?", "answer": "Thus."}]}'
    assert read(text) == [("Why?", "", ""), ("How?", "", "Thus.")]
    assert read(text, source="docs/a.md#L1-L2") == [("How?", "", "Thus.")]


def test_lines_of_the_source_go_with_the_candidate() -> None:
    origin = JsonParser().parse(answer(TEXT, source="docs/a.md#L10-L20")).candidates[0].origin
    assert (origin.source, origin.line_start, origin.line_end) == ("docs/a.md", 10, 20)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty answer"),
        ("I'm sorry, but I can't help with that request.", "refusal"),
        ("There is nothing to ask about here.", "no JSON"),
        ("{}", "JSON without a list of tasks"),
        ('{"pairs": []}', "JSON without a list of tasks"),
        ('{"result": {"n": 3}}', "JSON without a list of tasks"),
        ("[" * 50_000, "JSON without a list of tasks"),
        ('{"a ' * 10_000, "JSON without a list of tasks"),
    ],
)
def test_answer_without_tasks_is_counted_by_its_kind(text: str, reason: str) -> None:
    assert reasons(JsonParser().parse(answer(text))) == [(None, reason)]


def test_repair_that_guesses_field_names_is_not_believed() -> None:
    parsed = JsonParser().parse(answer('{"pairs" [{"question": "Why?", "answer": "So."}]}'))
    assert parsed.candidates == ()
    assert parsed.unreadable


texts = st.text(min_size=1, max_size=30).filter(lambda text: bool(clean_text(text)))


rows_of_texts = st.fixed_dictionaries({"instruction": texts, "input": st.text(max_size=20), "output": texts})


@given(st.lists(rows_of_texts, min_size=1))
def test_rendered_tasks_are_read_back(rows: list[dict[str, str]]) -> None:
    expected = [
        (clean_text(row["instruction"]), clean_text(row["input"]), clean_text(row["output"]))
        for row in rows
        if row["output"].strip() and row["instruction"].strip()
    ]
    assert read(json.dumps({"tasks": rows}, ensure_ascii=False)) == expected


@given(st.text() | st.text("[]{}\":,'abc\\ \n0`"), st.sampled_from(["stop", "length", ""]))
def test_any_text_is_read_without_an_exception_and_accounted_for(text: str, finish: str) -> None:
    parsed = JsonParser().parse(answer(text, finish))
    assert all(each.instruction for each in parsed.candidates)
    assert instructions(parsed) or parsed.unreadable


def test_whole_tasks_alone_are_taken_where_the_answer_had_to_come_along() -> None:
    whole = {"instruction": "Name a river.", "input": "", "output": "The Rhine."}
    rows = [whole, {"instruction": "Name a lake."}, "Name a sea.", whole | {"output": " "}, whole | {"output": "\x00"}]
    parsed = JsonTasksParser().parse(answer(json.dumps({"tasks": rows})))

    assert triples(parsed) == [("Name a river.", "", "The Rhine.")]
    assert reasons(parsed) == [(place, "JSON item lacks its answer") for place in range(2, 6)]


@given(st.text(max_size=200), st.sampled_from(["stop", "length"]))
def test_whole_tasks_are_those_of_json_that_have_an_answer(text: str, finish: str) -> None:
    for wrapped in (text, json.dumps({"tasks": [{"task": text, "answer": text}, text]})):
        given_ = answer(wrapped, finish)
        everything = triples(JsonParser().parse(given_))
        assert triples(JsonTasksParser().parse(given_)) == [each for each in everything if each[2]]
