"""Embeds everything anew: what every change of the embedding model begins with.

Flows in: a player whose model is not the one that the bank was ranked with. Flows out: vectors of its model beside the
old ones, committed block by block, so that one that is killed goes on where it was.

Every text that has a vector of the old model gets one of the new: members, everything ever kept, near-duplicates that
were rejected, candidates that wait, and seeds, so that figures over all rounds stay comparable.
"""

from __future__ import annotations

from insgen.hooks.handed import StageProgress
from insgen.loop.rounds import Player
from insgen.store import embedded, rounds

BITE = 4096
"""Texts in memory at once."""


def embed_anew(player: Player, old: str) -> tuple[int, int]:
    """Embed what is missing, in blocks that are the same however often this was begun.

    :param old: identity of the model before.
    :returns: how many texts there are, and how many were embedded now.
    """
    conn, model = player.store.conn, player.embedding.model
    total, there, done = embedded.n_texts(conn, old), embedded.counts(conn).get(model, 0), 0
    round_ = rounds.last_round(conn)
    player.advance(StageProgress(round_, "embed anew", 0, total))
    for bite in embedded.texts(conn, old, BITE):

        def advance(so_far: int, of: int, done: int = done) -> None:  # noqa: ARG001 - the whole is told, not the bite
            player.advance(StageProgress(round_, "embed anew", done + so_far, total))

        player.embedding.embed(bite, 0, advance)
        done += len(bite)
    made = embedded.counts(conn).get(model, 0) - there
    player.advance(StageProgress(round_, "embed anew", total, total, f"{made} vectors, {total - made} were there"))
    return total, made
