"""The folder in which a policy is learned: what belongs to it, and how much of it is done.

- ``raise.json``: settings, ids of the pool, of the validation rows, and of the rows that can be learned from
- ``features.safetensors``: what the auxiliary model measured
- ``small/``: the model, where none was named
- ``episode-003/``: the episode that is being played: its newest checkpoint and choices
- ``played-002.jsonl``: the choices and rewards of the newest episode learned from
- ``learner-002.pt``: actor, critic and their optimisers after it
- ``policy.safetensors``: the policy, once all episodes are done
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from insgen.errors import ConfigError, DataError
from insgen.records import Candidate, Turn
from insgen.training.lora import LoraOptions
from insgen.training.raising.episode import Choice
from insgen.training.raising.learner import Learner
from insgen.training.raising.options import RaiseOptions
from insgen.training.raising.playing import read_choices, write_choices
from insgen.training.settings import changed, flat
from insgen.training.steps import StepOptions
from insgen.training.target import ModelOptions

SCHEMA = "insgen.raise/1"
# What may change when learning is resumed: how it is computed, and what makes it go on after it diverged.
_FREE = {
    *("model.device", "optimiser.rows_at_once", "optimiser.lr", "optimiser.max_grad_norm"),
    *("raising.actor_lr", "raising.critic_lr", "raising.rounds", "checkpoint_every"),
}


@dataclass(frozen=True)
class RaiseSettings:
    """Everything that decides what is learned."""

    #: the target model; an empty one = a small one made of the pool's texts
    model: ModelOptions
    #: the model that measures rows; empty = the target model
    auxiliary: str = ""
    raising: RaiseOptions = field(default_factory=RaiseOptions)
    optimiser: StepOptions = field(default_factory=lambda: StepOptions(warmup=0.0))
    lora: LoraOptions = field(default_factory=LoraOptions)
    #: the policy is meant for another target model than this
    proxy: bool = False
    #: optimiser steps between two checkpoints of an episode
    checkpoint_every: int = 50

    def flat(self) -> dict[str, Any]:
        """All settings by name: ``model.dtype``, ``raising.batch``."""
        return flat(self)


class RaiseFolder:
    """Paths of one folder, and what stands in them.

    :ivar path: the folder; made when it is begun.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.policy = path / "policy.safetensors"
        self.features = path / "features.safetensors"
        self.small = path / "small"
        self._about = path / "raise.json"

    def episode(self, number: int) -> Path:
        """Where an episode is played."""
        return self.path / f"episode-{number:03d}"

    def about(self) -> dict[str, Any]:
        """Read what was begun here: settings, pool, validation.

        :raises DataError: nothing was.
        """
        try:
            return dict(json.loads(self._about.read_text("utf-8")))
        except (OSError, ValueError) as error:
            raise DataError(
                f"{self.path} is no folder of a RAISE policy: {error}.\n  Expected what `insgen raise train` wrote.\n"
                "  Name that folder, or learn a policy."
            ) from error

    def validation(self) -> list[Candidate]:
        """Give the validation rows."""
        return [
            Candidate(**{**row, "turns": tuple(Turn(*turn) for turn in row["turns"])}) for row in self.about()["texts"]
        ]

    def options(self) -> RaiseOptions:
        """Give the options that the policy was learned with."""
        settings = self.about()["settings"]
        return RaiseOptions(**{name: settings[f"raising.{name}"] for name in RaiseOptions.__dataclass_fields__})

    def played(self) -> list[Choice]:
        """Give the choices of the newest episode learned from; none where there is none."""
        found = sorted(self.path.glob("played-*.jsonl"))
        return read_choices(found[-1])[0] if found else []

    def keep(self, learner: Learner, choices: Sequence[Choice], last_perf: float) -> None:
        """Keep what was learned from an episode, then remove the episode itself and what is older."""
        import torch

        number = learner.policy.facts.rounds
        write_choices(self.path / f"played-{number:03d}.jsonl", choices, last_perf)
        part = self.path / ".learner.part"
        torch.save({"facts": asdict(learner.policy.facts), "state": learner.state_dict()}, part)
        part.replace(self.path / f"learner-{number:03d}.pt")
        for pattern in ("learner-*.pt", "played-*.jsonl"):
            for older in sorted(self.path.glob(pattern))[:-1]:
                older.unlink()
        self._sweep(number)

    def restore(self, learner: Learner) -> None:
        """Put a learner in the state after the newest episode; one without an episode stays as it is.

        :raises DataError: the file is damaged.
        """
        import torch

        found = sorted(self.path.glob("learner-*.pt"))
        if not found:
            return
        try:
            kept = torch.load(found[-1], weights_only=True)
            learner.load_state_dict(kept["state"])
        except Exception as error:
            raise DataError(
                f"{found[-1]} cannot be read: {error}.\n  Expected what an earlier call wrote.\n"
                "  Remove it to begin with the first episode again."
            ) from error
        stages = tuple((perf, t) for perf, t in kept["facts"]["stages"])
        learner.policy.told(rounds=kept["facts"]["rounds"], stages=stages)
        self._sweep(learner.policy.facts.rounds)  # a kill may have come between learning from an episode and this

    def _sweep(self, done: int) -> None:
        for folder in self.path.glob("episode-*"):
            if int(folder.name.removeprefix("episode-")) <= done:
                shutil.rmtree(folder)

    def begin(self, settings: RaiseSettings, lists: Mapping[str, list[str]], validation: Sequence[Candidate]) -> None:
        """Write down what is begun, once; a learning that goes on with another ``lr`` or the like writes that down.

        :param lists: ids of the pool, of the validation rows, and of the rows of the pool that can be learned from.
        :param validation: those rows, in full: they may be from a file that is not there for ever.
        """
        if self._about.exists():
            was = self.about()["settings"]
            done = self.policy.exists() and settings.raising.rounds <= was["raising.rounds"]
            if done or was == settings.flat():
                return
        self.path.mkdir(parents=True, exist_ok=True)
        about = {"schema": SCHEMA, "settings": settings.flat(), **lists, "texts": [_texts(row) for row in validation]}
        part = self.path / ".raise.json.part"
        part.write_text(json.dumps(about) + "\n", encoding="utf-8")
        part.replace(self._about)

    def check(self, settings: RaiseSettings, lists: Mapping[str, list[str]] = MappingProxyType({})) -> None:
        """Refuse a folder of something else, and other settings or rows than learning was begun with.

        :param lists: ids as in `begin`; none = only the folder and the settings are looked at.
        :raises DataError: it holds something else; ``ConfigError``: what changed is named.
        """
        if not self._about.exists():
            ours = {self.small.name, self.features.name}
            if self.path.exists() and any(e.name not in ours and e.name[0] != "." for e in self.path.iterdir()):
                raise DataError(
                    f"{self.path} is no folder of `insgen raise train`, and not empty.\n"
                    "  Expected a new folder, so that nothing is lost.\n  Name another."
                )
            return
        begun = self.about()
        changes = changed(begun["settings"], settings.flat(), _FREE)
        changes += [f"other {name} rows" for name, ids in lists.items() if begun[name] != ids]
        if changes:
            raise ConfigError(
                f"{self.path} holds a policy learned with other settings: {', '.join(changes)}.\n"
                f"  Expected the same; only {', '.join(sorted(_FREE))} may change.\n"
                "  Name another folder to learn a new one, or call it as before to go on."
            )


def _texts(row: Candidate) -> dict[str, Any]:
    texts = {name: getattr(row, name) for name in ("instruction", "input", "output", "system")}
    return {**texts, "turns": [(turn.role, turn.content) for turn in row.turns]}
