"""Checks a project before anything is spent: every part is made, and every source is asked for one candidate.

Generators that ask a language model write their prompts and nothing is sent; only ``--call`` sends one short question.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from insgen.bank.ingest import read_seed_tasks
from insgen.errors import ConfigError
from insgen.hooks import call
from insgen.loop.assemble import Assembly, refuse_other_model
from insgen.loop.check_llm import Finding, attempt, check_model, check_spending
from insgen.loop.estimate import Rehearsal, rehearse
from insgen.loop.failures import changes_told
from insgen.loop.freezing import FREEZE_FILE, differences, needs, read_needs
from insgen.loop.run import Run
from insgen.loop.training import is_embedding
from insgen.store import members as member_store
from insgen.store.blame import changed_since
from insgen.store.database import open_reader


def check_project(path: Path, settings: Sequence[str], *, really_call: bool = False) -> list[Finding]:
    """Look at everything a run needs.

    :param really_call: send the language model one short question, too; it is paid for.
    :returns: findings in the order of the journey; problems have ``ok`` False and say what to do.
    :raises ConfigError: the config itself cannot be understood.
    """
    assembly = Assembly(path, settings)
    config = assembly.config
    found = [Finding("config", True, f"{config.path}, recipe {config.recipe or 'none'}")]
    found += [Finding("plugin", False, str(broken)) for broken in assembly.plugins.broken]
    found.append(attempt("plugins", lambda: _versions(assembly)))
    stages = ", ".join(f"{live.kind} {live.name}" for live in assembly.pipeline.stages())
    found.append(Finding("stages", True, stages))
    seeds = config.folder / "seeds.jsonl"
    found.append(attempt("seeds", lambda: f"{len(read_seed_tasks(seeds))} seed tasks in {seeds.name}"))
    assembly.ready()
    found.append(
        attempt(
            "embedder",
            lambda: (
                f"{call.identity(assembly.pipeline.embedder)}, {call.dimension(assembly.pipeline.embedder)} dimensions"
            ),
        )
    )
    model = assembly.model if found[-1].ok and not is_embedding(config) else ""
    found.append(attempt("database", lambda: _database(config.database, model, assembly.pipeline.plugins())))
    if found[-2].ok:
        about_llm = check_model(config.llm) if config.llm is not None else []
        found += about_llm
        if any(one.what == "price" and not one.ok for one in about_llm):
            return found  # nothing can be opened without a price
        sources, asks = _sources(assembly)
        found += sources
        if config.llm is not None:
            key = all(one.ok for one in about_llm)
            found += check_spending(path, settings, asks=asks, really_call=really_call and key)
    return found


def _database(path: Path, model: str, plugins: Mapping[str, str]) -> str:
    """Look at the database: the embedding model of its bank (empty = unknown), and the plugins of its last run."""
    if not path.exists():
        return f"{path.name} will be made by the first run"
    with closing(open_reader(path)) as conn:
        version = member_store.bank_version(conn)
        if model:
            refuse_other_model(conn, model)
        changes = changes_told(changed_since(conn, plugins))
    return "; ".join([f"{path.name}, bank version {version}", *changes])


def _versions(assembly: Assembly) -> str:
    """Compare the plugins in use with the frozen ones, where a list of these stands in the project.

    :raises ConfigError: they are not those that were frozen.
    """
    now = needs(assembly.pipeline, assembly.plugins)
    frozen = assembly.config.folder / FREEZE_FILE
    told = ", ".join(f"{name} {version}" for name, version in now.items())
    if frozen.exists():
        wrong = differences(read_needs(frozen), now)
        if wrong:
            raise ConfigError(
                f"{'; '.join(wrong)}.\n  Expected what {frozen.name} says.\n"
                f"  `pip install -r {frozen}` brings it back; `insgen plugins freeze` takes what is there now."
            )
        return f"{told}, as frozen"
    return told


def _sources(assembly: Assembly) -> tuple[list[Finding], bool]:
    """Ask every generator for one candidate, in a scratch database; and whether one asks the language model."""
    found: list[Finding] = []
    asks = False
    pipeline = assembly.pipeline
    for place, live in enumerate(pipeline.generators):
        assembly.pipeline = replace(pipeline, generators=(live,), feedback=())
        with (
            tempfile.TemporaryDirectory(prefix="insgen-check-") as folder,
            assembly.open(Path(folder) / "insgen.db") as run,
        ):
            run.proposer.limit = 1
            told = rehearse(run)

            def look(run: Run = run, told: Rehearsal | None = told) -> str:  # defaults bind this turn's
                made = run.proposer.next(1)
                if told is not None and told.asked:
                    return f"asks the language model ({len(told.asked)} calls for one candidate); nothing was sent"
                return "gives candidates" if made and made.candidates else "gives nothing now"

            found.append(attempt(f"generator {place + 1}, {live.name}", look))
            asks = asks or bool(told and told.asked)
    assembly.pipeline = pipeline
    if not pipeline.generators:
        found.append(Finding("generators", True, "none: `insgen add` brings the data"))
    return found, asks
