"""The parts of `heuristic` that look at the instruction, at damage, and at languages other than English."""

from __future__ import annotations

import pytest

from insgen import Candidate
from insgen.plugins.scorers.heuristic import HeuristicScorer
from insgen.plugins.scorers.heuristic._damage import cleanness, directness
from insgen.plugins.scorers.heuristic._prompt import clarity, originality, relevance
from insgen.plugins.scorers.heuristic._texts import Texts

PASSAGE = "The bridge over the Kwai was built in 1943 by prisoners of war and is still crossed by trains every day."


@pytest.mark.parametrize(
    "task",
    [
        "How do I list all pods?",
        "Ping a host without looking up its name.",
        "Write a haiku about rain.",
        "The capital of France is which city?",
        "Skriv et digt om regn.",
        "写一首关于雨的诗。",
        "เขียนบทกวีเกี่ยวกับฝน",
        "Summarize the following text: Rain fell all day and the river rose.",
    ],
)
def test_ordinary_task_is_clear(task: str) -> None:
    assert clarity(Texts(task)) == 1.0


@pytest.mark.parametrize(
    "task",
    [
        "",
        "x",
        "rain",
        "The history of the old town",
        "Write a poem about,",
        "Answer with:",
        "12 34 56 78 90 + ???",
        "Summarize the following passage.",
    ],
)
def test_fragment_or_dangling_task_is_less_clear(task: str) -> None:
    value = clarity(Texts(task))
    assert value is not None
    assert value <= 0.6


def test_passage_that_is_pointed_to_may_stand_in_the_input() -> None:
    assert clarity(Texts("Summarize the following passage.", PASSAGE)) == 1.0


def test_relevant_answer_takes_up_the_task() -> None:
    task = "Explain how a suspension bridge carries the weight of lorries."
    on = "A suspension bridge hangs its deck from cables; the weight of lorries pulls on them, and towers carry it."
    off = "Boil the potatoes for twenty minutes, drain them, add butter and milk, and mash all until it is smooth."
    assert relevance(Texts(task, output=on)) == 1.0
    assert relevance(Texts(task, output=off)) == 0.0


@pytest.mark.parametrize(
    ("task", "output"),
    [
        ("Explain how a suspension bridge carries the weight of lorries.", "It hangs."),
        ("Translate this long sentence into Danish please.", "et langt ord på dansk " * 4),
        ("Hi there", "a b c d e f g h i j k l m n o p q r s t"),
    ],
)
def test_relevance_abstains_where_overlap_says_nothing(task: str, output: str) -> None:
    assert relevance(Texts(task, output=output)) is None


@pytest.mark.parametrize("output", [PASSAGE, PASSAGE.upper(), "Repeat  after me,   please!"])
def test_copy_of_input_or_instruction_is_not_original(output: str) -> None:
    assert originality(Texts("Repeat after me, please!", PASSAGE, output)) == 0.0


def test_quoted_part_costs_half_at_most_and_own_words_nothing() -> None:
    assert originality(Texts("When was it built?", PASSAGE, "was built in 1943 by prisoners of war")) == 0.5
    assert originality(Texts("When was it built?", PASSAGE, "Prisoners finished this crossing in 1943.")) == 1.0
    # Runs of five words: "was built in 1943 by" is copied, "it was built in 1943" is not.
    assert originality(Texts("When?", PASSAGE, "It was built in 1943 by")) == pytest.approx(0.75)
    assert originality(Texts("Is it 'good' or 'bad'?", PASSAGE, "good")) is None


@pytest.mark.parametrize(
    "output",
    [
        "The cafÃ© is open.",
        "It costs 5 â€“ 6 euros.",
        "Broken \ufffd sign.",
        "Hidden\u200b mark.",
        "It is <b class=x>bold</b> here.",
        "Salt &amp; pepper.",
        "Sure.<|im_end|>",
        "Sure.\n### Response: yes",
        "Hi there.\nHuman: and now?\nAssistant: well",
        "Dear [insert name], thank you.",
        "Lorem ipsum dolor sit amet.",
        "TODO: write this.",
        "[Spotify Playlist]",
        "<noinput>",
        "N/A",
        "...",
    ],
)
def test_damage_is_found(output: str) -> None:
    value = cleanness(Texts("Tell me more.", output=output))
    assert value is not None
    assert value <= 0.5


