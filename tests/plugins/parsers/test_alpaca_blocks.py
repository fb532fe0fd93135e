from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.answers import OPEN_BLOCK, answer, reasons, triples

from insgen import Parsed, clean_text
from insgen.plugins.parsers.alpaca_blocks import AlpacaBlocksPaperParser, AlpacaBlocksParser

Triple = tuple[str, str, str]
SUM = ("Add the numbers.", "2 and 3", "5")
RIVER = ("Name a river.", "", "The Danube.")
TEA = ("How is tea made?", "", "Pour hot water on leaves.\n\nWait.")


def block(number: int, triple: Triple, marker: str = "<noinput>") -> str:
    instruction, input_, output = triple
    return f"{number}. Instruction: {instruction}\n{number}. Input:\n{input_ or marker}\n{number}. Output:\n{output}"


def blocks(*given: Triple, first: int = 4) -> str:
    return "\n###\n".join(block(number, each) for number, each in enumerate(given, start=first))


def behind_opening(text: str) -> str:
    return text.removeprefix("4. Instruction:")


def paper(text: str, finish: str = "stop") -> Parsed:
    return AlpacaBlocksPaperParser().parse(answer(text, finish, prompt=OPEN_BLOCK, stop=["\n20", "20."]))


def read(text: str, finish: str = "stop", **more: object) -> list[Triple]:
    return triples(AlpacaBlocksParser().parse(answer(text, finish, **more)))  # type: ignore[arg-type]  # by name


class TestPaper:
    """Alpaca's parsing, with the worked statements of its specification."""

    def test_opening_is_put_back_and_blocks_are_split_at_the_signs(self) -> None:
        assert triples(paper(behind_opening(blocks(SUM, RIVER, TEA)))) == [SUM, RIVER, TEA]

    def test_misnumbered_block_is_dropped_and_does_not_shift_its_successors(self) -> None:
        text = "\n###\n".join([behind_opening(block(4, SUM)), block(9, RIVER), block(6, TEA)])
        parsed = paper(text)
        assert triples(parsed) == [SUM, TEA]
        assert reasons(parsed) == [(2, "block misnumbered or without its three fields")]

    def test_number_must_stand_in_all_three_field_names(self) -> None:
        text = behind_opening(block(4, SUM)) + "\n###\n" + block(5, RIVER).replace("5. Input", "6. Input")
        assert triples(paper(text)) == [SUM]

    def test_list_that_starts_again_at_one_is_lost(self) -> None:
        assert triples(paper(blocks(SUM, RIVER, first=1))) == []

    def test_answer_that_ended_for_length_loses_only_its_last_block(self) -> None:
        parsed = paper(behind_opening(blocks(SUM, RIVER, TEA))[:-3], "length")
        assert triples(parsed) == [SUM, RIVER]
        assert reasons(parsed) == [(3, "cut off")]

    @pytest.mark.parametrize("marker", ["<noinput>", "<NoInput>", " <NOINPUT> "])
    def test_marker_in_any_case_means_no_input(self, marker: str) -> None:
        assert triples(paper(behind_opening(block(4, RIVER, marker)))) == [RIVER]

    def test_other_words_for_no_input_stay(self) -> None:
        assert triples(paper(behind_opening(block(4, RIVER, "None")))) == [(RIVER[0], "None", RIVER[2])]

    def test_output_cut_by_the_stop_string_is_kept_as_if_whole(self) -> None:
        whole = behind_opening(blocks(SUM, ("What is the price?", "", "The book costs about $20.50 today.")))
        assert triples(paper(whole[: whole.index("20.")]))[-1][2] == "The book costs about $"

    def test_heading_signs_inside_an_output_break_the_block(self) -> None:
        text = behind_opening(blocks(("Write a heading.", "", "### Tides"), RIVER))
        assert triples(paper(text)) == [("Write a heading.", "", "")]  # and the next block has lost its place


