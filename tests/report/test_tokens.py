"""Token counters: each is what it says it is, and says which."""

from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from insgen.errors import ConfigError
from insgen.report.tokens import ESTIMATE, counter


@pytest.fixture
def tokenizer_file(tmp_path: Path) -> Path:
    """A tokenizer of whole words that cuts texts at four tokens and frames them, as models' files do."""
    made = Tokenizer(WordLevel({"[UNK]": 0, "[CLS]": 1, "pod": 2, "node": 3}, unk_token="[UNK]"))
    made.pre_tokenizer = Whitespace()
    made.post_processor = TemplateProcessing(single="[CLS] $A", special_tokens=[("[CLS]", 1)])
    made.enable_truncation(4)
    made.save(str(tmp_path / "tokenizer.json"))
    return tmp_path / "tokenizer.json"


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("abcd", 1), ("abcde", 2), ("\u4e00\u4e8c", 2)])
def test_estimate_is_a_quarter_of_the_bytes(text: str, tokens: int) -> None:
    assert counter(ESTIMATE).count(text) == tokens
    assert counter(ESTIMATE).name == "bytes/4, an estimate"


def test_a_file_counts_texts_whole_and_without_special_tokens(tokenizer_file: Path) -> None:
    made = counter(str(tokenizer_file))

    assert made.count("pod node pod node pod, please") == 7
    assert made.count("") == 0
    assert made.name.startswith("tokenizer.json, b2:")


def test_the_name_tells_two_vocabularies_apart(tokenizer_file: Path) -> None:
    before = counter(str(tokenizer_file.parent)).name
    tokenizer_file.write_text(tokenizer_file.read_text().replace('"pod"', '"cow"'))

    assert counter(str(tokenizer_file.parent)).name != before


@pytest.mark.parametrize("named", ["tiktoken:no_such_encoding", "none.json", "no-such-owner/no-such-model"])
def test_what_cannot_be_loaded_is_refused_by_name(named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    with pytest.raises(ConfigError, match="cannot be loaded") as refused:
        counter(named)
    assert named in str(refused.value)
    assert "--tokenizer" in str(refused.value)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")

    with pytest.raises(ConfigError, match="cannot be loaded"):
        counter(str(tmp_path))
