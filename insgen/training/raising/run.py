"""Learns a policy over K episodes; called again, it goes on.

Flows in: settings, a pool, validation rows. Flows out: a folder with the policy (see `folder`). Every episode begins
with the target model's first weights. A small model made of the pool's texts stands in where none is named; a policy
learned on it and meant for another model is a proxy's, and is called that: it is not RAISE.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from insgen.errors import DataError
from insgen.records import Candidate
from insgen.report.batches import cluster
from insgen.training.lora import add_lora
from insgen.training.raising.dialogue import Dialogue, refuse_small_pool
from insgen.training.raising.episode import Episode, Table
from insgen.training.raising.features import FeatureFile, identity
from insgen.training.raising.folder import RaiseFolder, RaiseSettings
from insgen.training.raising.learner import Learner
from insgen.training.raising.playing import Stand, Watch, play
from insgen.training.raising.policy import Policy, PolicyFacts
from insgen.training.raising.state import Scaling
from insgen.training.small import SmallModelOptions, make_small_model, texts_of
from insgen.training.steps import DivergedError, Training
from insgen.training.target import ModelOptions, TargetModel

_SMALL_CONTEXT = 128
"""Tokens that the model made of the pool's texts reads: an episode is to take seconds on a CPU."""


@dataclass(frozen=True)
class RaiseResult:
    """What learning came to.

    :ivar rounds: one row per episode learned from in this call: round, rows (different ones chosen) and places (rows in
        all its batches), first and last P, figures of `Learner.learn`.
    :ivar left_out: rows of the pool that nothing can be learned from (no answer, or a question that fills the context).
    """

    policy: Path
    label: str
    n_rows: int
    n_validation: int
    n_steps: int
    rounds: tuple[Mapping[str, float], ...]
    left_out: int


