"""Trains the target model between rounds: generate -> filter -> bank -> train -> feedback -> new seeds.

Flows in: a finished round. Flows out: feedback in the store, which the seed policy hears in the next round; and, where
``[train] serves`` says so, stages that work with the model just trained. The plan of a training has its round's number.
Every step can be done again after a kill: training goes on in its folder, feedback is imported again and counts once,
and which model serves is read from the folders.

    models/small/            the model to begin with, when ``[train]`` names none
    models/round-0001/       a training, as `insgen train` writes it
    models/plan-0001.jsonl   the plan of it, where somebody else trains
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, fields, replace
from importlib import resources
from itertools import chain
from pathlib import Path

from insgen.config.settings import RunConfig, StageUse, Train
from insgen.errors import ConfigError
from insgen.hooks.handed import StageProgress
from insgen.loop.feedback import import_feedback
from insgen.loop.proposals import Proposer
from insgen.loop.rounds import Player
from insgen.records import Candidate, TrainingStep
from insgen.report.batches import plan_batches, write_plan
from insgen.store.database import open_reader
from insgen.store.feedback import has_round
from insgen.store.queries import bank_vectors
from insgen.store.texts import all_texts, candidates
from insgen.training.lora import LoraOptions
from insgen.training.plan import known_rows
from insgen.training.run import TrainRun, TrainSettings
from insgen.training.small import make_small_model
from insgen.training.steps import StepOptions
from insgen.training.target import MAX_TOKENS, ModelOptions

_MOST_TEXTS = 20_000  # the merges of a vocabulary of 2,000 are settled long before
_OPTIONS = (
    *("steps", "warmup", "weight_decay", "max_grad_norm", "rows_at_once"),
    *("template", "max_tokens", "dtype", "device", "checkpoint_every"),
)
"""Keys of ``[train]`` that `insgen train` has under the same names."""


@dataclass
class Trainer:
    """The trainings of one project.

    :ivar rebuild: makes proposer and player anew, with the model that serves now.
    """

    config: RunConfig
    rebuild: Callable[[], tuple[Proposer, Player]]
    _in_force: str = ""

    def __post_init__(self) -> None:
        self._in_force = newest_model(self.config)

    def renewed(self) -> tuple[Proposer, Player] | None:
        """Give proposer and player made anew; ``None`` where stages work with the newest model already."""
        assert self.config.train is not None  # noqa: S101 - there would be no trainer
        newest = newest_model(self.config)
        if not self.config.train.serves or newest == self._in_force:
            return None
        self._in_force = newest
        return self.rebuild()

    def after(self, round_: int, player: Player) -> str:
        """Do what is due after a round; nothing where it was done before.

        :returns: why the run has to stop: somebody else trains, and has not answered; empty when it can go on.
        :raises InsgenError: nothing can be learned from the bank, or training diverged; the next run goes on there.
        """
        settings, every = self.config.train, self.config.loop.train_every
        if settings is None or not every or round_ < 1 or round_ % every:
            return ""
        conn = player.store.conn
        ids, vectors = bank_vectors(conn, settings.top or None)
        if not ids:
            return ""
        run = TrainRun(round_folder(self.config, round_), self._settings(settings, round_))
        if not run.model.exists():
            if settings.outside:
                if has_round(conn, round_):
                    return ""
                plan = out_folder(self.config) / f"plan-{round_:04}.jsonl"
                if not plan.exists():
                    plan.parent.mkdir(parents=True, exist_ok=True)
                    write_plan(ids, vectors, plan, size=settings.batch_size, seed=self.config.project.seed)
                return self._waiting(settings, run, plan)
            batches = run.planned()
            if batches is None:
                size = settings.batch_size
                made = plan_batches(vectors, size, size, self.config.project.seed)
                batches = [[str(ids[row]) for row in batch] for batch in made.batches]
            rows = {str(id_): row for id_, row in candidates(conn, chain.from_iterable(batches)).items()}
            self._train(run, known_rows(batches, rows, "the project"), player, round_)
        run.sweep()
        import_feedback(player.store, run.feedback.path)
        return ""

    def _train(self, run: TrainRun, batches: Sequence[Sequence[Candidate]], player: Player, round_: int) -> None:
        def watch(record: TrainingStep, total: int) -> None:
            player.advance(StageProgress(round_, "train", record.step, total))

        player.advance(StageProgress(round_, "train", 0, None))
        done = run.play(batches, watch)
        first, last = done.losses
        note = f"{done.n_steps} steps on {sum(map(len, batches))} rows, loss {first:.3f} to {last:.3f}"
        player.advance(StageProgress(round_, "train", done.n_steps, done.n_steps, note))

    def _settings(self, chosen: Train, round_: int) -> TrainSettings:
        return TrainSettings(
            model=ModelOptions(
                base_model(self.config),
                template=chosen.template,
                max_tokens=chosen.max_tokens,
                dtype=chosen.dtype,
                device=chosen.device,
            ),
            lora=LoraOptions(chosen.lora_rank),
            optimiser=StepOptions(
                chosen.lr, chosen.warmup, chosen.weight_decay, chosen.max_grad_norm, chosen.rows_at_once
            ),
            epochs=chosen.epochs,
            steps=chosen.steps,
            plan=f"of the bank after round {round_}, size {chosen.batch_size}, top {chosen.top or 'all'}",
            seed=self.config.project.seed,
            checkpoint_every=chosen.checkpoint_every,
            round=round_,
        )

    def _waiting(self, settings: Train, run: TrainRun, plan: Path) -> str:
        folder, number = self.config.folder, int(plan.stem.rpartition("-")[2])
        command: list[object] = ["insgen", "train", folder, "--model", base_model(self.config), "--batches", plan]
        command += ["--epochs", settings.epochs, "--lr", f"{settings.lr:g}", "--out", run.folder]
        usual = {each.name: each.default for of in (TrainSettings, StepOptions, ModelOptions) for each in fields(of)}
        usual["max_tokens"] = MAX_TOKENS  # 0 stands for it
        for name in _OPTIONS:
            if getattr(settings, name) != usual[name]:
                command += [f"--{name.replace('_', '-')}", getattr(settings, name)]
        if settings.lora_rank:
            command += ["--lora", "--lora-rank", settings.lora_rank]
        if self.config.project.seed:
            command += ["--seed", self.config.project.seed]
        return (
            f"it waits for the feedback of plan {number}: `{shlex.join(map(str, command))}`, or another trainer"
            f" with that plan and `insgen feedback import FILE -p {folder}` (its records say round {number}); then"
            f" `insgen run {folder}`"
        )


def out_folder(config: RunConfig) -> Path:
    """Folder of a project's trainings; the config has ``[train]``."""
    assert config.train is not None  # noqa: S101 - the callers' promise
    return config.folder / Path(config.train.out).expanduser()


