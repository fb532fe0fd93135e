"""`insgen.toml` to a config: sections, stages, ranges and overrides, each refused with file, table and key."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from insgen.config.load import config_hash, find_config, load_config, override, parse_options, read_tables, resolve
from insgen.config.settings import Embed, Loop, Project, Select
from insgen.errors import ConfigError
from insgen.hooks.manager import load_plugins
from insgen.loop.pipeline import build_pipeline

PATH = Path("/project/insgen.toml")
TABLES: dict[str, Any] = {
    "loop": {"rounds": 3},
    "generate": [{"use": "dataset", "paths": ["a.jsonl"]}],
    "filter": [{"use": "length"}, {"use": "near_duplicate", "limit": 0.9}],
    "score": [{"use": "heuristic", "weight": 2}],
    "select": {"use": "quality", "size": 50},
}


def refusal(tables: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        resolve(tables, PATH)
    return str(caught.value)


def test_an_empty_config_has_the_defaults_and_no_stages() -> None:
    config = resolve({}, PATH)
    assert (config.project, config.loop, config.llm) == (Project(), Loop(), None)
    assert (config.embed[0], config.select[0]) == (Embed(), Select())
    assert (config.generate, config.filters, config.scores, config.respond) == ((), (), (), None)
    assert config.database == Path("/project/insgen.db")


def test_options_of_a_stage_are_kept_apart_from_the_sections_own_keys() -> None:
    config = resolve({**TABLES, "embed": {"use": "hashing", "text": "all", "dimension": 8}}, PATH)
    assert config.filters[1].options == {"limit": 0.9}
    assert config.filters[1].where == "insgen.toml, [[filter]] 2 near_duplicate"
    scored, scorer = config.scores[0]
    assert (scored.weight, scorer.use, scorer.options) == (2.0, "heuristic", {})
    assert (config.embed[0].text, config.embed[1].options) == ("all", {"dimension": 8})


@pytest.mark.parametrize(
    ("tables", "parts"),
    [
        ({"filters": []}, ('no section "filters"', 'Did you mean "filter"?', "Known sections: project, loop")),
        ({"loop": {"round": 1}}, ("insgen.toml, [loop]", 'no key "round"', 'Did you mean "rounds"?')),
        ({"loop": 3}, ("loop is no table", "[loop]", "one pair of brackets")),
        ({"loop": [{"rounds": 3}]}, ("loop is no table", "[loop]")),
        ({"filter": {"use": "length"}}, ("filter is no list of tables", "[[filter]]", "two pairs of brackets")),
        ({"filter": [{"limit": 1}]}, ("[[filter]] 1", '"use" is missing', "insgen plugins list")),
        ({"filter": [{"use": 3}]}, ("[[filter]] 1", '"use" is missing or no text')),
        ({"respond": {}}, ("[respond]", '"use" is missing')),
        ({"loop": {"rounds": -1}}, ("[loop]", "rounds is -1", "at least 0")),
        ({"loop": {"batch": 0}}, ("[loop]", "batch is 0", "at least 1")),
        ({"loop": {"min_yield": 1.5}}, ("[loop]", "min_yield is 1.5", "share from 0 to 1")),
        ({"select": {"size": -1}}, ("[select]", "size is -1", "at least 0")),
        ({"score": [{"use": "heuristic", "weight": 0}]}, ("[[score]] 1 heuristic", "weight is 0", "more than 0")),
        ({"score": [{"use": "heuristic", "weight": "2"}]}, ("[[score]] 1 heuristic, weight", "'2'", "Expected number")),
        ({"embed": {"text": "output"}}, ("[embed], text", "'output'", '"instruction", "instruction+input", "all"')),
        ({"llm": {}}, ("[llm]", 'the key "model" is missing', "Expected text")),
        ({"plugins": "mine.py"}, ("plugins", "'mine.py'", "a list of text")),
        ({"plugins": [1]}, ("plugins", "[1]", "a list of text")),
        ({"recipe": 5}, ("recipe is 5", "Expected text")),
    ],
)
def test_what_cannot_be_understood_is_refused_by_name(tables: dict[str, Any], parts: tuple[str, ...]) -> None:
    message = refusal(tables)
    assert message.startswith("insgen.toml")
    for part in parts:
        assert part in message
    assert len(message.split("\n")) >= 2


@pytest.mark.parametrize(
    ("tables", "parts"),
    [
        (
            {"filter": [{"use": "lenght"}]},
            (
                '[[filter]] 1 lenght: No filter is called "lenght"',
                'Did you mean "length"?',
                "Known: ",
                "near_duplicate",
            ),
        ),
        (
            {"filter": [{"use": "length", "min_word": 1}]},
            ("[[filter]] 1 length", 'no key "min_word"', 'Did you mean "min_words"?'),
        ),
        ({"filter": [{"use": "length", "min_words": "1"}]}, ("[[filter]] 1 length, min_words", "'1'", "whole number")),
        ({"filter": [{"use": "length", "min_words": 0}]}, ("[[filter]] 1 length", "min_words = 0", "at least 1")),
        (
            {"embed": {"use": "hashing", "executor": "ray"}},
            ("[embed] executor", 'No executor is called "ray"', "Known: in-process"),
        ),
        ({"select": {"use": "heuristic"}}, ("[select]", 'No selector is called "heuristic"')),
        ({"seeds": {"use": "unifrom"}}, ("[seeds]", 'No seed policy is called "unifrom"', 'Did you mean "uniform"?')),
    ],
)
def test_stages_and_their_options_are_refused_by_name(tables: dict[str, Any], parts: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        build_pipeline(resolve({"embed": {"use": "hashing"}, **tables}, PATH), load_plugins())
    for part in parts:
        assert part in str(caught.value)


def test_overrides_reach_tables_and_stages_and_leave_the_given_tables_alone() -> None:
    before = copy.deepcopy(TABLES)
    changed = override(
        TABLES,
        [
            "loop.rounds=5",
            "filter.near_duplicate.limit = 0.5",
            "score.heuristic.weight=0.1",
            "embed.use=hashing",
            "llm.model=a/b=c",
        ],
    )
    assert before == TABLES
    assert changed["loop"] == {"rounds": 5}
    assert changed["filter"] == [{"use": "length"}, {"use": "near_duplicate", "limit": 0.5}]
    assert changed["score"] == [{"use": "heuristic", "weight": 0.1}]
    assert changed["embed"] == {"use": "hashing"}
    assert changed["llm"] == {"model": "a/b=c"}


def test_values_of_overrides_are_toml_and_otherwise_text() -> None:
    values = parse_options(["a=3", "b=0.5", "c=true", 'd=["x", "y"]', "e=plain text", 'f="3"', "g=", "h=x = y"])
    assert values == {"a": 3, "b": 0.5, "c": True, "d": ["x", "y"], "e": "plain text", "f": "3", "g": "", "h": "x = y"}


@pytest.mark.parametrize(
    ("setting", "parts"),
    [
        ("loop.rounds", ('"loop.rounds" is no override', "Expected KEY=VALUE")),
        ("rounds=3", ('"rounds=3" is no override',)),
        ("loops.rounds=3", ("names nothing in the config", 'Did you mean "loop"?', "filter.NAME.KEY=VALUE")),
        ("filter.limit=3", ("names nothing in the config",)),
        ("loop.a.b=3", ("names nothing in the config",)),
        ("filter.lenght.limit=3", ("no [[filter]] lenght", 'Did you mean "length"?', "It has: length, near_duplicate")),
        ("feedback.log.path=x", ("no [[feedback]] log", "It has: none")),
    ],
)
def test_an_override_of_nothing_is_refused(setting: str, parts: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        override(TABLES, [setting])
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize("tables", [{"loop": 3}, {"filter": {"use": "length"}}, {"filter": [3]}])
def test_an_override_of_a_misshapen_config_says_what_is_wrong_with_the_config(tables: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"insgen\.toml: (loop|filter) is no"):
        override(tables, ["loop.rounds=3", "filter.length.min_words=2"])


def test_an_unknown_key_given_as_an_override_is_refused_like_one_in_the_file() -> None:
    assert 'no key "round"' in refusal(override(TABLES, ["loop.round=3"]))


def test_a_parse_option_without_a_value_is_refused() -> None:
    with pytest.raises(ConfigError, match='"format" is no option'):
        parse_options(["format"])


def test_hash_is_blind_to_order_and_layout_only(make_project: Callable[..., Path]) -> None:
    first = make_project("[loop]\nrounds = 3 # three\nbatch = 5\n[select]\nsize = 1\n")
    second = make_project("[select]\nsize=1\n\n[loop]\nbatch=5\nrounds=3\n")
    third = make_project("[select]\nsize=1\n\n[loop]\nbatch=5\nrounds=4\n")
    hashes = [config_hash(load_config(each)[1]) for each in (first, second, third)]
    assert hashes[0] == hashes[1] != hashes[2]


def test_folder_and_file_name_the_same_config(make_project: Callable[..., Path]) -> None:
    project = make_project("\ufeff[loop]\r\nrounds = 3\r\n")
    assert find_config(project) == find_config(project / "insgen.toml") == project / "insgen.toml"
    assert load_config(project)[0].loop.rounds == 3


def test_no_config_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path)
    for part in (f"There is no config {tmp_path / 'insgen.toml'}", f"`insgen init {tmp_path}`"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"[loop\nrounds = 3", "line 1"),
        (b"[loop]\nrounds = 3\nrounds = 4\n", "Cannot overwrite a value (at line 3"),
        (b"\xff\xfe[loop]", "invalid start byte"),
        (b"a = " + b"[" * 100_000, "recursion"),
    ],
)
def test_broken_toml_is_refused_with_its_place(make_project: Callable[..., Path], content: bytes, part: str) -> None:
    project = make_project("", {"insgen.toml": content})
    with pytest.raises(ConfigError) as caught:
        load_config(project)
    for expected in (str(project / "insgen.toml"), "is not valid TOML", "Mend that line", part):
        assert expected in str(caught.value)


def test_a_config_that_cannot_be_opened_is_refused_with_the_systems_word(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"Cannot read .*: Is a directory\.\n  Expected a file this user may read"):
        read_tables(tmp_path)
