"""What a round judges: added data that waits, else what the generators propose, else (replaying) an earlier run's
proposals.

Flows in: the pipeline's generators and parsers, the store. Flows out: a `Proposed`. Nothing is stored here but what
the LLM is paid for, which `LLM.ask` commits itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from insgen.bank.bank import Bank
from insgen.errors import ConfigError
from insgen.hooks import call
from insgen.hooks.call import Live
from insgen.hooks.stages import GeneratorContext, Prompts
from insgen.loop.pipeline import Pipeline
from insgen.models.asking import Asker
from insgen.records import Candidate, Generated, Response, Seed, Signal, Unreadable
from insgen.store import ledger
from insgen.store.rounds import Position, last_positions

if TYPE_CHECKING:
    from insgen.store.database import Store


@dataclass
class Proposed:
    """One round's proposals, in a reproducible order.

    :ivar first: for each, whether its texts are new; ``None`` when that must still be looked up.
    :ivar waiting: rows of the proposals that were added earlier and waited for this round.
    :ivar positions: where every stage that reads on stands now.
    :ivar signals: feedback that came in, each with the version of its source.
    """

    candidates: list[Candidate] = field(default_factory=list)
    first: list[bool] | None = None
    waiting: list[int] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)
    positions: list[Position] = field(default_factory=list)
    signals: list[tuple[str, Signal]] = field(default_factory=list)


@dataclass
class Proposer:
    """Finds the next round's proposals.

    :ivar limit: candidates asked of each generator, and the most that are taken of added data at once.
    :ivar n_seeds: seeds drawn for prompts.
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
    done: set[int] = field(default_factory=set)

    def next(self, round_: int) -> Proposed | None:
        """Gather proposals; a generator that only moves on gives an empty round.

        :returns: ``None`` when every source is used up: no added data waits, and no generator has more.
        """
        ids, candidates, first = ledger.waiting(self.store.conn, self.limit)
        if ids:
            return Proposed(candidates, first, ids)
        proposed = Proposed()
        self._listen(proposed)
        seeds = self._drawer(str(round_), proposed)(self.n_seeds)
        names = [live.name for live in self.pipeline.generators]
        before = last_positions(self.store.conn, "generate", names)
        for ordinal, live in enumerate(self.pipeline.generators):
            if ordinal in self.done:
                continue
            context = self._context(round_, ordinal, before[ordinal].position, seeds, proposed)
            made = call.generate(live, context)
            if made.exhausted:
                self.done.add(ordinal)
            proposed.candidates.extend(made.candidates)
            proposed.unreadable.extend(made.unreadable)
            self._ask(live, made, proposed, (round_, ordinal))
            proposed.positions.append(Position("generate", ordinal, live.name, made.position, made.exhausted))
        used_up = len(self.done) == len(self.pipeline.generators)
        return None if used_up and not proposed.candidates and not proposed.unreadable else proposed

    def _listen(self, proposed: Proposed) -> None:
        """Read what is new from the feedback sources."""
        names = [live.name for live in self.pipeline.feedback]
        for live, before in zip(
            self.pipeline.feedback, last_positions(self.store.conn, "feedback", names), strict=True
        ):
            signals, position = call.read_feedback(live, self.folder, before.position)
            proposed.signals.extend((live.version, signal) for signal in signals)
            proposed.positions.append(Position("feedback", before.ordinal, live.name, position, False))

    def _drawer(self, name: str, proposed: Proposed) -> Callable[[int], Sequence[Seed]]:
        """A way to draw seeds by the policy, again and again, reproducibly."""
        rng = Random(f"{self.seed}/{name}/seeds")  # noqa: S311 - reproducible on purpose
        seeds = self.bank.seeds()
        signals = [*ledger.signals(self.store.conn), *(signal for _, signal in proposed.signals)]
        policy = self.pipeline.seed_policy
        return lambda n: call.draw_seeds(policy, min(n, len(seeds)), seeds, signals, rng)

    def _context(
        self, round_: int, ordinal: int, position: str, seeds: Sequence[Seed], proposed: Proposed
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
            draw=self._drawer(f"{round_}/{ordinal}", proposed),
        )

    def _ask(self, live: Live, made: Generated, proposed: Proposed, place: tuple[int, int]) -> None:
        """Send a generator's questions and have the answers read, in the order of the questions."""
        if not made.requests:
            return
        if self.llm is None:
            raise ConfigError(
                "A generator asks a language model, but none is configured.\n"
                "  Expected an [llm] section with a model.\n"
                "  Add one, or use a generator that needs none (documents, dataset)."
            )
        self.llm.scope(place[0], f"generate {live.name} {place[1] + 1}")
        for response in self.llm.ask(made.requests):
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
            parsed = call.parse(parser, response)
            proposed.candidates.extend(self._traced(each, live, response) for each in parsed.candidates)
            proposed.unreadable.extend(parsed.unreadable)

    def _traced(self, candidate: Candidate, live: Live, response: Response) -> Candidate:
        """Write down which call and which seeds a candidate came from; what the parser knew stays."""
        origin = replace(
            candidate.origin,
            generator=live.name,
            source=candidate.origin.source or response.request.source or f"llm {response.model}",
            call_id=response.call_id,
            seed_ids=response.request.seed_ids,
        )
        return replace(candidate, origin=origin)
