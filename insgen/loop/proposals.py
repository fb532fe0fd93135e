"""What a round judges: added data that waits, else what the generators propose, else (replaying) an earlier run's
proposals.

Flows in: the pipeline's generators and parsers, the store. Flows out: a `Proposed`. Nothing is stored here but what
the LLM is paid for, which `LLM.ask` commits itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import TYPE_CHECKING

from insgen.bank.bank import Bank
from insgen.errors import ConfigError
from insgen.hooks import call
from insgen.hooks.handed import GeneratorContext, Prompts
from insgen.hooks.live import Live
from insgen.loop.failures import Tolerance
from insgen.loop.feedback import Listener
from insgen.loop.pipeline import Pipeline
from insgen.models.asking import Asker
from insgen.records import Candidate, Generated, Response, Seed, Unreadable
from insgen.store import proposals
from insgen.store.feedback import StoredFeedback
from insgen.store.rounds import Position, last_positions

if TYPE_CHECKING:
    from insgen.store.database import Store

_NO_WEIGHTS: Mapping[str, float] = MappingProxyType({})


@dataclass
class Proposed:
    """One round's proposals, in a reproducible order.

    :ivar first: for each, whether its texts are new; ``None`` when that must still be looked up.
    :ivar waiting: rows of the proposals that were added earlier and waited for this round.
    :ivar positions: where every stage that reads on stands now.
    """

    candidates: list[Candidate] = field(default_factory=list)
    first: list[bool] | None = None
    waiting: list[int] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)
    positions: list[Position] = field(default_factory=list)


@dataclass
class Proposer:
    """Finds the next round's proposals.

    :ivar limit: candidates asked of each generator, and the most that are taken of added data at once.
    :ivar n_seeds: seeds drawn for prompts.
    :ivar listener: takes feedback in before a round that draws seeds; ``None``: nobody does.
    :ivar tolerance: what to do when a plugin fails.
    :ivar done: generators that said in this run that nothing more will come.
    """

    store: Store
    bank: Bank
    pipeline: Pipeline
    prompts: Prompts
    folder: Path
    domain: str
    language: str
    limit: int
    n_seeds: int
    seed: int
    llm: Asker | None = None
    listener: Listener | None = None
    tolerance: Tolerance = field(default_factory=Tolerance)
    done: set[int] = field(default_factory=set)

    def next(self, round_: int) -> Proposed | None:
        """Gather proposals; a generator that only moves on gives an empty round.

        :returns: ``None`` when every source is used up: no added data waits, and no generator has more.
        """
        ids, candidates, first = proposals.waiting(self.store.conn, self.limit, held=self.tolerance.held)
        if ids:
            return Proposed(candidates, first, ids)
        proposed, failed = Proposed(), False
        weights = self.listener.listen(round_) if self.listener is not None else {}
        seeds = self._drawer(str(round_))(self.n_seeds)
        names = [live.name for live in self.pipeline.generators]
        before = last_positions(self.store.conn, "generate", names)
        for ordinal, live in enumerate(self.pipeline.generators):
            if ordinal in self.done or self.tolerance.is_out(live):
                continue
            draw = self._drawer(f"{round_}/{ordinal}", weights.get(live.name, {}))
            context = self._context(round_, ordinal, before[ordinal].position, seeds, draw)
            made = self.tolerance.ask(call.generate, live, context)
            if made is None:
                failed = True
                continue
            proposed.candidates.extend(made.candidates)
            proposed.unreadable.extend(made.unreadable)
            made = call.without(live, made, self._ask(live, made, proposed, (round_, ordinal)))
            if made.exhausted:
                self.done.add(ordinal)
            proposed.positions.append(Position("generate", ordinal, live.name, made.position, made.exhausted))
        something = proposed.candidates or proposed.unreadable
        if failed and not something and not proposed.positions:
            self.tolerance.insist()
        open_ = [n for n, live in enumerate(self.pipeline.generators) if not self.tolerance.is_out(live)]
        return None if self.done.issuperset(open_) and not something else proposed

    def _drawer(self, name: str, weights: Mapping[str, float] = _NO_WEIGHTS) -> Callable[[int], Sequence[Seed]]:
        """A way to draw seeds by the policy, again and again, reproducibly.

        :param weights: of seeds, by id, where they are others than the seeds' own.
        """
        rng = Random(f"{self.seed}/{name}/seeds")  # noqa: S311 - reproducible on purpose
        seeds = [replace(seed, weight=weights.get(seed.id, seed.weight)) for seed in self.bank.seeds()]
        signals = StoredFeedback(self.store.conn).signals()
        policy = self.pipeline.seed_policy
        return lambda n: call.draw_seeds(policy, min(n, len(seeds)), seeds, signals, rng)

    def _context(
        self,
        round_: int,
        ordinal: int,
        position: str,
        seeds: Sequence[Seed],
        draw: Callable[[int], Sequence[Seed]],
    ) -> GeneratorContext:
        rng = Random(f"{self.seed}/{round_}/generate/{ordinal}")  # noqa: S311 - reproducible on purpose
        return GeneratorContext(
            round=round_,
            limit=self.limit,
            position=position,
            seeds=seeds,
            domain=self.domain,
            language=self.language,
            project=self.folder,
            bank=self.bank,
            prompts=self.prompts,
            rng=rng,
            draw=draw,
        )

    def _ask(self, live: Live, made: Generated, proposed: Proposed, place: tuple[int, int]) -> list[int]:
        """Send a generator's questions and have the answers read, in the order of the questions.

        :returns: places (from 0) of the questions that were not sent, because the budget is spent.
        """
        if not made.requests:
            return []
        if self.llm is None:
            raise ConfigError(
                "A generator asks a language model, but none is configured.\n"
                "  Expected an [llm] section with a model.\n"
                "  Add one, or use a generator that needs none (documents, dataset)."
            )
        self.llm.scope(place[0], f"generate {live.name} {place[1] + 1}")
        unasked: list[int] = []
        for number, response in enumerate(self.llm.ask(made.requests)):
            if response.finish_reason == "budget":
                unasked.append(number)
                if made.position_without is not None:
                    continue  # asked later: nothing is lost
            if response.error:
                proposed.unreadable.append(Unreadable(f"call {response.call_id}", None, response.error))
                continue
            parser = self.pipeline.parsers.get(response.request.format)
            if parser is None:
                known = ", ".join(sorted(self.pipeline.parsers)) or "none"
                raise ConfigError(
                    f'No parser reads the format "{response.request.format}".\n  Known: {known}.\n'
                    "  Install the plugin that offers it."
                )
            parsed = self.tolerance.ask(call.parse, parser, response)
            if parsed is None:
                reason = f'the parser "{parser.name}" {self.tolerance.reason}'
                proposed.unreadable.append(Unreadable(f"call {response.call_id}", None, reason))
                continue
            proposed.candidates.extend(self._traced(each, live, response) for each in parsed.candidates)
            proposed.unreadable.extend(parsed.unreadable)
        return unasked

    def _traced(self, candidate: Candidate, live: Live, response: Response) -> Candidate:
        """Write down which call and which seeds a candidate came from; what the parser knew stays."""
        origin = replace(
            candidate.origin,
            generator=live.name,
            source=candidate.origin.source or response.request.source or f"llm {response.model}",
            licence=candidate.origin.licence or response.request.licence or None,
            call_id=response.call_id,
            seed_ids=response.request.seed_ids,
        )
        return replace(candidate, origin=origin)
