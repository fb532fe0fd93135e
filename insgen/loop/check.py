"""Checks a project before anything is spent: every part is made, and every source is asked for one candidate."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from insgen.bank.ingest import read_seed_tasks
from insgen.errors import InsgenError
from insgen.hooks import call
from insgen.loop.assemble import Assembly
from insgen.store import members as member_store
from insgen.store.database import open_reader


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    ok: bool
    finding: str


def check_project(path: Path, settings: Sequence[str]) -> list[Finding]:
    """Look at everything a run needs.

    :returns: findings in the order of the journey; problems have ``ok`` False and say what to do.
    :raises ConfigError: the config itself cannot be understood.
    """
    assembly = Assembly(path, settings)
    config = assembly.config
    found = [Finding("config", True, f"{config.path}, recipe {config.recipe or 'none'}")]
    found += [Finding("plugin", False, str(broken)) for broken in assembly.plugins.broken]
    stages = ", ".join(f"{live.kind} {live.name}" for live in assembly.pipeline.stages())
    found.append(Finding("stages", True, stages))
    seeds = config.folder / "seeds.jsonl"
    found.append(_try("seeds", lambda: f"{len(read_seed_tasks(seeds))} seed tasks in {seeds.name}"))
    found.append(
        _try(
            "embedder",
            lambda: (
                f"{call.identity(assembly.pipeline.embedder)}, {call.dimension(assembly.pipeline.embedder)} dimensions"
            ),
        )
    )
    found.append(_try("database", lambda: _database(config.database)))
    if found[-2].ok:
        found += _sources(assembly)
    return found


def _try(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, look())
    except InsgenError as error:
        return Finding(what, False, str(error))


def _database(path: Path) -> str:
    if not path.exists():
        return f"{path.name} will be made by the first run"
    conn = open_reader(path)
    version = member_store.bank_version(conn)
    conn.close()
    return f"{path.name}, bank version {version}"


def _sources(assembly: Assembly) -> list[Finding]:
    """Ask every generator for one candidate, in a scratch database."""
    found: list[Finding] = []
    pipeline = assembly.pipeline
    for place, live in enumerate(pipeline.generators):
        assembly.pipeline = replace(pipeline, generators=(live,), feedback=())
        with (
            tempfile.TemporaryDirectory(prefix="insgen-check-") as folder,
            assembly.open(Path(folder) / "insgen.db") as run,
        ):
            run.proposer.limit = 1

            def look(run: object = run) -> str:
                made = run.proposer.next(1)  # type: ignore[attr-defined]  # bound as a default, so that the loop's is meant
                return "gives candidates" if made and made.candidates else "gives nothing now"

            found.append(_try(f"generator {place + 1}, {live.name}", look))
    assembly.pipeline = pipeline
    if not pipeline.generators:
        found.append(Finding("generators", True, "none: `insgen add` brings the data"))
    return found
