"""Splits members off into a project of their own: same config, their facts, their order; this project stays as it is.

Flows in: a condition on the columns of ``v_bank``. Flows out: a folder with config, seeds and a database whose bank
holds the members that meet it, ranks closed up. Diversity and utility are those of the old bank until the next run
ranks the new one.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from insgen.config.load import FILE_NAME, config_hash, load_config
from insgen.config.settings import RunConfig
from insgen.errors import ConfigError
from insgen.records import CandidateId, Ranked
from insgen.store import ledger, proposals, rounds, transfer
from insgen.store import members as member_store
from insgen.store.database import open_reader, open_store

_COPIED = ("seeds.jsonl", "prompts")


@dataclass(frozen=True)
class Split:
    """What was split off.

    :ivar members: members of the new bank; ``of``: of the old one.
    """

    path: Path
    members: int
    of: int


def split(path: Path, out: Path, where: str) -> Split:
    """Make a project of the members that meet a condition.

    It is made beside its place and moved there once it is complete.

    :param out: the new project's folder; nothing of that name may be there.
    :param where: an SQL condition on ``v_bank``, such as ``source LIKE '%api%'``; it is only read with.
    :raises ConfigError: the place is taken, the condition cannot be read, or no member meets it.
    """
    config, tables = load_config(path)
    out = Path.cwd() / out
    if out.exists():
        raise ConfigError(
            f"{out} is there already.\n  Expected a new name for the new project's folder.\n  Choose another one."
        )
    with closing(open_reader(config.database)) as reader:
        reader.execute("BEGIN")  # one view of it, though a run may be writing
        ids = _matching(reader, where)
        of = int(reader.execute("SELECT count(*) FROM members").fetchone()[0])
        part = out.with_name(f".{out.name}.{os.getpid()}.part")
        try:
            part.mkdir()
            _copy_files(config, part)
            _fill(reader, part / config.database.name, ids, (json.dumps(tables), config_hash(tables), where))
            part.replace(out)
        except OSError as error:
            raise ConfigError(
                f"Cannot make a project in {out}: {error}.\n  Expected a folder this user may write to.\n"
                "  Name another one."
            ) from error
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return Split(out, len(ids), of)


def _matching(reader: sqlite3.Connection, where: str) -> list[CandidateId]:
    columns = [row[1] for row in reader.execute("PRAGMA table_info(v_bank)")]
    try:  # on lines of its own, so that a comment in it ends with it
        found = reader.execute(f"SELECT id FROM v_bank WHERE (\n{where}\n) ORDER BY rank").fetchall()  # noqa: S608 - read-only, and the user's own
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise ConfigError(
            f"The condition {where!r} cannot be read: {error}.\n"
            f"  Expected SQL on the columns of v_bank: {', '.join(columns)}.\n"
            '  Write one such as "source LIKE \'%api%\'" or "quality >= 0.5".'
        ) from error
    if not found:
        raise ConfigError(
            f"No member of the bank meets {where!r}.\n  Expected at least one.\n"
            "  `insgen bank list` shows the members, and `insgen sql` counts them by any column of v_bank."
        )
    return [CandidateId(row[0]) for row in found]


def _copy_files(config: RunConfig, folder: Path) -> None:
    shutil.copy(config.path, folder / FILE_NAME)
    plugins = [name for name in config.plugins if name.startswith("./")]
    for name in (*_COPIED, *plugins):
        source = config.folder / name
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, folder / name)
        elif source.exists():
            shutil.copy(source, folder / name)


def _fill(reader: sqlite3.Connection, database: Path, ids: Sequence[CandidateId], made: tuple[str, str, str]) -> None:
    """Write the new database: one round that holds all facts, one version of the bank."""
    facts = transfer.read_facts(reader, ids)
    version = member_store.bank_version(reader)
    selector, selector_version, model, size = reader.execute(
        "SELECT selector, selector_version, model, size FROM bank_versions WHERE version = ?", (version,)
    ).fetchone()
    places = {place.candidate_id: place for place in member_store.ranking_of(reader, version)}
    ranking: list[Ranked] = [places[id_] for id_ in ids]
    tables, hash_, where = made
    action, now = f"split of {transfer.project_name(reader)}", rounds.now_utc()
    note = member_store.VersionNote(1, now, action, selector, selector_version, model, size, "")
    store = open_store(database)
    try:
        with store.atomic() as conn:
            run_id = rounds.start_run(conn, now, json.loads(tables), hash_, {})
            cursor = conn.execute(
                "INSERT INTO arrivals (added_utc, source, options, n_rows, n_unreadable) VALUES (?,?,?,?,0)",
                (now, action, json.dumps({"bank_version": version, "where": where}), len(facts)),
            )
            proposals.add_proposals(conn, [each.candidate for each in facts], 1, cursor.lastrowid)
            transfer.add_facts(conn, facts, 1)
            ledger.add_kept(conn, 1, [each.candidate.judged(each.quality) for each in facts])
            proposals.set_fates(conn, {each.candidate.id: ("kept", "") for each in facts})
            ledger.add_vectors(conn, model, 0, transfer.read_vectors(reader, model, ids))
            change = member_store.write_version(conn, ranking, note)
            rounds.add_round(conn, _row(run_id, now, len(change.admitted)))
            rounds.finish_run(conn, run_id, now, f"it was a {action}")
    finally:
        store.close()


def _row(run_id: int, now: str, n: int) -> rounds.RoundRow:
    return rounds.RoundRow(
        round=1,
        run_id=run_id,
        finished_utc=now,
        duration_ms=0,
        proposed=n,
        repeated=0,
        unreadable=0,
        rejected=0,
        unanswered=0,
        unscored=0,
        kept=n,
        deferred=0,
        admitted=n,
        evicted=0,
        members=n,
    )
