"""Names in the config -> live stages, in the config's order.

Flows in: a `RunConfig` and the loaded plugins. Flows out: a `Pipeline` of instances whose options were decoded
strictly.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from insgen.config.options import decode, unwritable
from insgen.config.settings import RunConfig, StageUse
from insgen.errors import PluginError
from insgen.hooks.live import Live
from insgen.hooks.places import defined_at
from insgen.hooks.registry import Plugins


@dataclass(frozen=True)
class Pipeline:
    """Every stage of one run.

    :ivar scorers: each with its weight (> 0) in quality.
    :ivar responder: ``None`` when the config has none.
    :ivar parsers: by the format they read.
    """

    generators: tuple[Live, ...]
    parsers: dict[str, Live]
    embedder: Live
    executor: Live
    filters: tuple[Live, ...]
    responder: Live | None
    scorers: tuple[tuple[Live, float], ...]
    selector: Live
    seed_policy: Live
    feedback: tuple[Live, ...]

    def stages(self) -> list[Live]:
        """All of them, in the order of the journey."""
        optional = [self.responder] if self.responder else []
        scorers = [live for live, _ in self.scorers]
        return [
            *self.generators,
            self.embedder,
            self.executor,
            *self.filters,
            *optional,
            *scorers,
            self.selector,
            self.seed_policy,
            *self.feedback,
        ]

    def everyone(self) -> list[Live]:
        """All of them, and the parsers, which no table of the config names."""
        return [*self.stages(), *self.parsers.values()]

    def plugins(self) -> dict[str, str]:
        """Plugin and version of every stage, by kind and name, for the record."""
        return {f"{live.kind} {live.name}": f"{live.plugin} {live.version}" for live in self.stages()}


def build_pipeline(config: RunConfig, plugins: Plugins) -> Pipeline:
    """Make every stage the config names.

    :raises ConfigError: no stage of that name, or an option that is unknown or of the wrong type.
    :raises PluginError: two plugins offer the name.
    """

    def live(kind: str, use: StageUse) -> Live:
        return make_stage(plugins, kind, use, config.folder)

    executor = StageUse(config.embed[0].executor, {}, f"{config.path.name}, [embed] executor")
    return Pipeline(
        generators=tuple(live("generator", use) for use in config.generate),
        parsers={offer.name: live("parser", StageUse(offer.name)) for offer in plugins.named("parser")},
        embedder=live("embedder", config.embed[1]),
        executor=live("executor", executor),
        filters=tuple(live("filter", use) for use in config.filters),
        responder=live("responder", config.respond) if config.respond else None,
        scorers=tuple((live("scorer", use), scored.weight) for scored, use in config.scores),
        selector=live("selector", config.select[1]),
        seed_policy=live("seed policy", config.seeds),
        feedback=tuple(live("feedback source", use) for use in config.feedback),
    )


def make_stage(plugins: Plugins, kind: str, use: StageUse, folder: Path = Path()) -> Live:
    """Make one stage.

    :param folder: what the paths among its options are relative to.
    :raises ConfigError: no stage of that name, or an option that is unknown or of the wrong type.
    """
    offer = plugins.find(kind, use.use, use.where)
    wrong = unwritable(offer.cls)
    if wrong:
        who = f'{kind} "{offer.name}" of {offer.plugin} ({offer.distribution} {offer.version})'
        place = defined_at(offer.cls)
        raise PluginError(
            f"The {who} has the option `{wrong}`{f' ({place})' if place else ''}, which TOML cannot write"
            ".\n  Expected str, int, float, bool, Path, Literal texts, tuple[X, ...] or dict[str, X].\n"
            "  Take it out of the config, or tell its author."
        )
    stage = decode(offer.cls, use.options, use.where or f'the {kind} "{use.use}"', folder)
    return Live(stage, kind, offer.name, offer.plugin, offer.version, offer.distribution)