def round_folder(config: RunConfig, round_: int) -> Path:
    """Folder of the training after a round."""
    return out_folder(config) / f"round-{round_:04}"


def base_model(config: RunConfig) -> str:
    """Give the model that every training begins with: a folder, or a Hub id."""
    assert config.train is not None  # noqa: S101 - the callers' promise
    if not config.train.model:
        return str(out_folder(config) / "small")
    folder = config.folder / Path(config.train.model).expanduser()
    return str(folder) if folder.is_dir() else config.train.model


def newest_model(config: RunConfig) -> str:
    """Give the model of the last training that is done, else the one they begin with."""
    done = sorted(out_folder(config).glob("round-[0-9]*/model"))
    return str(done[-1]) if done else base_model(config)


def make_base_model(config: RunConfig) -> None:
    """Make the small model, where ``[train]`` names none and it is not there yet.

    Its tokenizer is made of the project's texts, or, where there are none, of the handbook that comes with insgen.
    """
    if config.train is None or config.train.model or Path(base_model(config), "config.json").exists():
        return
    texts: list[str] = []
    if config.database.exists():
        with closing(open_reader(config.database)) as conn:
            texts = all_texts(conn, _MOST_TEXTS)
    if not texts:
        chapters = [each for each in resources.files("insgen.handbook").iterdir() if each.name.endswith(".md")]
        texts = [each.read_text(encoding="utf-8") for each in sorted(chapters, key=lambda each: each.name)]
    make_small_model(Path(base_model(config)), texts)


def serving(config: RunConfig) -> RunConfig:
    """Give stages that the trained model serves the newest one, or the one it begins with.

    :raises ConfigError: such a stage names a model of its own.
    """
    if config.train is None or not config.train.serves:
        return config
    model = newest_model(config)
    is_folder = Path(model).is_dir() or not config.train.model
    named = {"path": str(Path(model).absolute())} if is_folder else {"model": model}

    def served(use: StageUse) -> StageUse:
        own = [name for name in ("model", "path") if name in use.options]
        if own:
            raise ConfigError(
                f"{use.where}: {own[0]} names a model, and so does [train] serves.\n  Expected one of them.\n"
                f"  Delete {own[0]}, or take this stage out of serves."
            )
        return replace(use, options={**use.options, **named})

    embed, select = config.embed, config.select
    if "embed" in config.train.serves:
        embed = (embed[0], served(embed[1]))
    if "select" in config.train.serves:
        select = (select[0], served(select[1]))
    return replace(config, embed=embed, select=select)


def is_embedding(config: RunConfig) -> bool:
    """Whether vectors are those of the model in training, so that the bank's model changes with it."""
    return config.train is not None and "embed" in config.train.serves
