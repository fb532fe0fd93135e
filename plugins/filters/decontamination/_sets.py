"""Evaluation sets: read from files, and found again by their words.

Flows in: paths. Flows out: items with their places (``file:line``) and an index from n words in a row to an item.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from insgen import StageError, clean_text

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]|[^\W_]+")


@dataclass(frozen=True)
class Item:
    """One item of an evaluation set.

    :ivar place: file and line, for people: ``mmlu.jsonl:12``.
    """

    text: str
    place: str


@dataclass
class EvaluationSets:
    """All items, and where n words in a row stand.

    :ivar n: length of the runs, in words.
    """

    items: list[Item]
    n: int
    _runs: dict[int, int] = field(default_factory=dict)
    _short: dict[tuple[str, ...], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for place, item in enumerate(self.items):
            words = words_of(item.text)
            if len(words) < self.n:
                self._short.setdefault(tuple(words), place)
            for run in _runs(words, self.n):
                self._runs.setdefault(hash(run), place)  # a number takes a fifth of the words' memory

    def hit(self, words: Sequence[str]) -> tuple[int, int] | None:
        """Find the first item that has n of these words in a row, or all and nothing but them.

        :returns: its number, and how many words in a row; ``None`` when there is none.
        """
        if words and tuple(words) in self._short:
            return self._short[tuple(words)], len(words)
        for run in _runs(words, self.n):
            place = self._runs.get(hash(run))
            if place is not None and run in set(_runs(words_of(self.items[place].text), self.n)):
                return place, self.n
        return None


def words_of(text: str) -> list[str]:
    """The words of a text, without case and punctuation."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def load_sets(paths: Sequence[Path], columns: Sequence[str], n: int) -> EvaluationSets:
    """Read all sets.

    :raises StageError: there are none, a file cannot be read, or a row has no text; with file and line.
    """
    if not paths:
        raise StageError(
            "The filter decontamination has paths = [].\n  Expected the evaluation sets to keep out.\n"
            '  Name them (paths = ["eval/mmlu.jsonl"]), or take the filter out of the config.'
        )
    twice = len({path.name for path in paths}) < len(paths)
    items: list[Item] = []
    for path in paths:
        name = f"{path.parent.name}/{path.name}" if twice else path.name
        items += [Item(text, f"{name}:{line}") for line, text in _read(path, columns) if words_of(text)]
    if not items:
        raise _unusable(", ".join(path.name for path in paths), "there is no item in it", "at least one text")
    return EvaluationSets(items, n)


def _read(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Line (from 1) and text of every item of a file."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(str(path), f"it cannot be read ({error})", "a .jsonl or .txt file in UTF-8") from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield number, clean_text(line if path.suffix == ".txt" else _text_of(line, columns, f"{path}:{number}"))


def _text_of(line: str, columns: Sequence[str], place: str) -> str:
    try:
        row = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise _unusable(place, f"it is no JSON ({error})", "one JSON object on every line") from error
    if not isinstance(row, dict):
        raise _unusable(place, f"it is a {type(row).__name__}", "one JSON object on every line")
    texts = [row[name] for name in columns if isinstance(row.get(name), str) and row[name].strip()]
    if not texts:
        raise _unusable(place, f"it has the keys {', '.join(map(str, row))}", f"a text under {', '.join(columns)}")
    return "\n".join(texts)


def _unusable(place: str, problem: str, expected: str) -> StageError:
    return StageError(
        f"The filter decontamination cannot use {place}: {problem}.\n  Expected {expected}.\n"
        "  Mend the file, or name its text with columns = [...]."
    )


def _runs(words: Sequence[str], n: int) -> Iterator[tuple[str, ...]]:
    return (tuple(words[start : start + n]) for start in range(len(words) - n + 1))
