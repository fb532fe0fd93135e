from __future__ import annotations

import ast
import re
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from insgen.report.card import CardFacts, Exported, SourceCount, card_text

EXPORTED = Exported(
    "bank.jsonl",
    "alpaca",
    ".jsonl",
    1_500,
    (SourceCount("docs/manual.md", "CC-BY-4.0", 1_400), SourceCount("wiki", "CC-BY-SA-4.0", 100)),
)
FACTS = CardFacts(
    title="Kubernetes",
    insgen_version="0.1.0",
    domain="operating clusters",
    language="en-GB",
    recipe="documents",
    config_hash="b2:0123",
    bank_version=7,
    n_proposed=12_000,
    n_kept=9_000,
    n_bank=6_000,
    rejected={"too short": 400, "ROUGE-L": 2_600},
    generators=("documents",),
    filters=("length", "rouge"),
    scorers=("heuristic",),
    selector="pibe",
    embedding_model="all-MiniLM-L6-v2@1149:float32",
    plugins={"insgen-extra": "2.0"},
    exported=EXPORTED,
)


def head(facts: CardFacts) -> dict[str, Any]:
    text = card_text(facts).removeprefix("---\n").split("\n---\n", 1)[0]
    parsed = yaml.safe_load(text)
    assert isinstance(parsed, dict)
    return parsed


def with_sources(*sources: SourceCount) -> CardFacts:
    return replace(FACTS, exported=replace(EXPORTED, sources=sources))


def test_head_says_to_the_hub_what_the_data_set_is() -> None:
    assert head(FACTS) == {
        "pretty_name": "Kubernetes",
        "language": ["en"],
        "language_bcp47": ["en-GB"],
        "task_categories": ["text-generation"],
        "tags": ["instruction-tuning", "synthetic", "insgen"],
        "license": ["cc-by-4.0", "cc-by-sa-4.0"],
        "size_categories": ["1K<n<10K"],
        "configs": [{"config_name": "default", "data_files": "bank.jsonl"}],
    }


def test_body_tells_how_it_was_made_with_every_count() -> None:
    body = card_text(FACTS)

    for line in (
        "- recipe: `documents`",
        "- config: `b2:0123`",
        "- bank version: `7`",
        "- filters: `length`, `rouge`",
        "- embedding model: `all-MiniLM-L6-v2@1149:float32`",
        "- plugins: `insgen-extra 2.0`",
        "- proposed: 12,000",
        "- passed every filter: 9,000",
        "- in the bank: 6,000",
        "- rejected: 3,000\n  - `ROUGE-L`: 2,600\n  - `too short`: 400",
        "- `docs/manual.md`: licence `CC-BY-4.0`, rows: 1,400",
    ):
        assert f"\n{line}\n" in body
    assert "1,500 instructions" in body
    assert "insgen `0.1.0`" in body


def test_fact_that_is_not_known_is_left_out_and_zero_is_not_missing() -> None:
    body = card_text(CardFacts(title="Kubernetes", insgen_version="0.1.0", n_kept=0))

    assert "passed every filter: 0" in body
    for unknown in ("None", "proposed: ", "recipe", "scorers", "license", "language"):
        assert unknown not in body


def test_several_licences_are_said_plainly() -> None:
    assert "**Several licences apply:** `CC-BY-4.0`, `CC-BY-SA-4.0`." in card_text(FACTS)


def test_one_licence_for_everything_is_not_called_several() -> None:
    facts = with_sources(SourceCount("a.md", "mit", 1), SourceCount("b.md", "mit", 1))

    assert head(facts)["license"] == ["mit"]
    assert "Several licences" not in card_text(facts)


def test_missing_licence_is_said_plainly_and_unknown_to_the_hub() -> None:
    facts = with_sources(SourceCount("a.md", "mit", 1), SourceCount("llm", None, 3), SourceCount(None, None, 4))

    assert head(facts)["license"] == ["mit", "unknown"]
    assert "**Rows with no stated licence: 7.**" in card_text(facts)
    assert "- source unknown: no licence stated, rows: 4" in card_text(facts)


