"""The hooks: what a plugin may offer, and what it may watch.

A plugin is a module (or object) with functions of these names, marked with `hookimpl`. Installing one makes
names available; only the config makes them act. Offers are collected once, while the plugin manager is built,
never during a round; import heavy libraries inside the stage's methods, not at the top of the module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pluggy

from insgen.hooks.handed import StageProgress
from insgen.hooks.stages import (
    Embedder,
    Executor,
    Exporter,
    FeedbackSource,
    Filter,
    Generator,
    Parser,
    Responder,
    Scorer,
    SeedPolicy,
    Selector,
)
from insgen.records import Recipe

if TYPE_CHECKING:
    import click

hookspec = pluggy.HookspecMarker("insgen")
hookimpl = pluggy.HookimplMarker("insgen")


@hookspec
def insgen_generators() -> Sequence[type[Generator]]:  # type: ignore[empty-body]  # a hookspec has no body
    """Offer generators: stages that propose candidates, from documents, data or an LLM.

    Called once, while the plugin manager is built, never during a round.

    :returns: generators as classes; each is a frozen dataclass whose fields are its options.
    :raises: nothing. Import heavy libraries inside the stage's methods, not at the top of the module.
    """


@hookspec
def insgen_parsers() -> Sequence[type[Parser]]:  # type: ignore[empty-body]  # a hookspec has no body
    """Offer parsers: stages that read candidates out of one LLM answer.

    Called once, while the plugin manager is built, never during a round.

    :returns: parsers as classes; each is a frozen dataclass whose fields are its options.
    :raises: nothing. Import heavy libraries inside the stage's methods, not at the top of the module.
    """


@hookspec
def insgen_embedders() -> Sequence[type[Embedder]]:  # type: ignore[empty-body]  # a hookspec has no body
    """Offer embedders: stages that turn texts into unit vectors.

    Called once, while the plugin manager is built, never during a round.

    :returns: embedders as classes; each is a frozen dataclass whose fields are its options.
    :raises: nothing. Import heavy libraries inside the stage's methods, not at the top of the module.
    """


@hookspec
def insgen_filters() -> Sequence[type[Filter]]:  # type: ignore[empty-body]  # a hookspec has no body
    """Offer filters: stages that decide which candidates go on to scoring.

    Called once, while the plugin manager is built, never during a round.

    :returns: filters as classes; each is a frozen dataclass whose fields are its options.
    :raises: nothing. Import heavy libraries inside the stage's methods, not at the top of the module.
    """


@hookspec
def insgen_responders() -> Sequence[type[Responder]]:  # type: ignore[empty-body]  # a hookspec has no body
    """Offer responders: stages that answer candidates without output.

    Called once, while the plugin manager is built, never during a round.

    :returns: responders as classes; each is a frozen dataclass whose fields are its options.
    :raises: nothing. Import heavy libraries inside the stage's methods, not at the top of the module.
    """


@hookspec
def insgen_scorers() -> Sequence[type[Scorer]]:  # type: ignore[empty-body]  # a hookspec has no body
    """Offer scorers: stages that judge the quality of survivors.

    Called once, while the plugin manager is built, never during a round.

    :returns: scorers as classes; each is a frozen dataclass whose fields are its options.
    :raises: nothing. Import heavy libraries inside the stage's methods, not at the top of the module.
    """


@hookspec
def insgen_selectors() -> Sequence[type[Selector]]:  # type: ignore[empty-body]  # a hookspec has no body
    """Offer selectors: stages that rank bank and newcomers together.

    Called once, while the plugin manager is built, never during a round.

    :returns: selectors as classes; each is a frozen dataclass whose fields are its options.
    :raises: nothing. Import heavy libraries inside the stage's methods, not at the top of the module.
    """


@hookspec
def insgen_seed_policies() -> Sequence[type[SeedPolicy]]:  # type: ignore[empty-body]  # a hookspec has no body
    """Offer seed policies: stages that choose the examples of the next prompts.

    Called once, while the plugin manager is built, never during a round.

    :returns: seed policies as classes; each is a frozen dataclass whose fields are its options.
    :raises: nothing. Import heavy libraries inside the stage's methods, not at the top of the module.
    """


@hookspec
def insgen_feedback_sources() -> Sequence[type[FeedbackSource]]:  # type: ignore[empty-body]  # a hookspec has no body
    """Offer feedback sources: stages that bring signals about instructions from outside.

    Called once, while the plugin manager is built, never during a round.

    :returns: feedback sources as classes; each is a frozen dataclass whose fields are its options.
    :raises: nothing. Import heavy libraries inside the stage's methods, not at the top of the module.
    """


@hookspec
def insgen_exporters() -> Sequence[type[Exporter]]:  # type: ignore[empty-body]  # a hookspec has no body
    """Offer exporters: writers of ranked members, one file format each.

    Called once, while the plugin manager is built, never during a round.

    :returns: exporters as classes; each is a frozen dataclass whose fields are its options.
    :raises: nothing. Import heavy libraries inside the stage's methods, not at the top of the module.
    """


@hookspec
def insgen_executors() -> Sequence[type[Executor]]:  # type: ignore[empty-body]  # a hookspec has no body
    """Offer executors: engines that run batches of embedding and scoring.

    Called once, while the plugin manager is built, never during a round.

    :returns: executors as classes; each is a frozen dataclass whose fields are its options.
    :raises: nothing. Import heavy libraries inside the stage's methods, not at the top of the module.
    """


@hookspec
def insgen_recipes() -> Sequence[Recipe]:  # type: ignore[empty-body]  # a hookspec has no body
    """Offer recipes: complete, commented configs by name, for ``insgen init --recipe``.

    Called once, while the plugin manager is built.

    :returns: recipes; each one's TOML loads as it stands.
    :raises: nothing.
    """


@hookspec
def insgen_commands() -> Sequence[click.Command]:  # type: ignore[empty-body]  # a hookspec has no body
    """Offer commands: click commands that stand beside the built-in ones.

    Called when the command line is built (also for ``insgen --help``): import nothing heavy at the top. The module
    that the entry point names must itself name this hook: it is looked for in the source, so that ``--help`` need not
    import every plugin.

    :returns: commands; a name that is taken is an error naming both plugins.
    :raises: nothing.
    """


@hookspec
def insgen_run_started(run_id: int, config: Mapping[str, Any]) -> None:
    """Watch a run begin, after the project is locked and before its first round.

    :param run_id: row of ``runs``.
    :param config: the resolved config as plain tables; holds no secret.
    :raises: an exception stops the run before anything is done.
    """


@hookspec
def insgen_run_finished(run_id: int, reason: str, counters: Mapping[str, int]) -> None:
    """Watch a run end, however it ended.

    :param run_id: row of ``runs``.
    :param reason: why it stopped, one sentence.
    :param counters: totals of this run: rounds, proposed, kept, members.
    :raises: an exception is reported after everything is stored.
    """


@hookspec
def insgen_stage_advanced(progress: StageProgress) -> None:
    """Watch the work inside a round; called often, so be quick.

    :param progress: round, stage, done and total.
    :raises: an exception stops the run; the round is not stored and will be done again.
    """


@hookspec
def insgen_round_finished(run_id: int, round: int, counters: Mapping[str, Any]) -> None:
    """Watch a round end, after it is stored.

    :param run_id: row of ``runs``.
    :param round: counted from 1 over the life of the project.
    :param counters: proposed, kept, rejected (by reason), admitted, evicted, members, duration_ms; llm_calls and
        cost_usd of this round; mean_quality of the bank (0 to 1, ``None`` while it is empty); trend (how varied a
        model's proposals were: novelty, entropy, seed_distance, words; ``None`` without a model) and warnings (failures
        of plugins, and new alarms of the collapse watch, one sentence each).
    :raises: an exception stops the run after the round is stored.
    """


@hookspec
def insgen_call_finished(call: Mapping[str, Any]) -> None:
    """Watch an LLM call end, after its answer is committed.

    :param call: model, tokens, cost_usd, duration_ms, finish_reason, attempts; no text, no secret.
    :raises: an exception stops the run; the answer stays stored and is not paid for again.
    """


@hookspec
def insgen_bank_changed(version: int, admitted: Sequence[str], evicted: Sequence[str]) -> None:
    """Watch the bank change, after the change is stored.

    :param version: the bank's new version.
    :param admitted: candidate ids that came in, in rank order.
    :param evicted: candidate ids that went out.
    :raises: an exception stops the run after the round is stored.
    """
