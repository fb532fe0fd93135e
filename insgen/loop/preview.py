"""One small round, shown in full; nothing of it enters the project but the answers that were paid for.

The round is the project's next one with fewer candidates, played in a scratch copy of the database. Calls are counted
against the project's budget and their answers are stored in the project's ``calls`` (with run 0), under the key they
have in that next round: where the next `insgen run` asks the same question in the same place, it takes the answer from
there and does not pay again. What it asks differently (another prompt, model or parameter) it buys anew; the previewed
answer then stays in ``calls`` and in `insgen costs`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from insgen.loop.assemble import Assembly
from insgen.loop.run import Run
from insgen.loop.scratch import scratch_copy
from insgen.store import queries
from insgen.store.costs import totals
from insgen.store.database import open_store
from insgen.store.rounds import last_round

_LEFT_OUT = ("proposals", "calls", "signals", "bank")


@dataclass
class Preview:
    """What one small round made.

    :ivar round: the number the next round has.
    :ivar candidates: in order of appearance: texts, fate and the rank it would have, verdicts, answers, scores.
    :ivar unreadable: what could not be read, with reasons.
    :ivar calls: new calls made; ``reused`` answers were paid for before.
    """

    round: int
    candidates: list[dict[str, Any]] = field(default_factory=list)
    unreadable: list[dict[str, Any]] = field(default_factory=list)
    calls: int = 0
    reused: int = 0
    tokens: int = 0
    cost_usd: float = 0.0


def preview(path: Path, settings: Sequence[str], n: int, watcher: object | None = None) -> Preview:
    """Play the next round with about n candidates, for show.

    :param settings: ``KEY=VALUE`` overrides.
    :raises InsgenError: as `insgen run`; also when another process writes to the project and a language model is asked.
    """
    assembly = Assembly(path, settings)
    if watcher is not None:
        assembly.watch(watcher)
    database = assembly.config.database
    asks = assembly.config.llm is not None
    with (
        closing(open_store(database)) if asks else nullcontext() as paying,
        scratch_copy(database) as scratch,
        assembly.open(scratch, paying=paying) as run,
    ):
        if paying is None:
            return _play(run, n)
        before = totals(paying.conn)
        shown = _play(run, n)
        after = totals(paying.conn)
    shown.calls = after["calls"] - before["calls"]
    shown.tokens = after["spent_tokens"] - before["spent_tokens"]
    shown.cost_usd = after["spent_usd"] - before["spent_usd"]
    return shown


def _play(run: Run, n: int) -> Preview:
    conn = run.player.store.conn
    shown = Preview(last_round(conn) + 1)
    run.proposer.limit, run.player.target = n, 0
    proposed = run.proposer.next(shown.round)
    if proposed is None:
        return shown
    _, facts, _ = run.player.play(shown.round, 0, proposed)
    fresh = {id(candidate) for candidate in facts.fresh}
    for candidate in proposed.candidates:
        told = queries.story(conn, candidate.id)
        made = {name: part for name, part in told.items() if name not in _LEFT_OUT}
        origin = {"generator": candidate.origin.generator, "source": candidate.origin.source}
        repeated = id(candidate) not in fresh
        shown.candidates.append(made | {"origin": origin, "repeated": repeated})
    shown.unreadable = [vars(each) for each in proposed.unreadable]
    if run.player.llm is not None:
        shown.reused = run.player.llm.reused
    return shown
