from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.answers import OPEN_LIST, answer, instructions, reasons

from insgen import clean_text
from insgen.plugins.parsers.numbered import NumberedPaperParser, NumberedParser

LIST = "9. Explain tides.\n10. Name three rivers.\n11. Sort the numbers 3, 1 and 2."


def read(text: str, finish: str = "stop", **more: object) -> list[str]:
    return instructions(NumberedParser().parse(answer(text, finish, **more)))  # type: ignore[arg-type]  # by name


def paper(text: str, finish: str = "stop") -> list[str]:
    return instructions(NumberedPaperParser().parse(answer(text, finish, prompt=OPEN_LIST)))


class TestPaper:
    """Self-Instruct's first stage, with the worked statements of its specification."""

    def test_first_letter_is_raised_and_all_others_are_lowered(self) -> None:
        assert paper(" hello World. FOO") == ["Hello world. foo"]

    def test_text_behind_the_open_number_is_the_first_item(self) -> None:
        assert paper(" Explain tides.\n10. Name three rivers.\n11 . Sort a list.") == [
            "Explain tides.",
            "Name three rivers.",
            "Sort a list.",
        ]

    def test_number_with_a_bracket_is_not_split_off(self) -> None:
        assert paper(" Explain tides.\n10) Name a river.") == ["Explain tides. 10) name a river."]

    def test_number_without_space_behind_its_dot_is_not_split_off(self) -> None:
        assert paper(" Explain tides.\n10.Name a river.") == ["Explain tides. 10.name a river."]

    def test_answer_that_ended_for_length_is_discarded_whole(self) -> None:
        parsed = NumberedPaperParser().parse(answer(" Explain tides.\n10. Name", "length", prompt=OPEN_LIST))
        assert parsed.candidates == ()
        assert reasons(parsed) == [(None, "cut off")]

    def test_white_space_is_collapsed_and_empty_items_are_dropped(self) -> None:
        assert paper(" Explain \t the\n tides.\n10. \n11. Name a river.") == ["Explain the tides.", "Name a river."]

    def test_item_cut_by_a_stop_string_is_kept(self) -> None:
        assert paper(" Explain tides.\n10. Add 3 and ") == ["Explain tides.", "Add 3 and"]

    def test_number_that_a_chat_model_repeats_stays_in_the_first_item(self) -> None:
        assert paper("9. Explain tides.") == ["9. explain tides."]


