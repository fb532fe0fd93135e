"""What a kept row will cost, before anything is spent.

Flows in: a project. Flows out: an `Estimate`. With a history, cost and yield of the past rounds are taken. Without one,
the next round is rehearsed: the generators write their real prompts, and responder and scorers are handed stand-ins
(the seed tasks); nothing is sent. Prompt sizes are then known, and what cannot be known is assumed and told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from insgen.hooks import call
from insgen.loop.assemble import Assembly
from insgen.loop.run import Run
from insgen.loop.scratch import scratch_copy
from insgen.models.asking import Asker
from insgen.records import Candidate, Request, Response
from insgen.store.calls import spent
from insgen.store.costs import per_kept_row
from insgen.store.rounds import last_round

ASSUMED_YIELD = 0.42
"""Share of candidates that pass the filters: Self-Instruct is reported to discard 58 % (in summaries of SeDi-Instruct,
arXiv:2502.04774)."""

ASSUMED_FILL = 0.5
"""Share of ``max_tokens`` that an answer takes."""

ASSUMED_BYTES_PER_TOKEN = 4.0
"""UTF-8 bytes of prompt in one token; true of English, too many for other scripts."""

ASSUMPTIONS: Mapping[str, float] = {
    "share that passes the filters": ASSUMED_YIELD,
    "share of max_tokens that an answer takes": ASSUMED_FILL,
    "bytes of prompt in a token": ASSUMED_BYTES_PER_TOKEN,
}

_STAND_INS = 8  # seed tasks that stand for survivors
_STAND_IN = Candidate("Explain in a few sentences why this text stands here.", "", "It stands for another. " * 8)


@dataclass(frozen=True)
class Volume:
    """What some calls take.

    :ivar tokens: prompt and answer together.
    """

    calls: float
    tokens: float
    usd: float


@dataclass(frozen=True)
class Estimate:
    """What lies ahead. An estimate, not a promise; what is a promise is ``[budget]``.

    :ivar basis: ``history`` (rounds played so far) or ``assumptions``.
    :ivar assumptions: what was assumed, by name; empty with a history.
    :ivar per_kept_row: ``None`` when nothing is asked of the language model.
    :ivar worst_round: the next round if every candidate wanted passes every filter and every answer takes its
        ``max_tokens``; attempts that are billed and bring nothing come on top.
    :ivar rows_to_go: up to ``[loop] target``; ``None`` without one.
    :ivar to_target: those rows at this price.
    :ivar rows_in_budget: how many rows what is left of the budget buys; ``None`` without a cap.
    """

    basis: str
    assumptions: Mapping[str, float]
    per_kept_row: Volume | None
    worst_round: Volume
    rows_to_go: int | None
    to_target: Volume | None
    rows_in_budget: int | None


@dataclass
class Rehearsal(Asker):
    """Writes down what would be asked, and sends nothing; every answer is empty, so that a stage asks all it has to.

    :ivar asked: the requests since it was last emptied.
    """

    asked: list[Request] = field(default_factory=list)

    def ask(self, requests: Sequence[Request]) -> list[Response]:
        """Write the requests down."""
        self.asked.extend(requests)
        return [Response("", request, "", "stop") for request in requests]

    def drain(self) -> tuple[Volume, Volume]:
        """Empty the list; what those requests would take, and what they could take at most."""
        price = self.provider.price()
        taken, self.asked = self.asked, []
        likely, most = Volume(0, 0, 0.0), Volume(0, 0, 0.0)
        for request in taken:
            worst = self._line.worst(self._key(request))
            answer = ASSUMED_FILL * int(request.params.get("max_tokens", self.settings.max_tokens))
            prompt = sum(len(turn.content.encode()) for turn in request.messages) / ASSUMED_BYTES_PER_TOKEN
            usd = prompt * price.prompt + answer * price.completion
            likely = _add(likely, Volume(1, prompt + answer, usd))
            most = _add(most, Volume(1, worst.tokens, worst.usd or 0.0))
        return likely, most


def rehearse(run: Run) -> Rehearsal | None:
    """Let a run ask nothing any more; ``None`` when it has no language model."""
    asker = run.proposer.llm
    if asker is None:
        return None
    told = Rehearsal(asker.store, asker.provider, asker.settings, asker.budget, asker.notify)
    run.proposer.llm = run.player.llm = told
    return told


def estimate(path: Path, settings: Sequence[str] = (), recipe: str = "") -> Estimate | None:
    """Estimate what the project's next rounds will cost; nothing is sent and nothing in the project changes.

    :param settings: as of `Assembly`, and ``recipe`` too.
    :returns: ``None`` when the config has no ``[llm]``.
    :raises InsgenError: the project cannot be opened, or a generator cannot do its work.
    """
    assembly = Assembly(path, settings, recipe)
    if assembly.config.llm is None:
        return None
    with scratch_copy(assembly.config.database) as scratch, assembly.open(scratch) as run:
        told = rehearse(run)
        assert told is not None  # noqa: S101 - there is an [llm]
        return _estimate(run, told)


def _estimate(run: Run, told: Rehearsal) -> Estimate:
    proposed = run.proposer.next(last_round(run.player.store.conn) + 1)
    ready, asked = len(proposed.candidates) if proposed is not None else 0, bool(told.asked)
    generated, generated_most = told.drain()
    wanted = ready + (run.proposer.limit if asked else 0)
    survivor, survivor_most = _survivor(run, told)
    past = per_kept_row(run.player.store.conn)
    if past is not None and past["calls"]:
        row = Volume(past["calls"], past["tokens"], past["usd"])
    else:
        past = None
        row = _add(_times(generated, 1 / (max(1, wanted) * ASSUMED_YIELD)), survivor)
    to_go = max(0, run.loop.target - run.player.bank.n_scored) if run.loop.target else None
    return Estimate(
        "assumptions" if past is None else "history",
        ASSUMPTIONS if past is None else {},
        row if row.calls else None,
        _add(generated_most, _times(survivor_most, wanted)),
        to_go,
        None if to_go is None or not row.calls else _times(row, to_go),
        _rows_in_budget(row, told) if row.calls else None,
    )


def _survivor(run: Run, told: Rehearsal) -> tuple[Volume, Volume]:
    """What responder and scorers take for one candidate that passed the filters, likely and at most."""
    player = run.player
    seeds = [Candidate(seed.instruction, seed.input, seed.output) for seed in player.bank.seeds()[:_STAND_INS]]
    tasks = player.embedding.embed(seeds or [_STAND_IN], 0, lambda done, total: None)  # noqa: ARG005 - nobody watches
    if player.pipeline.responder is not None:
        bare = [replace(task, input="", output="") for task in tasks]  # what has no answer yet mostly has no input
        call.respond(player.pipeline.responder, bare, told, player.prompts)
    answered = [task.answered(_STAND_IN.output) for task in tasks]
    for live, _ in player.pipeline.scorers:
        call.score(live, answered, player.bank, told, player.prompts)
    likely, most = told.drain()
    return _times(likely, 1 / len(tasks)), _times(most, 1 / len(tasks))


def _rows_in_budget(row: Volume, told: Rehearsal) -> int | None:
    """How many rows what is left of the budget buys; ``None`` without a cap."""
    cap, used = told.budget, spent(told.store.conn)
    pairs = [
        (cap.usd - used.usd, row.usd if cap.usd else None),
        (cap.calls - used.calls, row.calls if cap.calls else None),
        (cap.tokens - used.tokens, row.tokens if cap.tokens else None),
    ]
    bought = [int(max(0.0, left) / each) for left, each in pairs if each]
    return min(bought, default=None)


def _add(one: Volume, other: Volume) -> Volume:
    return Volume(one.calls + other.calls, one.tokens + other.tokens, one.usd + other.usd)


def _times(one: Volume, factor: float) -> Volume:
    return Volume(one.calls * factor, one.tokens * factor, one.usd * factor)