@pytest.mark.parametrize(
    ("task", "output"),
    [
        ("Tell me more.", "Café, naïve, São Tomé, NÃO, Ångström, 5 – 6, “quoted”, 👩‍👩‍👧."),
        ("Write an HTML paragraph.", "<p>Hello &amp; welcome</p>"),
        ("Show the tag for bold.", "<b>bold</b>"),
        ("How do I break a line?", "Use `<br>` between the lines."),
        ("Count rows of a table with mysql.", "mysqlcheck --check <table>"),
        ("Compare them.", "1 < 2 and 3 > 2 & so on"),
        ("Which have two legs?", "Horse: four\nHuman: two"),
        ("Continue.\nHuman: hi\nAssistant: hello", "Human: bye\nAssistant: see you\nHuman: ok"),
        ("Plan my day.", "Make a todo list first."),
        ("Sort them.", "[1, 2, 3]"),
        ("Schreibe etwas.", "Größe, Übung, weiß."),
    ],
)
def test_sound_text_is_clean(task: str, output: str) -> None:
    assert cleanness(Texts(task, output=output)) == 1.0


def test_more_damage_costs_more() -> None:
    values = [cleanness(Texts("Tell me.", output="A cafÃ© here. " * n)) for n in range(4)]
    assert values == [1.0, 0.5, 0.25, 0.0]


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("The answer is 5.", 1.0),
        ("As an AI language model, I have no favourite colour.", 0.5),
        ("I’m sorry, but that is not known.", 0.5),
        ("I'm sorry, but as an AI I cannot help with that.", 0.0),
        ("Som en AI-sprogmodel har jeg ingen mening.", 0.5),
        ("Als KI-Sprachmodell habe ich keine Meinung.", 0.5),
        ("作为一个AI语言模型，我没有意见。", 0.5),
        ("He said he could not help, as any aide would.", 1.0),
        ("A long and useful text. " * 20 + "I'm sorry, as an AI I cannot help.", 1.0),
    ],
)
def test_refusals_and_talk_about_being_a_model(output: str, expected: float) -> None:
    assert directness(Texts("Tell me.", output=output)) == expected


SAME_IN_OTHER_LANGUAGES = {
    "da": (
        "Forklar, hvorfor himlen er blå om dagen.",
        (
            "Sollys består af alle farver. Når lyset går gennem luften, spredes de korte, blå bølger langt mere end de "
            "røde, og derfor ser vi blåt lys fra alle sider af himlen. Om aftenen er vejen længere, og så bliver kun "
            "det røde tilbage."
        ),
    ),
    "zh": (
        "请解释为什么白天的天空是蓝色的。",
        (
            "阳光由各种颜色组成。光线穿过空气时，波长较短的蓝光比红光散射得多，所以我们从天空的各个方向都能看到蓝光。到了傍晚，"
            "光线要走更长的路，蓝光大多散失，只剩下红色。"
        ),
    ),
    "hi": (
        "समझाइए कि दिन में आकाश नीला क्यों होता है।",
        (
            "सूर्य का प्रकाश सभी रंगों से बना होता है। हवा से गुज़रते समय छोटी, नीली तरंगें लाल तरंगों से कहीं अधिक बिखरती हैं, इसलिए हमें "
            "आकाश की हर दिशा से नीला प्रकाश दिखता है। शाम को रास्ता लंबा होता है, और तब केवल लाल रंग बचता है।"
        ),
    ),
    "th": (
        "อธิบายว่าทำไมท้องฟ้าตอนกลางวันจึงเป็นสีฟ้า",
        "แสงอาทิตย์ประกอบด้วยทุกสี เมื่อแสงผ่านอากาศ คลื่นสั้นสีฟ้ากระเจิงมากกว่าสีแดง เราจึงเห็นแสงสีฟ้าจากทุกทิศ",
    ),
}
ENGLISH = (
    "Explain why the sky is blue by day.",
    (
        "Sunlight is made of all colours. When it passes through the air, the short blue waves are scattered far more "
        "than the red ones, so blue light reaches us from all sides of the sky. In the evening the way is longer, and "
        "only the red is left."
    ),
)


@pytest.mark.parametrize("language", SAME_IN_OTHER_LANGUAGES)
def test_other_languages_are_not_put_behind_english(language: str) -> None:
    instruction, output = SAME_IN_OTHER_LANGUAGES[language]
    candidates = [Candidate(ENGLISH[0], output=ENGLISH[1]), Candidate(instruction, output=output)]
    english, other = HeuristicScorer().score(candidates, None, None, None)  # type: ignore[arg-type]  # unused by it
    assert english.value is not None
    assert other.value is not None
    assert other.value > english.value - 0.05
    assert all(value == 1.0 for name, value in other.parts.items() if name not in ("substance", "relevance"))
