from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from insgen import Candidate, ConfigError, StageError, Verdict
from insgen.bank.bank import Bank
from insgen.plugins.embedders.hashing import HashingEmbedder
from insgen.plugins.filters.decontamination import DecontaminationFilter
from insgen.plugins.filters.decontamination._sets import EvaluationSets, Item, words_of
from insgen.store.database import Store

if TYPE_CHECKING:
    from numpy.typing import NDArray

ITEMS = [
    {"question": "Which planet of the solar system has the most moons in its orbit today?", "answer": "Saturn"},
    {"question": "Name two moons.", "answer": "Io"},
    {"question": "用一句话解释这个概念为什么重要", "answer": "x"},
]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    text = "".join(json.dumps(item) + "\n" for item in ITEMS)
    (tmp_path / "eval.jsonl").write_text(text[: text.index("\n") + 1] + "\n" + text[text.index("\n") + 1 :], "utf-8")
    (tmp_path / "held.txt").write_text("Describe how bees find their way home in the dark.\n", "utf-8")
    return tmp_path


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    return HashingEmbedder(dimension=256).embed(texts)


def judge(store: Store, texts: Sequence[str | Candidate], **options: object) -> list[Verdict]:
    candidates = [text if isinstance(text, Candidate) else Candidate(text) for text in texts]
    vectors = embed([candidate.instruction for candidate in candidates])
    ready = [candidate.embedded(vector) for candidate, vector in zip(candidates, vectors, strict=True)]
    filter_ = DecontaminationFilter(**options)  # type: ignore[arg-type]  # by name
    return list(filter_.filter(ready, Bank(store.conn, "m", 256, embed)))


def test_n_words_in_a_row_are_a_hit_whatever_case_and_punctuation(store: Store, files: Path) -> None:
    verdicts = judge(
        store,
        [
            'Quiz: "WHICH planet, of the solar system, has the most rings" - discuss.',
            "Which planet of the solar system has fewer moons than the others do?",
            "Tell me how bees find their way home in the rain.",
        ],
        paths=(files / "eval.jsonl", files / "held.txt"),
        n=9,
        limit=1.0,
    )
    assert [(verdict.kept, verdict.neighbour) for verdict in verdicts] == [
        (False, "eval.jsonl:1"),
        (True, None),
        (True, None),
    ]
    assert (verdicts[0].reason, verdicts[0].value, verdicts[0].unit) == ("in evaluation set", 9.0, "words")


def test_line_is_that_of_the_file_and_short_items_need_all_their_words(store: Store, files: Path) -> None:
    verdicts = judge(
        store,
        ["name two moons", "Name two moons of Mars.", "请用一句话解释这个概念为什么重要！"],
        paths=(files / "eval.jsonl",),
        limit=1.0,
    )
    assert [verdict.neighbour for verdict in verdicts] == ["eval.jsonl:3", None, "eval.jsonl:4"]


def test_input_and_output_are_looked_at_too_but_no_run_goes_from_one_into_the_other(store: Store, files: Path) -> None:
    whole = ITEMS[0]["question"]
    half = whole.split()
    verdicts = judge(
        store,
        [
            Candidate("Answer this.", input=whole),
            Candidate("Make up a question.", output=whole),
            Candidate("Say " + " ".join(half[:6]), output=" ".join(half[6:12])),
        ],
        paths=(files / "eval.jsonl",),
        limit=1.0,
    )
    assert [verdict.kept for verdict in verdicts] == [False, False, True]


def test_meaning_is_compared_with_the_projects_embedder(store: Store, files: Path) -> None:
    near = "Which planet of our solar system has most moons in its orbit?"
    far = "Bake a cake with four eggs."
    verdicts = judge(store, [near, far], paths=(files / "eval.jsonl",), n=30, limit=0.6)

    plain = embed([near]) @ embed([str(item["question"]) for item in ITEMS]).T
    assert verdicts[0].value == pytest.approx(float(plain.max()), abs=1e-6)
    assert [(v.kept, v.neighbour, v.limit) for v in verdicts] == [(False, "eval.jsonl:1", 0.6), (True, None, 0.6)]


def test_every_item_finds_itself(store: Store, files: Path) -> None:
    texts = [str(item["question"]) for item in ITEMS]
    for options in ({"limit": 1.0}, {"n": 99, "limit": 0.99}):
        verdicts = judge(store, texts, paths=(files / "eval.jsonl",), **options)
        assert [verdict.neighbour for verdict in verdicts] == ["eval.jsonl:1", "eval.jsonl:3", "eval.jsonl:4"]


def test_two_sets_of_one_name_are_told_apart_by_their_folders(store: Store, tmp_path: Path) -> None:
    for folder, text in (("a", "Describe how bees dance in spring."), ("b", "Describe how ants carry leaves home.")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "test.txt").write_text(text)
    paths = (tmp_path / "a" / "test.txt", tmp_path / "b" / "test.txt")
    verdicts = judge(store, ["Describe how ants carry leaves home."], paths=paths, limit=1.0)
    assert verdicts[0].neighbour == "b/test.txt:1"


def test_index_of_runs_agrees_with_a_plain_search() -> None:
    rng = np.random.default_rng(5)
    texts = [" ".join(rng.choice(list("abcde"), size=int(rng.integers(1, 12)))) for _ in range(300)]
    sets = EvaluationSets([Item(text, str(n)) for n, text in enumerate(texts[:100])], 4)
    for text in texts[100:]:
        words = words_of(text)
        runs = {tuple(words[i : i + 4]) for i in range(len(words) - 3)}
        expected = [
            n
            for n, item in enumerate(map(words_of, texts[:100]))
            if (len(item) < 4 and item == words) or runs & {tuple(item[i : i + 4]) for i in range(len(item) - 3)}
        ]
        found = sets.hit(words)
        assert (found is not None) == bool(expected)
        assert found is None or found[0] in expected


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot be read"),
        ('{"question": "a"}\n{"q": "b"}\n', "eval.jsonl:2"),
        ('{"question": "a"}\n[1]\n', "eval.jsonl:2"),
        ("no JSON\n", "eval.jsonl:1"),
        ("\n", "no item"),
    ],
)
def test_set_that_cannot_be_used_is_named_with_its_line(
    store: Store, tmp_path: Path, content: str | None, told: str
) -> None:
    path = tmp_path / "eval.jsonl"
    if content is not None:
        path.write_text(content)
    with pytest.raises(StageError, match=told):
        judge(store, ["Anything."], paths=(path,))


def test_filter_without_sets_and_with_wrong_options_says_what_to_do(store: Store) -> None:
    with pytest.raises(StageError, match="paths"):
        judge(store, ["Anything."])
    for wrong in ({"n": 2}, {"limit": 1.5}, {"columns": ()}):
        with pytest.raises(ConfigError, match="Expected"):
            DecontaminationFilter(**wrong)  # type: ignore[arg-type]  # by name
