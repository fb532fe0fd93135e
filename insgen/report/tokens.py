"""Counts tokens for budgets, by a counter whose name and version can be told.

Flows in: what the user named with ``--tokenizer``. Flows out: a `Counter`. Without one, tokens are *estimated*: a
quarter of the text's bytes in UTF-8, rounded up, which needs no file and no network. Texts are counted bare: what a
chat template puts around them is the training program's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from insgen.errors import ConfigError
from insgen.records import content_hash

ESTIMATE = "bytes/4"
"""Name of the counter that needs no tokenizer: the usual rule of thumb for English and byte-pair encodings. Texts in
other scripts have more tokens than it says."""

_TIKTOKEN = "tiktoken:"


@dataclass(frozen=True)
class Counter:
    """A way to count tokens.

    :ivar name: what it is, for the record: library, vocabulary, and its version or the hash of its file.
    :ivar count: the number of tokens of a text, without special tokens; 0 for an empty one.
    """

    name: str
    count: Callable[[str], int]


def counter(named: str) -> Counter:
    """Make a counter.

    :param named: `ESTIMATE`; ``tiktoken:ENCODING``; a ``tokenizer.json`` or a folder with one; else a model's id on the
        Hugging Face Hub (from its cache, or fetched).
    :raises ConfigError: there is none of that name, or it cannot be read.
    """
    if named == ESTIMATE:
        return Counter(f"{ESTIMATE}, an estimate", _estimate)
    if named.startswith(_TIKTOKEN):
        return _tiktoken(named.removeprefix(_TIKTOKEN))
    path = Path(named)
    if path.exists() or path.suffix == ".json":
        return _from_file(path / "tokenizer.json" if path.is_dir() else path)
    return _from_hub(named)


def _estimate(text: str) -> int:
    return -(-len(text.encode("utf-8", "surrogatepass")) // 4)


def _tiktoken(encoding: str) -> Counter:
    import tiktoken

    try:
        found = tiktoken.get_encoding(encoding)
    except Exception as error:  # an unknown name, no network, a damaged cache: each has its own class
        raise _refused(
            f"{_TIKTOKEN}{encoding}", error, "one of " + ", ".join(tiktoken.list_encoding_names())
        ) from error
    return Counter(
        f"tiktoken {tiktoken.__version__}, {encoding}", lambda text: len(found.encode(text, disallowed_special=()))
    )


def _from_file(path: Path) -> Counter:
    from tokenizers import Tokenizer

    try:
        raw = path.read_text(encoding="utf-8")
        found = Tokenizer.from_str(raw)
    except Exception as error:  # the library raises bare Exceptions
        raise _refused(str(path), error, "a tokenizer.json of the tokenizers library, or a folder with one") from error
    return Counter(f"{path.name}, {content_hash(raw)}", _counting(found))


def _from_hub(name: str) -> Counter:
    from tokenizers import Tokenizer

    try:
        found = Tokenizer.from_pretrained(name)
    except Exception as error:  # the library raises bare Exceptions
        expected = f"{ESTIMATE}, {_TIKTOKEN}ENCODING, a tokenizer.json, or a model's id on the Hugging Face Hub"
        raise _refused(name, error, expected) from error
    return Counter(f"{name}, {content_hash(found.to_str())}", _counting(found))


def _counting(tokenizer: object) -> Callable[[str], int]:
    from tokenizers import Tokenizer

    assert isinstance(tokenizer, Tokenizer)  # noqa: S101 - for mypy, which sees no types in the library
    tokenizer.no_truncation()  # some files cut texts at the model's length, and would count no further
    tokenizer.no_padding()
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


def _refused(named: str, error: Exception, expected: str) -> ConfigError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return ConfigError(
        f'The tokenizer "{named}" cannot be loaded: {reason}.\n  Expected {expected}.\n'
        "  Name another one with --tokenizer, or leave the option out: tokens are then estimated."
    )