def test_licence_that_the_hub_does_not_know_is_other_there_and_named_in_the_text() -> None:
    facts = with_sources(SourceCount("a.md", "House rules 1.0", 1))

    assert head(facts)["license"] == ["other"]
    assert "licence `House rules 1.0`" in card_text(facts)


def test_losses_are_told() -> None:
    body = card_text(replace(FACTS, exported=replace(EXPORTED, n_turns_lost=3, n_system_lost=2, n_unanswered=1_001)))

    assert "- 3 of 1,500 rows lost the later turns of their conversation" in body
    assert "- 2 of 1,500 rows lost their system message" in body
    assert "- 1,001 of 1,500 rows have no answer." in body
    assert "lost" not in card_text(FACTS)


def test_long_list_of_sources_is_cut_with_the_rest_summed_up() -> None:
    body = card_text(with_sources(*(SourceCount(f"{number}.md", "mit", 2) for number in range(60))))

    assert "`49.md`" in body
    assert "`50.md`" not in body
    assert "- more sources: 10, rows: 20" in body


@pytest.mark.parametrize(
    ("n_members", "size"),
    [
        (1, "n<1K"),
        (999, "n<1K"),
        (1_000, "1K<n<10K"),
        (99_999, "10K<n<100K"),
        (10**5, "100K<n<1M"),
        (10**6, "1M<n<10M"),
    ],
)
def test_size_category_is_the_hubs(n_members: int, size: str) -> None:
    assert head(replace(FACTS, exported=replace(EXPORTED, n_members=n_members)))["size_categories"] == [size]


@pytest.mark.parametrize(("language", "expected"), [("no", ["no"]), ("gsw", ["gsw"]), ("", None), ("klingon!", None)])
def test_language_is_named_only_where_it_is_one(language: str, expected: list[str] | None) -> None:
    assert head(replace(FACTS, language=language)).get("language") == expected


def test_how_to_load_is_shown_for_known_file_endings_only() -> None:
    assert 'load_dataset("parquet", data_files="b.parquet"' in card_text(
        replace(FACTS, exported=replace(EXPORTED, suffix=".parquet", file_name="b.parquet"))
    )
    assert "load_dataset" not in card_text(replace(FACTS, exported=replace(EXPORTED, suffix=".xyz")))


hostile = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(hostile, hostile, hostile)
@example(
    '"]\nlicense: mit\n---\n# Owned',
    "a: b # c\u2028\x7f\x85\ufeff\ufffe",
    "\\u0041 ``` ` {{ }} <script>alert(1)</script>",
)
@example("---", "- x\n- y", "`" * 7)
@example("[x](javascript:1)", "**bold**\r\n\r\n# New", "    indented")
@settings(max_examples=150, deadline=None)
def test_hostile_names_stay_names(title: str, file_name: str, source: str) -> None:
    facts = replace(
        FACTS,
        title=title,
        domain=source,
        exported=replace(EXPORTED, file_name=file_name, sources=(SourceCount(source, source, 1),)),
        rejected={source: 1},
    )
    body = card_text(facts).split("\n---\n", 1)[1]
    tokens = MarkdownIt().parse(body)

    assert head(facts)["pretty_name"] == title
    assert head(facts)["configs"] == [{"config_name": "default", "data_files": file_name}]
    assert [token.tag for token in tokens if token.type == "heading_open"] == ["h1", "h2", "h2", "h2"]
    inline = {child.type for token in tokens for child in token.children or ()}
    assert inline <= {"text", "code_inline", "softbreak", "strong_open", "strong_close"}
    assert "html_block" not in {token.type for token in tokens}
    (code,) = re.findall(r"```python\n(.*?)\n```", body, flags=re.DOTALL)
    call = ast.parse(code).body[1]
    assert isinstance(call, ast.Assign)
    assert isinstance(call.value, ast.Call)
    assert ast.literal_eval(call.value.keywords[0].value) == file_name
