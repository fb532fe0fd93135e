"""Gives a project another embedding model: everything is embedded anew, then the bank is ranked anew.

Flows in: a project whose ``[embed]`` was changed. Flows out: vectors of the new model beside the old ones, a new
version of the bank, and how far its members moved. Vectors are committed block by block, so a migration that is killed
goes on where it was; the bank stays what it was until the last transaction.

Texts that filters brought along (evaluation items) are embedded by the next run that needs them. What the selector
remembered is distances under the old model; it begins without them, as with an empty bank.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from insgen.hooks.handed import StageProgress
from insgen.loop.assemble import Assembly
from insgen.loop.reembedding import embed_anew
from insgen.loop.rounds import Player
from insgen.loop.run import Run
from insgen.records import Selection
from insgen.store import embedded, queries, rounds
from insgen.store import members as member_store
from insgen.store.database import open_reader


@dataclass(frozen=True)
class Migrated:
    """What a migration did.

    :ivar old: identity of the model before; empty for a project without a bank.
    :ivar texts: how many texts have a vector of the new model now; ``embedded`` of them were made by this call.
    :ivar before: the version that was ranked with the old model; ``version``: the new one; ``None`` without members.
    :ivar spearman: rank correlation of the members that both versions have, -1 to 1; ``None`` for fewer than two.
    :ivar moved: members with another rank, farthest first: id, instruction, was, rank, moved (positive = better).
    """

    old: str
    new: str
    texts: int = 0
    embedded: int = 0
    before: int | None = None
    version: int | None = None
    members: int = 0
    admitted: tuple[dict[str, Any], ...] = ()
    evicted: tuple[dict[str, Any], ...] = ()
    moved: tuple[dict[str, Any], ...] = ()
    spearman: float | None = None


def embedding_models(path: Path) -> dict[str, Any]:
    """Which model the config names, which one the bank was ranked with, and how many vectors there are of each."""
    assembly = Assembly(path)
    found: dict[str, Any] = {"config": assembly.model, "bank": None, "vectors": {}}
    if assembly.config.database.exists():
        conn = open_reader(assembly.config.database)
        found |= {"bank": member_store.selector_state(conn)[2] or None, "vectors": embedded.counts(conn)}
        conn.close()
    return found | {"migrate": found["bank"] not in (None, found["config"])}


def migrate(path: Path, *, everything: bool = False, watcher: object | None = None) -> Migrated:
    """Bring a project to the embedding model that its config names.

    :param everything: let all that ever passed the filters compete for the bank again, not only its members.
    :raises StageError: the new model cannot be loaded; nothing has changed.
    """
    assembly = Assembly(path)
    assembly.config = replace(assembly.config, llm=None)  # nothing is asked
    if watcher is not None:
        assembly.watch(watcher)
    with assembly.open(migrating=True) as run:
        conn, model = run.player.store.conn, run.player.embedding.model
        _, _, old = member_store.selector_state(conn)
        if old == model:
            return Migrated(old, model, texts=embedded.counts(conn).get(model, 0))
        n_texts, n_new = embed_anew(run.player, old)
        done = Migrated(old, model, n_texts, n_new)
        before = member_store.bank_version(conn)
        if not len(run.player.bank):
            return done
        selection = _rank(run.player, everything=everything)
        version = _store(run, selection)
        return replace(done, **_moves(conn, before, version), members=len(selection.ranking))


def _rank(player: Player, *, everything: bool) -> Selection:
    """Rank the members under the new model as if all had just come, in the order of their old ranks."""
    pool = [member.candidate for member in player.bank.members()]
    if everything:
        pool += player.ranker.left_out({candidate.id for candidate in pool})
    stage, round_ = f"select {player.pipeline.selector.name}", rounds.last_round(player.store.conn)
    player.advance(StageProgress(round_, stage, 0, len(pool)))
    selection = player.ranker.rank((), pool, f"{member_store.bank_version(player.store.conn) + 1}/migrate")
    note = f"{len(selection.ranking)} of {len(pool)}"
    player.advance(StageProgress(round_, stage, len(pool), len(pool), note))
    return selection


def _store(run: Run, selection: Selection) -> int:
    """Make the ranking the newest version, with the config that it was made under."""
    player = run.player
    with player.store.atomic() as conn:
        plugins = player.pipeline.plugins()
        run_id = rounds.start_run(conn, rounds.now_utc(), run.tables, run.config_hash, plugins)
        change = player.bank.apply(selection.ranking, player.ranker.note(None, "migrate", selection.state))
        rounds.finish_run(conn, run_id, rounds.now_utc(), "the bank was brought to another embedding model")
    run.hook.insgen_bank_changed(version=change.version, admitted=change.admitted, evicted=change.evicted)
    return change.version


def _moves(conn: sqlite3.Connection, before: int, version: int) -> dict[str, Any]:
    found = queries.bank_diff(conn, before, version)
    then, now = ([place.candidate_id for place in member_store.ranking_of(conn, each)] for each in (before, version))
    return {
        "before": before,
        "version": version,
        "admitted": tuple(found["admitted"]),
        "evicted": tuple(found["evicted"]),
        "moved": tuple(found["moved"]),
        "spearman": spearman(then, now),
    }


def spearman(before: Sequence[str], after: Sequence[str]) -> float | None:
    """Rank correlation of two rankings over what both hold: 1 - 6 sum d^2 / (n (n^2 - 1)); no rank is shared.

    :param before: best first, each once; likewise ``after``.
    :returns: -1 (turned round) to 1 (the same order); ``None`` where both hold fewer than two.
    """
    shared = set(before) & set(after)
    n = len(shared)
    if n < 2:
        return None
    then = {each: rank for rank, each in enumerate(each for each in before if each in shared)}
    now = (each for each in after if each in shared)
    squares = sum((then[each] - rank) ** 2 for rank, each in enumerate(now))
    return 1 - 6 * squares / (n * (n * n - 1))