class TestDefault:
    @pytest.mark.parametrize(
        "text",
        [
            LIST,
            LIST.replace(". E", ") E").replace(". N", ") N").replace(". S", ") S"),
            LIST.replace(". ", ".", 3),
            LIST.replace("9. ", "9: ").replace("10. ", "10 . ").replace("11. ", "**11.** "),
            LIST.replace("9.", "Task 9:").replace("10.", "Task 10:").replace("11.", "Instruction 11:"),
            LIST.replace("9.", "1.").replace("10.", "1.").replace("11.", "7."),
            "Sure! Here are 3 new tasks:\n\n" + LIST + "\n\nLet me know if you would like more!",
            "\n".join(f"  {line}" for line in LIST.split("\n")),
            LIST.replace("\n", "\r\n"),
            "9. Explain tides.\n10.\n\nName three rivers.\n- Sort the numbers 3, 1 and 2.",
        ],
    )
    def test_every_way_of_numbering_is_read(self, text: str) -> None:
        assert read(text) == ["Explain tides.", "Name three rivers.", "Sort the numbers 3, 1 and 2."]

    def test_case_and_line_breaks_stay(self) -> None:
        assert read("1. Call the NASA API\nwith key DEMO\n2. Name a river.") == [
            "Call the NASA API\nwith key DEMO",
            "Name a river.",
        ]

    def test_bullets_after_a_colon_belong_to_the_item(self) -> None:
        assert read("1. Choose the best:\n- tea\n- milk\n2. Name a river.") == [
            "Choose the best:\n- tea\n- milk",
            "Name a river.",
        ]

    def test_line_that_forgot_its_number_spoils_no_item_and_is_counted(self) -> None:
        parsed = NumberedParser().parse(
            answer("1. Explain tides.\nIs tea a herb?\n2. Name a river\nSort the list.\n3. Rest.")
        )
        assert instructions(parsed) == ["Explain tides.", "Name a river", "Rest."]
        assert reasons(parsed) == [(1, "line without a number"), (2, "line without a number")]

    def test_lines_that_an_item_announces_belong_to_it(self) -> None:
        text = "Mend the following code.\n```\nDef f():\n\nReturn 1\n```"
        assert read(f"1. {text}\n2. Name a river.") == [text, "Name a river."]

    def test_nested_steps_belong_to_the_item(self) -> None:
        assert read("1. Mend these steps:\n   1. boil\n   2. cool\n2. Name a river.") == [
            "Mend these steps:\n   1. boil\n   2. cool",
            "Name a river.",
        ]

    def test_number_with_decimals_begins_no_item(self) -> None:
        assert read("1. Round the value\n3.14159 to two places.\n2. Name a river.")[1:] == ["Name a river."]

    def test_truncated_answer_loses_only_its_last_item(self) -> None:
        parsed = NumberedParser().parse(answer(LIST[:-8], "length"))
        assert instructions(parsed) == ["Explain tides.", "Name three rivers."]
        assert reasons(parsed) == [(3, "cut off")]

    def test_last_item_is_lost_where_a_stop_string_may_fire_inside_it(self) -> None:
        parsed = NumberedParser().parse(answer(LIST, stop=["\n16", "16."]))
        assert instructions(parsed) == ["Explain tides.", "Name three rivers."]
        assert reasons(parsed) == [(3, "perhaps cut by a stop string")]

    def test_stop_strings_at_line_starts_cost_nothing(self) -> None:
        assert len(read(LIST, stop=["\n16", "\n\n"])) == 3

    def test_answer_to_an_open_number_begins_with_its_item(self) -> None:
        assert read(" Explain tides.\n10. Name three rivers.", prompt=OPEN_LIST) == [
            "Explain tides.",
            "Name three rivers.",
        ]
        assert read("9. Explain tides.", prompt=OPEN_LIST) == ["Explain tides."]

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("", "empty answer"),
            (" \n\t", "empty answer"),
            ("I'm sorry, but I can't help with that request.", "refusal"),
            ("As an AI language model, I do not write tasks.", "refusal"),
            ("Tasks are of many kinds.", "no numbered item"),
        ],
    )
    @pytest.mark.parametrize("prompt", ["Write tasks.", OPEN_LIST])
    def test_answer_without_list_is_counted_by_its_kind(self, text: str, reason: str, prompt: str) -> None:
        if reason == "no numbered item" and prompt == OPEN_LIST:
            assert read(text, prompt=prompt) == [text]
            return
        parsed = NumberedParser().parse(answer(text, prompt=prompt))
        assert parsed.candidates == ()
        assert reasons(parsed) == [(None, reason)]

    def test_empty_items_and_placeholders_are_counted(self) -> None:
        parsed = NumberedParser().parse(answer("1.\n2. Instruction 2\n3. Name a river."))
        assert instructions(parsed) == ["Name a river."]
        assert reasons(parsed) == [(1, "empty item"), (2, "placeholder instead of a task")]

    def test_source_of_the_request_becomes_file_and_lines(self) -> None:
        origin = NumberedParser().parse(answer(LIST, source="docs/a b.pdf#page=3#L4-L12")).candidates[0].origin
        assert (origin.source, origin.line_start, origin.line_end) == ("docs/a b.pdf#page=3", 4, 12)


tasks = st.lists(
    st.text("abcdefg ABC,?!é漢$#", min_size=1, max_size=40)
    .map(clean_text)
    .filter(lambda text: text[:1].isalpha() and not text.lower().startswith(("task", "instruction"))),
    min_size=1,
    max_size=12,
)


@given(tasks, st.integers(1, 90), st.sampled_from(["{}. {}", "{}) {}", "{}.{}", "**{}.** {}", "Task {}: {}"]))
def test_rendered_list_is_read_back(texts: list[str], first: int, form: str) -> None:
    lines = [form.format(number, text) for number, text in enumerate(texts, start=first)]
    assert read("\n".join(lines)) == texts


@given(tasks, st.data())
def test_any_cut_harms_only_the_last_item(texts: list[str], data: st.DataObject) -> None:
    whole = "\n".join(f"{number}. {text}" for number, text in enumerate(texts, start=9))
    place = data.draw(st.integers(0, len(whole)))
    got = read(whole[:place], "length")
    assert got == texts[: len(got)]
    n_begun = sum(whole[:place].count(f"\n{number}. ") for number in range(10, 9 + len(texts)))
    assert len(got) >= n_begun


@given(st.text(), st.sampled_from(["stop", "length", "content_filter", ""]), st.sampled_from(["Write.", OPEN_LIST]))
def test_any_text_is_read_without_an_exception_and_accounted_for(text: str, finish: str, prompt: str) -> None:
    for parser in (NumberedParser(), NumberedPaperParser()):
        parsed = parser.parse(answer(text, finish, prompt=prompt))
        assert all(each.instruction for each in parsed.candidates)
        assert parsed.candidates or parsed.unreadable