class RaiseRun:
    """Learning in its folder."""

    def __init__(self, folder: Path, settings: RaiseSettings) -> None:
        self.folder = RaiseFolder(folder)
        self.settings = settings

    def learn(
        self,
        rows: Sequence[Candidate],
        validation: Sequence[Candidate],
        watch: Watch,
        measured: Callable[[int, int], None] = lambda _done, _of: None,
    ) -> RaiseResult:
        """Begin, or go on, and learn to the end.

        :param rows: the pool.
        :param validation: rows that P is measured on; none = some are held out of the pool, drawn from the rows that
            have target tokens: `RaiseOptions.validation`, at most a fifth of these. The same seed holds out the same.
        :param watch: told of every optimiser step; ``measured`` of rows measured by the auxiliary model.
        :raises InsgenError: other settings or rows than it was begun with, too few rows, no such model, or an episode
            diverged: the next call goes on from its newest checkpoint.
        """
        rows = sorted({row.id: row for row in rows}.values(), key=lambda row: row.id)
        self.folder.check(self.settings)
        model = self._model([*rows, *validation])
        target = TargetModel.load(model)
        encoded = {str(row.id): target.encode(row) for row in rows}
        held = list(validation) or self._held_out([row for row in rows if encoded[row.id].n_targets])
        out = set() if validation else {row.id for row in held}
        pool = [row for row in rows if row.id not in out]
        lists = {"pool": [str(row.id) for row in pool], "validation": [str(row.id) for row in held]}
        self.folder.check(self.settings, lists)
        judged = [row for row in map(target.encode, held) if row.n_targets]
        usable = [row for row in pool if encoded[row.id].n_targets]
        n_steps = self.settings.raising.n_steps(len(usable))
        refuse_small_pool(len(usable), self.settings.raising, n_steps)
        if not judged:
            raise DataError(
                f"None of the {len(held)} validation rows has an answer to measure P on.\n"
                "  Expected rows with answers that fit into the context.\n  Name other validation rows."
            )
        self.folder.begin(self.settings, {**lists, "rows": [str(row.id) for row in usable]}, held)
        learner, table = self._learner(target, usable, measured)
        del target  # every episode loads its own: two would fill a GPU
        stand = Stand(encoded, judged, self.settings.checkpoint_every)
        told = [
            self._round(number, model, learner, Episode(table, n_steps), stand, watch)
            for number in range(learner.policy.facts.rounds + 1, self.settings.raising.rounds + 1)
        ]
        learner.policy.save(self.folder.policy)
        shapes = (len(usable), len(judged), n_steps)
        return RaiseResult(
            self.folder.policy, learner.policy.facts.label, *shapes, tuple(told), len(pool) - len(usable)
        )

    def _held_out(self, usable: Sequence[Candidate]) -> list[Candidate]:
        """Draw validation rows from rows that have target tokens, sorted by id; the same seed draws the same."""
        n = min(self.settings.raising.validation, len(usable), max(1, len(usable) // 5))
        chosen = Random(self.settings.raising.seed).sample(range(len(usable)), n)  # noqa: S311 - reproducible
        return [usable[place] for place in sorted(chosen)]

    def _model(self, rows: Sequence[Candidate]) -> ModelOptions:
        """Give the target model; where none is named, the small one of this folder."""
        if self.settings.model.model:
            return self.settings.model
        size = SmallModelOptions(context=_SMALL_CONTEXT)
        return replace(self.settings.model, model=str(make_small_model(self.folder.small, texts_of(rows), size)))

    def _learner(
        self, target: TargetModel, rows: Sequence[Candidate], measured: Callable[[int, int], None]
    ) -> tuple[Learner, Table]:
        """Give the learner as the newest episode left it, and the pool as it sees it."""
        options, auxiliary = self.settings.raising, self.settings.auxiliary
        own = not auxiliary or auxiliary == self.settings.model.model
        path = auxiliary if not own else target.options.model if self.settings.model.model else self.folder.small.name

        def load() -> TargetModel:
            return target if own else TargetModel.load(replace(target.options, model=auxiliary, revision=""))

        features = FeatureFile(self.folder.features, options.semantics, self.settings.optimiser.rows_at_once)
        raw = features.measured(rows, load, watch=measured)
        scaling = Scaling.fit(options.scaling, raw)
        static = scaling.static(raw)
        ids = [row.id for row in rows]
        centres = class_centres(static, options.classes, options.seed)
        facts = PolicyFacts(
            options.semantics,
            options.hidden,
            options.scaling,
            features.model,
            path,
            target=features.model if own else identity(target),
            seed=options.seed,
            n_rows=len(rows),
            proxy=self.settings.proxy,
        )
        policy = Policy(facts, scaling, centres)
        learner = Learner(policy, options)
        self.folder.restore(learner)
        return learner, Table(tuple(ids), static, scaling, policy.classes(static, ids))

    def _round(
        self, number: int, model: ModelOptions, learner: Learner, plan: Episode, stand: Stand, watch: Watch
    ) -> Mapping[str, float]:
        """Play one episode from the model's first weights, learn from it, and keep what was learned."""
        import torch

        settings = self.settings
        torch.manual_seed(settings.raising.seed * 1_000_003 + number)
        target = TargetModel.load(model, frozen_base=settings.lora.rank > 0)
        if settings.lora.rank:
            add_lora(target, settings.lora)
        training = Training(target, settings.optimiser, plan.n_steps)
        dialogue = Dialogue(learner.policy, plan.table, settings.raising, plan.n_steps, number=number)
        try:
            last = play(dialogue, training, stand, self.folder.episode(number), watch)
        except DivergedError as error:
            raise DivergedError(f"Episode {number} of {settings.raising.rounds}: {error}") from error
        episode = dialogue.episode
        figures = learner.learn(episode)
        stages = tuple(episode.stage(choice.step, choice.perf) for choice in episode.choices)
        learner.policy.told(rounds=number, stages=stages)
        self.folder.keep(learner, episode.choices, last)
        counts = episode.counts()
        rows = {"rows": int((counts > 0).sum()), "places": int(counts.sum())}
        return {"round": number, **rows, "first_perf": episode.choices[0].perf, "last_perf": last, **figures}


def class_centres(static: Any, n_classes: int, seed: int) -> Any:
    """Centres of k-means classes over scaled semantics, float32, shape ``(C, semantics)``; fewer for fewer rows."""
    semantics = static[:, 4:]
    labels = np.array(cluster(semantics, n_classes, seed))
    return np.stack([semantics[labels == label].mean(axis=0) for label in np.unique(labels)]).astype(np.float32)