class TestDefault:
    @pytest.mark.parametrize(
        ("text", "prompt"),
        [
            (blocks(SUM, RIVER, TEA), "Write."),
            (behind_opening(blocks(SUM, RIVER, TEA)), OPEN_BLOCK),
            (blocks(SUM, RIVER, TEA), OPEN_BLOCK),
            ("Here are the tasks:\n\n" + blocks(SUM, RIVER, TEA), OPEN_BLOCK),
            ("Sure!\n\n###\n" + blocks(SUM, RIVER, TEA) + "\n###\n", "Write."),
            (blocks(SUM, RIVER, TEA) + "\n\nLet me know if you would like more tasks!", "Write."),
            (blocks(SUM, RIVER, TEA, first=1), "Write."),
            ("\n###\n".join([block(7, SUM), block(1, RIVER), block(1, TEA)]), "Write."),
            (blocks(SUM, RIVER, TEA).replace("\n###\n", "\n\n"), "Write."),
            (blocks(SUM, RIVER, TEA).replace(". I", ") I").replace(". O", ") O"), "Write."),
            (blocks(SUM, RIVER, TEA).replace("<noinput>", "N/A"), "Write."),
            (blocks(SUM, RIVER, TEA).replace("4. Instruction:", "**4. Instruction:**"), "Write."),
            (blocks(SUM, RIVER, TEA).replace("5. Input:\n<noinput>\n", ""), "Write."),
            (blocks(SUM, RIVER, TEA).replace("\n", "\r\n"), "Write."),
        ],
    )
    def test_every_layout_is_read(self, text: str, prompt: str) -> None:
        assert read(text, prompt=prompt) == [SUM, RIVER, TEA]

    def test_field_names_without_numbers_are_read(self) -> None:
        first = "Instruction: Add the numbers.\nInput: 2 and 3\nOutput: 5"
        text = f"{first}\n###\nInstruction: Name a river.\nOutput: The Danube."
        assert read(text) == [SUM, RIVER]

    def test_plain_field_name_inside_a_numbered_block_is_text(self) -> None:
        triple = ("Explain the form.", "Input: a number\nOutput: its square", "Input: 2\nOutput: 4")
        assert read(blocks(triple, RIVER)) == [triple, RIVER]

    def test_heading_signs_inside_an_output_stay(self) -> None:
        triple = ("Write a heading.", "", "### Tides\n\nThe sea rises.")
        assert read(blocks(triple, RIVER)) == [triple, RIVER]

    def test_last_block_that_a_stop_string_may_have_cut_is_lost(self) -> None:
        whole = blocks(SUM, ("What is the price?", "", "The book costs about $20.50 today."))
        cut = answer(whole[: whole.index("20.")], stop=["\n20", "20."])
        parsed = AlpacaBlocksParser().parse(cut)
        assert triples(parsed) == [SUM]
        assert reasons(parsed) == [(2, "perhaps cut by a stop string")]

    def test_answer_that_ends_with_a_separator_was_not_cut(self) -> None:
        assert read(blocks(SUM, RIVER) + "\n###", stop=["\n20", "20."]) == [SUM, RIVER]

    def test_truncated_answer_loses_only_its_last_block(self) -> None:
        parsed = AlpacaBlocksParser().parse(answer(blocks(SUM, RIVER, TEA)[:-3], "length"))
        assert triples(parsed) == [SUM, RIVER]
        assert reasons(parsed) == [(3, "cut off")]

    @pytest.mark.parametrize(
        ("odd", "reason"),
        [
            ("- Name a lake.", "block without fields"),
            ("5. Instruction: Name a lake.", "block lacks a field"),
            ("5. Instruction:\n5. Input:\n<noinput>\n5. Output:\nErie", "block with an empty instruction or output"),
            ("5. Instruction: Name a lake.\n5. Output:\n", "block with an empty instruction or output"),
            ("5. Instruction: A\n5. Output: B\n5. Input: C", "block with a field twice or out of order"),
            ("5. Instruction: A\n5. Output: B\n5. Output: C", "block with a field twice or out of order"),
        ],
    )
    def test_odd_block_is_counted_and_harms_no_other(self, odd: str, reason: str) -> None:
        parsed = AlpacaBlocksParser().parse(answer("\n###\n".join([block(4, SUM), odd, block(6, RIVER)])))
        assert triples(parsed) == [SUM, RIVER]
        assert reasons(parsed) == [(2, reason)]

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("", "empty answer"),
            ("Sorry, I can't comply with that.", "refusal"),
            ("There are many tasks in the world.", "no block with fields"),
        ],
    )
    def test_answer_without_blocks_is_counted_by_its_kind(self, text: str, reason: str) -> None:
        assert reasons(AlpacaBlocksParser().parse(answer(text))) == [(None, reason)]


texts = (
    st.text("abcdefg ABC,?!é漢$#\n", min_size=1, max_size=40).map(clean_text).filter(lambda text: text[:1].isalpha())
)
some = st.lists(
    st.tuples(texts.map(lambda text: " ".join(text.split())), st.just("") | texts, texts), min_size=1, max_size=8
)


def whole(given: list[Triple]) -> bool:
    return not any(line.strip().startswith("###") for triple in given for text in triple for line in text.split("\n"))


@given(some.filter(whole), st.integers(1, 90))
def test_rendered_blocks_are_read_back(given: list[Triple], first: int) -> None:
    assert read(blocks(*given, first=first)) == given


@given(some.filter(whole), st.data())
def test_any_cut_harms_only_the_last_block(given: list[Triple], data: st.DataObject) -> None:
    text = blocks(*given)
    cut = text[: data.draw(st.integers(0, len(text)))]
    got = read(cut, "length")
    assert got == given[: len(got)]
    assert len(got) >= cut.count("\n###\n") - 1


@given(st.text(), st.sampled_from(["stop", "length", "content_filter", ""]), st.sampled_from(["Write.", OPEN_BLOCK]))
def test_any_text_is_read_without_an_exception(text: str, finish: str, prompt: str) -> None:
    for parser in (AlpacaBlocksParser(), AlpacaBlocksPaperParser()):
        parsed = parser.parse(answer(text, finish, prompt=prompt))
        assert parsed.candidates or parsed.unreadable
