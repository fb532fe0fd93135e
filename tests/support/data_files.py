"""Data files of all kinds, and the dataset generator read to its end."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from insgen import BankView, Candidate, Generated, Generator, GeneratorContext, Prompts, Unreadable


def context(project: Path, *, limit: int = 100, position: str = "") -> GeneratorContext:
    """What a generator is handed; this one has no use for bank and prompts, so there are none."""
    nothing = cast("BankView", None), cast("Prompts", None)
    return GeneratorContext(1, limit, position, (), "", "en", project, *nothing, random.Random(1))


def rounds(
    generators: Generator | Iterator[Generator], project: Path, *, limit: int = 100, position: str = ""
) -> Iterator[Generated]:
    """Rounds until it says exhausted; an iterator of generators gives every round a new one, as a new process would."""
    for _ in range(100_000):
        generator = next(generators) if isinstance(generators, Iterator) else generators
        generated = generator.generate(context(project, limit=limit, position=position))
        yield generated
        if generated.exhausted:
            return
        assert generated.position != position
        position = generated.position
    raise AssertionError("it never ends")


def read_all(generator: Generator, project: Path, *, limit: int = 100) -> tuple[list[Candidate], list[Unreadable]]:
    """Everything it gives."""
    candidates: list[Candidate] = []
    unreadable: list[Unreadable] = []
    for generated in rounds(generator, project, limit=limit):
        candidates += generated.candidates
        unreadable += generated.unreadable
    return candidates, unreadable


def write_lines(path: Path, lines: Iterable[str | bytes]) -> Path:
    """Write lines as they are; a name that ends with .gz is packed."""
    data = b"".join((line if isinstance(line, bytes) else line.encode()) + b"\n" for line in lines)
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return path


def write_rows(path: Path, rows: Iterable[Any]) -> Path:
    """Write JSON Lines."""
    return write_lines(path, (json.dumps(row, ensure_ascii=False) for row in rows))


def alpaca(n: int, word: str = "Task") -> list[dict[str, str]]:
    """Rows in Alpaca's format."""
    return [{"instruction": f"{word} {i}", "input": f"on {i}", "output": f"done {i}"} for i in range(1, n + 1)]


def instructions(candidates: Sequence[Candidate]) -> list[str]:
    """Their instructions."""
    return [candidate.instruction for candidate in candidates]
