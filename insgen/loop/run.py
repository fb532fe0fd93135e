"""Rounds until a stop rule holds; resuming is the same as going on.

Flows in: a proposer and a player. Flows out: a `RunResult` that says why it stopped. Everything a later process
needs is in the store after every round.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from insgen.bank.seeds import tasks_of
from insgen.config.settings import Loop
from insgen.hooks.live import MisbehaviourError
from insgen.loop.failures import changes_told, identify, work_of
from insgen.loop.proposals import Proposed, Proposer
from insgen.loop.rounds import Player
from insgen.loop.training import Trainer
from insgen.loop.watch import Watch
from insgen.store import blame, rounds
from insgen.store.blame import Failure

if TYPE_CHECKING:
    import pluggy


@dataclass
class RunResult:
    """How a run ended.

    :ivar reason: why it stopped, one sentence.
    :ivar counters: totals of this run: rounds, proposed, kept, rejected ...; ``members`` is the bank's size now.
    :ivar rejected_by: rejection reasons with their counts, in this run.
    :ivar warnings: failures of plugins, and what was wrong with the proposals of its last rounds; one sentence each,
        without full stop.
    :ivar untold: those of them that no round told the watchers.
    """

    run_id: int
    reason: str = ""
    counters: Counter[str] = field(default_factory=Counter)
    rejected_by: Counter[str] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)


@dataclass
class Run:
    """One `insgen run`.

    :ivar hook: the plugin manager's hooks; watchers are called through it.
    :ivar tables: the resolved config as plain tables, for the record.
    :ivar max_rounds: most rounds of *this* run; 0 = only the config decides.
    :ivar trainer: trains between rounds; ``None``: nobody does.
    """

    proposer: Proposer
    player: Player
    loop: Loop
    hook: pluggy.HookRelay
    tables: dict[str, Any]
    config_hash: str
    max_rounds: int = 0
    trainer: Trainer | None = None
    _fruitful: int = 0
    _unusable: int = 0

    def play(self) -> RunResult:
        """Play rounds until there is a reason to stop.

        :raises InsgenError: a stage or the store cannot go on; all finished rounds are stored, and the run's row says
            why it ended. ``KeyboardInterrupt`` leaves the same state.
        """
        store = self.player.store
        plugins = self.player.pipeline.plugins()
        with store.atomic() as conn:
            run_id = rounds.start_run(conn, rounds.now_utc(), self.tables, self.config_hash, plugins)
            changes = changes_told(blame.changed_plugins(conn, run_id))
        if self.player.llm is not None:
            self.player.llm.run_id = run_id
        result = RunResult(run_id)
        tolerance = self.player.tolerance
        tolerance.warn(changes)
        result.reason = "it was stopped by an error"
        try:
            self.hook.insgen_run_started(run_id=run_id, config=self.tables)
            result.reason = self._rounds(result)
        except KeyboardInterrupt:
            result.reason = "it was interrupted"
            raise
        except MisbehaviourError as failure:
            tolerance.failures.append(Failure(identify(failure.live), "stopped", failure.problem))
            raise
        finally:
            result.counters["members"] = len(self.player.bank)
            unfinished = rounds.last_round(store.conn) + 1
            with store.atomic() as conn:
                blame.add_failures(conn, run_id, unfinished, tolerance.take_failures())
                blame.add_work(conn, run_id, unfinished, work_of(self.player.pipeline.everyone()))
                rounds.finish_run(conn, run_id, rounds.now_utc(), result.reason)
            self.hook.insgen_run_finished(run_id=run_id, reason=result.reason, counters=dict(result.counters))
        result.untold = tolerance.take_warnings()
        result.warnings = [*tolerance.warnings, *result.warnings]
        return result

    def _rounds(self, result: RunResult) -> str:
        store = self.player.store
        self._embed_seeds()
        watch, warned = Watch(self.loop, store.conn, result.run_id), set[str]()
        while True:
            round_ = rounds.last_round(store.conn) + 1
            reason = self._train(round_ - 1) or self._reason_before(round_, result, watch)
            if reason:
                return reason
            proposed = self.proposer.next(round_)
            if proposed is None and self.player.grows:
                proposed = Proposed()
            if proposed is None:
                return "every source is used up" if result.counters["rounds"] else "there was nothing new to judge"
            row, facts, change = self.player.play(round_, result.run_id, proposed)
            for name in ("proposed", "repeated", "unreadable", "rejected", "unanswered", "unscored", "kept"):
                result.counters[name] += getattr(row, name)
            result.counters["rounds"] += 1
            result.rejected_by.update(facts.rejected_by)
            trend, found = watch.add(round_), watch.alarms()
            result.warnings = [alarm.text for alarm in found]
            fresh = [alarm.text for alarm in found if alarm.figure not in warned]
            warned = {alarm.figure for alarm in found}
            figures = blame.round_figures(store.conn, result.run_id, round_)
            counters = (
                asdict(row)
                | figures
                | {
                    "rejected_by": dict(facts.rejected_by),
                    "trend": asdict(trend) if trend is not None else None,
                    "warnings": [*self.player.tolerance.take_warnings(), *fresh],
                }
            )
            self.hook.insgen_round_finished(run_id=result.run_id, round=round_, counters=counters)
            if change is not None:
                self.hook.insgen_bank_changed(version=change.version, admitted=change.admitted, evicted=change.evicted)
            reason = self._fruitless(row, len(facts.aside))
            if reason:
                return reason

    def _train(self, round_: int) -> str:
        """Have trained what is due after a round; why the run has to stop, if it has to."""
        if self.trainer is None:
            return ""
        reason = self.trainer.after(round_, self.player)
        renewed = self.trainer.renewed()
        if renewed is not None:
            self.proposer, self.player = renewed
            self._embed_seeds()
        return reason

    def _reason_before(self, round_: int, result: RunResult, watch: Watch) -> str:
        if self.loop.rounds and round_ > self.loop.rounds:
            return f"all {self.loop.rounds} rounds of the config are played"
        kept = self.player.bank.n_scored
        if self.loop.target and kept >= self.loop.target:
            return f"{kept} rows are kept, target {self.loop.target}"
        asker = self.player.llm
        spent = (asker.budget_spent or asker.afford()) if asker is not None else ""
        if spent:
            return f"the budget is spent ({spent})"
        asked_for = self.max_rounds and result.counters["rounds"] >= self.max_rounds
        return watch.reason() or (f"the {self.max_rounds} rounds asked for are played" if asked_for else "")

    def _fruitless(self, row: rounds.RoundRow, n_aside: int) -> str:
        """Why asking on is a waste: over whole rounds, answers hold no new task, or new tasks bring no scored row.

        :param n_aside: candidates that a failed plugin set aside.
        """
        asker = self.player.llm
        if asker is None or not self.loop.max_empty_calls:
            return ""
        if row.proposed > row.repeated:
            self._fruitful = asker.answered
        self._unusable = 0 if row.kept else self._unusable + row.unanswered + row.unscored + n_aside
        n_empty = asker.answered - self._fruitful
        if self._unusable >= self.loop.max_empty_calls:
            return (
                f"none of the last {self._unusable} tasks that passed the filters became a row: in round {row.round},"
                f" {row.unanswered} got no answer and {row.unscored} no score"
                + (f", and {n_aside} wait because a plugin failed" if n_aside else "")
                + " (the table `candidates` says why)"
            )
        if n_empty < self.loop.max_empty_calls:
            return ""
        return (
            f"the last {n_empty} answers of {asker.model} held no new task: in round {row.round},"
            f" {row.unreadable} things could not be read and {row.repeated} tasks were repeats"
            " (the table `unreadable` says why; a clearer prompt or another model may help)"
        )

    def _embed_seeds(self) -> None:
        """See to it that the seeds have vectors, for the collapse watch; none without an LLM."""
        if self.player.llm is None or self.loop.collapse == "off":
            return
        tasks = tasks_of(self.player.bank.seeds())
        self.player.embedding.embed(tasks, 0, lambda done, total: None)  # noqa: ARG005 - nobody watches
