"""`insgen add`: a data set read by the ``dataset`` generator and stored as candidates that wait for the next run."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from insgen.bank.bank import Bank
from insgen.config.settings import RunConfig, StageUse
from insgen.hooks import call
from insgen.hooks.handed import GeneratorContext
from insgen.hooks.registry import Plugins
from insgen.loop.pipeline import make_stage
from insgen.models.templates import PromptFiles
from insgen.store import proposals
from insgen.store.database import Store
from insgen.store.rounds import now_utc

BITE = 5000
"""Rows read at once."""


@dataclass(frozen=True)
class Added:
    """What one data set brought.

    :ivar new: rows with texts this project had never seen.
    :ivar repeated: rows whose texts it had.
    :ivar unreadable: rows that are no candidates; each is in the table ``unreadable`` with its line and reason.
    """

    source: str
    new: int
    repeated: int
    unreadable: int


def add_data(
    store: Store,
    config: RunConfig,
    plugins: Plugins,
    source: str,
    options: Mapping[str, Any],
    advance: Callable[[int], None],
) -> Added:
    """Read one data set to its end and store it in one transaction: all of it, or nothing.

    :param options: options of the ``dataset`` generator besides its paths.
    :param advance: told how many rows were read so far.
    :raises StageError: it cannot be read at all.
    """
    live = make_stage(plugins, "generator", StageUse("dataset", {"paths": [source], **options}, f"insgen add {source}"))
    bank, prompts = Bank(store.conn, "", 0), PromptFiles(config.folder)
    new = repeated = unreadable = 0
    with store.atomic() as conn:
        cursor = conn.execute(
            "INSERT INTO arrivals (added_utc, source, options, n_rows, n_unreadable) VALUES (?,?,?,0,0)",
            (now_utc(), source, json.dumps(dict(options))),
        )
        arrival, position, exhausted = cursor.lastrowid, "", False
        while not exhausted:
            made = call.generate(
                live,
                GeneratorContext(
                    1,
                    BITE,
                    position,
                    (),
                    config.project.domain,
                    config.project.language,
                    config.folder,
                    bank,
                    prompts,
                    Random(config.project.seed),  # noqa: S311 - reproducible on purpose
                ),
            )
            versions = {live.name: live.version}
            fresh = proposals.add_proposals(conn, made.candidates, None, arrival, versions)
            proposals.add_unreadable(conn, made.unreadable, None, arrival)
            new, repeated, unreadable = (
                new + sum(fresh),
                repeated + len(fresh) - sum(fresh),
                unreadable + len(made.unreadable),
            )
            position, exhausted = made.position, made.exhausted
            advance(new + repeated + unreadable)
        conn.execute(
            "UPDATE arrivals SET n_rows = ?, n_unreadable = ? WHERE id = ?", (new + repeated, unreadable, arrival)
        )
    return Added(source, new, repeated, unreadable)


def absolute(source: str, here: Path) -> str:
    """Name a file or folder so that it is found from the project's folder; anything else (a Hub id) stays as it is."""
    path = here / source
    return str(path.resolve()) if path.exists() else source
