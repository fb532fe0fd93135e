"""What a round judges: added data that waits, else what the generators propose, else (replaying) an earlier run's
proposals.

Flows in: the pipeline's generators and parsers, the store. Flows out: a `Proposed`. Nothing is stored here but what
the LLM is paid for, which `LLM.ask` commits itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from insgen.bank.bank import Bank
from insgen.errors import ConfigError
from insgen.hooks import call
from insgen.hooks.stages import LLM, GeneratorContext, Prompts
from insgen.loop.pipeline import Pipeline
from insgen.records import Candidate, Generated, Seed, Signal, Unreadable
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
    llm: LLM | None = None
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
        seeds = self._draw(round_, proposed)
        names = [live.name for live in self.pipeline.generators]
        before = last_positions(self.store.conn, "generate", names)
        for ordinal, live in enumerate(self.pipeline.generators):
            if ordinal in self.done:
                continue
            context = self._context(round_, ordinal, before[ordinal].position, seeds)
            made = call.generate(live, context)
            if made.exhausted:
                self.done.add(ordinal)
            proposed.candidates.extend(made.candidates)
            proposed.unreadable.extend(made.unreadable)
            self._ask(made, proposed)
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

    def _draw(self, round_: int, proposed: Proposed) -> Sequence[Seed]:
        rng = Random(f"{self.seed}/{round_}/seeds")  # noqa: S311 - reproducible on purpose
        seeds = self.bank.seeds()
        signals = [*ledger.signals(self.store.conn), *(signal for _, signal in proposed.signals)]
        return call.draw_seeds(self.pipeline.seed_policy, min(self.n_seeds, len(seeds)), seeds, signals, rng)

    def _context(self, round_: int, ordinal: int, position: str, seeds: Sequence[Seed]) -> GeneratorContext:
        rng = Random(f"{self.seed}/{round_}/generate/{ordinal}")  # noqa: S311 - reproducible on purpose
        return GeneratorContext(
            round_, self.limit, position, seeds, self.domain, self.language, self.folder, self.bank, self.prompts, rng
        )

    def _ask(self, made: Generated, proposed: Proposed) -> None:
        """Send a generator's questions and have the answers read."""
        if not made.requests:
            return
        if self.llm is None:
            raise ConfigError(
                "A generator asks a language model, but none is configured.\n"
                "  Expected an [llm] section with a model.\n"
                "  Add one, or use a generator that needs none (documents, dataset)."
            )
        for response in self.llm.ask(made.requests):
            parser = self.pipeline.parsers.get(response.request.format)
            if parser is None:
                known = ", ".join(sorted(self.pipeline.parsers)) or "none"
                raise ConfigError(
                    f'No parser reads the format "{response.request.format}".\n  Known: {known}.\n'
                    "  Install the plugin that offers it."
                )
            parsed = call.parse(parser, response)
            proposed.candidates.extend(parsed.candidates)
            proposed.unreadable.extend(parsed.unreadable)
