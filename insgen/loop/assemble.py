"""Wires one run: the only place where the concrete parts meet."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from insgen.bank.bank import Bank
from insgen.bank.ingest import read_seed_tasks
from insgen.bank.seeds import sync_seeds
from insgen.config.load import config_hash, find_config, override, read_tables, resolve, with_recipe
from insgen.config.settings import RunConfig
from insgen.errors import ConfigError
from insgen.hooks.handed import StageProgress
from insgen.hooks.manager import load_plugins
from insgen.hooks.registry import Plugins
from insgen.loop.failures import Tolerance
from insgen.loop.feedback import Listener
from insgen.loop.pipeline import Pipeline, build_pipeline
from insgen.loop.proposals import Proposer
from insgen.loop.reembedding import embed_anew
from insgen.loop.rounds import Player
from insgen.loop.run import Run
from insgen.loop.training import Trainer, is_embedding, make_base_model, serving
from insgen.models.asking import Asker
from insgen.models.embedding import Embedding, model_of
from insgen.models.llm import Provider
from insgen.models.templates import PromptFiles
from insgen.store import members as member_store
from insgen.store.database import Store, explained, open_store


class Assembly:
    """A project that was read and checked, before anything is opened for writing.

    :param path: the project's folder or its config.
    :param settings: ``KEY=VALUE`` overrides.
    :param recipe: name of a recipe whose stages are played instead of the config's; empty = the config's.
    :raises ConfigError: the config cannot be understood; names file, table, key.
    """

    def __init__(self, path: Path, settings: Sequence[str] = (), recipe: str = "") -> None:
        found = find_config(path)
        tables = read_tables(found)
        if recipe:
            known = load_plugins(resolve(tables, found).plugins, found.parent)
            tables = with_recipe(tables, known.find("recipe", recipe).cls.toml)
        self.tables: dict[str, Any] = override(tables, settings)
        self.config: RunConfig = resolve(self.tables, found)
        self.plugins: Plugins = load_plugins(self.config.plugins, self.config.folder)
        self.pipeline: Pipeline = build_pipeline(serving(self.config), self.plugins)
        self._asking: Asker | None = None

    @property
    def model(self) -> str:
        """Identity of the config's embedding model."""
        return model_of(self.pipeline.embedder, self.config.embed[0].text)

    def ready(self) -> None:
        """Make the small model that the config trains when it names none, where it is not there yet."""
        make_base_model(self.config)

    def watch(self, watcher: object) -> None:
        """Register an observer of the run."""
        self.plugins.manager.register(watcher)

    @contextmanager
    def open(
        self,
        database: Path | None = None,
        *,
        max_rounds: int = 0,
        paying: Store | None = None,
        migrating: bool = False,
    ) -> Iterator[Run]:
        """Open the store for writing and put the run together.

        :param database: another file than the project's, for replays.
        :param paying: where calls are counted and paid answers are stored, when not in that file.
        :param migrating: let the bank be ranked with another embedding model; the bank is then without its vectors.
        :raises StoreError: see `open_store`; also when the file turns out to be damaged while it is read.
        :raises ConfigError: the bank was ranked with another embedding model.
        """
        store = open_store(database or self.config.database)
        try:
            with explained(store.path):
                self.ready()
                if not migrating and not is_embedding(self.config):
                    refuse_other_model(store.conn, self.model)
                run = self._run(store, max_rounds, paying or store)
                if database is None and not migrating:
                    run.trainer = self._trainer(run)
                yield run
        finally:
            if self._asking is not None:
                self._asking.close()
            store.close()

    def _asker(self, store: Store) -> Asker | None:
        """Make the one way to ask the LLM; ``None`` when the config has no ``[llm]``."""
        settings = self.config.llm
        if settings is None:
            return None

        def tell(call: Mapping[str, Any]) -> None:
            self.plugins.manager.hook.insgen_call_finished(call=call)

        self._asking = Asker(store, Provider(settings), settings, self.config.budget, tell)
        return self._asking

    def _trainer(self, run: Run) -> Trainer | None:
        """Make what trains between rounds; ``None`` when nothing is trained."""
        if self.config.train is None:
            return None

        def rebuild() -> tuple[Proposer, Player]:
            self.pipeline = build_pipeline(serving(self.config), self.plugins)
            player, done = run.player, run.proposer.done
            proposer, made = self._parts(player.store, player.llm, player.tolerance)
            proposer.done = done
            return proposer, made

        return Trainer(self.config, rebuild)

    def _run(self, store: Store, max_rounds: int, paying: Store) -> Run:
        tolerance = Tolerance(self.config.loop, len(self.pipeline.scorers))
        proposer, player = self._parts(store, self._asker(paying), tolerance)
        hook = self.plugins.manager.hook
        return Run(proposer, player, self.config.loop, hook, self.tables, config_hash(self.tables), max_rounds)

    def _parts(self, store: Store, asker: Asker | None, tolerance: Tolerance) -> tuple[Proposer, Player]:
        """Make proposer and player of the pipeline; vectors of a model in training are brought up to date."""
        config, pipeline = self.config, self.pipeline
        embedding = Embedding(store, pipeline.embedder, pipeline.executor, config.embed[0].text)
        bank = Bank(store.conn, embedding.model, embedding.dimension, embedding.embed_texts)
        prompts = PromptFiles(config.folder)
        tasks = read_seed_tasks(config.folder / "seeds.jsonl")
        with store.atomic() as conn:
            sync_seeds(conn, tasks, 0, "seeds.jsonl")

        def advance(progress: StageProgress) -> None:
            self.plugins.manager.hook.insgen_stage_advanced(progress=progress)

        proposer = Proposer(
            store,
            bank,
            pipeline,
            prompts,
            config.folder,
            config.project.domain,
            config.project.language,
            config.loop.batch,
            config.loop.prompt_seeds,
            config.project.seed,
            asker,
            Listener(store, bank, pipeline, embedding, config.folder, config.project.seed, tolerance),
            tolerance,
        )
        player = Player(
            store,
            bank,
            pipeline,
            embedding,
            prompts,
            config.select[0].size,
            config.project.seed,
            advance,
            asker,
            config.loop.target,
            tolerance,
            everything=config.select[0].compete == "everything",
            verdicts=config.loop.verdicts,
            min_quality=config.select[0].min_quality,
        )
        _, _, ranked_with = member_store.selector_state(store.conn)
        if is_embedding(config) and ranked_with not in ("", embedding.model):
            embed_anew(player, ranked_with)
        return proposer, player


def refuse_other_model(conn: sqlite3.Connection, model: str) -> None:
    """Let no ranking hold vectors of two embedding models.

    :param model: identity of the config's.
    :raises ConfigError: the bank has members, and was ranked with another one.
    """
    _, _, ranked_with = member_store.selector_state(conn)
    if ranked_with and ranked_with != model and conn.execute("SELECT 1 FROM members LIMIT 1").fetchone():
        raise ConfigError(
            f'The bank was ranked with the embedding model "{ranked_with}", the config now says "{model}".\n'
            "  Two models' vectors cannot be compared in one ranking.\n"
            "  Set [embed] back (or name the --recipe of that run again), or call `insgen embed --migrate`: it embeds"
            " everything anew and ranks the bank by it."
        )
