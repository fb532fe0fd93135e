"""Small projects with the `hashing` embedder: their configs, their data, and what a run left in their database."""

from __future__ import annotations

import hashlib
import random
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from insgen.loop.assemble import Assembly
from insgen.loop.run import RunResult

EMBED = '[embed]\nuse = "hashing"\ndimension = 64\n'
SELECT = '[select]\nuse = "quality"\nsize = 10\n'
SCORE = '[[score]]\nuse = "heuristic"\n'
DATA = '[[generate]]\nuse = "dataset"\npaths = ["data.jsonl"]\n'
DOCUMENTS = '[[generate]]\nuse = "documents"\npaths = ["docs"]\n'
FILTERS = """
[[filter]]
use = "length"
[[filter]]
use = "exact_duplicate"
[[filter]]
use = "near_duplicate"
limit = 0.9
"""
PLAIN = EMBED + SELECT

COMPARED = (
    "candidates",
    "proposals",
    "unreadable",
    "verdicts",
    "scores",
    "kept",
    "vectors",
    "members",
    "bank_events",
    "signals",
    "positions",
)
"""Tables in which two runs with the same config, seed and data have the same bytes."""

_WORDS = (
    "pod",
    "node",
    "service",
    "volume",
    "secret",
    "quota",
    "ingress",
    "cluster",
    "label",
    "selector",
    "probe",
    "taint",
    "replica",
    "rollout",
    "namespace",
    "image",
    "registry",
    "scheduler",
    "kubelet",
    "etcd",
    "proxy",
    "endpoint",
    "config",
    "token",
    "role",
    "binding",
    "limit",
    "request",
    "eviction",
    "drain",
)


def rows(n: int, seed: int = 1) -> list[dict[str, str]]:
    """Alpaca rows: most are good, some are short, repeated in other words' case, or near to one before."""
    rng = random.Random(seed)
    made: list[dict[str, str]] = []
    for number in range(n):
        words = rng.sample(_WORDS, 6)
        instruction = f"Explain how a {words[0]} uses the {words[1]} when the {words[2]} {words[3]} is {words[4]}."
        if made and number % 7 == 3:
            instruction = rng.choice(made)["instruction"].upper()
        elif made and number % 7 == 5:
            instruction = rng.choice(made)["instruction"] + " Please."
        elif number % 11 == 6:
            instruction = words[0]
        output = (
            f"The {words[1]} is read by the {words[0]}. " + " ".join(rng.choices(_WORDS, k=rng.randint(5, 40))) + "."
        )
        made.append({"instruction": instruction, "input": "", "output": output})
    return made


def play(project: Path, *settings: str, rounds: int = 0, watchers: Sequence[object] = ()) -> RunResult:
    """Run a project as the command line does."""
    assembly = Assembly(project, settings)
    for watcher in watchers:
        assembly.watch(watcher)
    with assembly.open(max_rounds=rounds) as run:
        return run.play()


def query(project: Path, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Ask a project's database, read-only."""
    conn = sqlite3.connect(f"{(project / 'insgen.db').as_uri()}?mode=ro", uri=True)
    try:
        return conn.execute(statement, parameters).fetchall()
    finally:
        conn.close()


def count(project: Path, table: str) -> int:
    """Rows of one table."""
    return int(query(project, f"SELECT count(*) FROM {table}")[0][0])


def contents(project: Path, tables: Iterable[str] = COMPARED) -> dict[str, list[tuple[Any, ...]]]:
    """Whole tables in the order they are kept in, to compare two runs byte for byte."""
    return {table: query(project, f"SELECT * FROM {table}") for table in tables}


def versions(project: Path) -> list[tuple[Any, ...]]:
    """The bank's history without its times."""
    return query(
        project,
        "SELECT version, round, action, selector, model, size, members, admitted, evicted, state FROM bank_versions",
    )


def rounds_played(project: Path) -> list[tuple[Any, ...]]:
    """The rounds without run and times."""
    return query(
        project,
        "SELECT round, proposed, repeated, unreadable, rejected, unanswered, unscored, kept, admitted, evicted, members"
        " FROM rounds",
    )


def file_hashes(project: Path) -> dict[str, str]:
    """Every file of a project and what is in it; the traces of readers (shared memory) are left out."""
    return {
        str(path.relative_to(project)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(project.rglob("*"))
        if path.is_file()
        and not path.name.endswith(("-shm", ".lock"))
        and (path.stat().st_size or "-wal" not in path.name)
    }


def plugin(body: str, hook: str) -> str:
    """A plugin file that offers the stage ``rogue``, whose class has this body."""
    indented = "\n".join("    " + line for line in body.strip("\n").splitlines())
    return f"""from __future__ import annotations
from dataclasses import dataclass, replace
from typing import ClassVar
import numpy as np
from insgen import *

@dataclass(frozen=True)
class Rogue:
    name: ClassVar[str] = "rogue"
    needs_vectors: ClassVar[bool] = False
{indented}

@hookimpl
def {hook}():
    return [Rogue]
"""
