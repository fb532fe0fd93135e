"""The policy: a scorer of rows, a critic of states, and what makes their numbers mean something elsewhere.

The actor is a small net applied to each row of a state; the critic is one applied to the mean row (the paper leaves
both open: 39-64-1, tanh). A policy file (safetensors) holds both, the column statistics, the centres of the classes
and, as text, what the columns are and which auxiliary model measured them: with others the scores mean nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from insgen.errors import DataError
from insgen.training.raising.choosing import Classes
from insgen.training.raising.state import Scaling, column_names

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

SCHEMA = "insgen.raise-policy/1"


@dataclass(frozen=True)
class PolicyFacts:
    """What a policy is, as text.

    :ivar semantics: columns that the embedding was pooled to.
    :ivar hidden: units of each net.
    :ivar scaling: how columns were scaled.
    :ivar auxiliary: identity of the model that measured the columns.
    :ivar auxiliary_path: where it was.
    :ivar target: identity of the model that was trained in the episodes.
    :ivar rounds: episodes learned from; 0 = untrained.
    :ivar n_rows: rows of the pool whose statistics and classes these are.
    :ivar stages: P before each step, scaled, and t/T, of the newest episode: the stages at which rows are valued
        outside of a training.
    :ivar proxy: it was learned on a small model in place of the one it is for, which is not RAISE.
    """

    semantics: int
    hidden: int
    scaling: str
    auxiliary: str
    auxiliary_path: str
    target: str = ""
    seed: int = 0
    rounds: int = 0
    n_rows: int = 0
    stages: tuple[tuple[float, float], ...] = ()
    proxy: bool = False

    @property
    def label(self) -> str:
        """What to call it, for people."""
        how = f"after {self.rounds} episodes" if self.rounds else "untrained"
        return f"proxy policy, not RAISE, {how}" if self.proxy else f"RAISE policy, {how}"


class Policy:
    """Actor, critic, and what belongs to them.

    :ivar centres: of the classes, over scaled semantics, float32, shape ``(C, semantics)``.
    """

    def __init__(self, facts: PolicyFacts, scaling: Scaling, centres: NDArray[np.float32]) -> None:
        import torch

        self.facts = facts
        self.scaling = scaling
        self.centres = centres
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(facts.seed)
            self.actor = _net(facts.semantics + 7, facts.hidden)
            self.critic = _net(facts.semantics + 7, facts.hidden)

    def score(self, state: torch.Tensor) -> torch.Tensor:
        """Score rows, shape ``(n,)``, higher is better; ``state`` of shape ``(n, 7 + semantics)``."""
        scores: torch.Tensor = self.actor(state).squeeze(-1)
        return scores

    def value(self, mean_rows: torch.Tensor) -> torch.Tensor:
        """Value states by their mean rows, shape ``(t, 7 + semantics)``; gives shape ``(t,)``."""
        values: torch.Tensor = self.critic(mean_rows).squeeze(-1)
        return values

    def classes(self, static: NDArray[np.float32], ids: Sequence[str]) -> Classes:
        """Give each row the class of the nearest centre.

        :param static: scaled, shape ``(n, 4 + semantics)``.
        """
        semantics = static[:, 4:]
        distance = (self.centres**2).sum(axis=1) - 2.0 * (semantics @ self.centres.T)
        return Classes(np.unique(distance.argmin(axis=1), return_inverse=True)[1].astype(np.int64), ids)

    def save(self, path: Path) -> None:
        """Write the policy, whole or not at all."""
        from safetensors.numpy import save_file

        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        about = {"schema": SCHEMA, "facts": asdict(self.facts)}
        save_file(self._arrays(), part, {"insgen": json.dumps(about)})  # one key: the order of several is not kept
        part.replace(path)

    def _arrays(self) -> dict[str, NDArray[Any]]:
        nets = {"actor": self.actor, "critic": self.critic}
        weights = {
            f"{name}.{key}": each.numpy() for name, net in nets.items() for key, each in net.state_dict().items()
        }
        own = {"mean": self.scaling.mean, "deviation": self.scaling.deviation, "centres": self.centres}
        return {name: np.ascontiguousarray(each) for name, each in {**weights, **own}.items()}

    @classmethod
    def load(cls, path: Path) -> Policy:
        """Read a policy.

        :raises DataError: no such file, or it is no policy.
        """
        import torch
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="numpy") as file:
                about = json.loads((file.metadata() or {}).get("insgen", "{}"))
                if about.get("schema") != SCHEMA:
                    raise ValueError(f'it does not say "{SCHEMA}"')
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
            told = about["facts"]
            facts = PolicyFacts(**{**told, "stages": tuple((perf, t) for perf, t in told["stages"])})
            made = cls(facts, Scaling(facts.scaling, arrays["mean"], arrays["deviation"]), arrays["centres"])
            for name, net in (("actor", made.actor), ("critic", made.critic)):
                own = {key.removeprefix(f"{name}."): each for key, each in arrays.items() if key.startswith(f"{name}.")}
                net.load_state_dict({key: torch.from_numpy(each) for key, each in own.items()})
            made._refuse_odd_numbers()
        except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
            problem = " ".join(str(error).split())
            raise DataError(
                f"{path} cannot be read as a policy: {problem}.\n  Expected what `insgen raise train` wrote.\n"
                "  Name its folder, or learn one with `insgen raise train`."
            ) from error
        return made

    def _refuse_odd_numbers(self) -> None:
        """Refuse statistics and centres of other columns, and numbers that are not finite.

        :raises ValueError: there are such.
        """
        width = self.facts.semantics
        wanted = {"mean": (width + 4,), "deviation": (width + 4,), "centres": (len(self.centres), width)}
        for name, each in self._arrays().items():
            if each.shape != wanted.get(name, each.shape):
                raise ValueError(f"{name} has the shape {each.shape}, not {wanted[name]}")
            if not np.isfinite(each).all():
                raise ValueError(f"{name} is not finite")

    @property
    def digest(self) -> str:
        """Name the policy by its numbers."""
        import hashlib

        made = hashlib.blake2b(digest_size=12)
        for name, each in sorted(self._arrays().items()):
            made.update(name.encode() + each.tobytes())
        return f"b2:{made.hexdigest()}"

    def refuse_other(self, auxiliary: str, semantics: int) -> None:
        """Refuse columns that the policy was not learned on.

        :param auxiliary: identity of the model that measured them.
        :raises DataError: another model, or another number of columns.
        """
        differences = []
        if auxiliary != self.facts.auxiliary:
            differences.append(f"the auxiliary model {self.facts.auxiliary} ({self.facts.auxiliary_path})")
        if semantics != self.facts.semantics:
            differences.append(f"{self.facts.semantics + 7} columns")
        if differences:
            raise DataError(
                f"The policy was learned with {' and '.join(differences)}; these rows were measured by {auxiliary}, in"
                f" {semantics + 7} columns.\n  Expected the same features: {', '.join(column_names(1)[:6])}, the pooled"
                " embedding and the times chosen, by the same model.\n"
                "  Name that model as the auxiliary one, or learn a policy with this one."
            )

    def told(self, **changes: Any) -> None:
        """Change facts."""
        self.facts = replace(self.facts, **changes)


def _net(width: int, hidden: int) -> Any:
    import torch

    return torch.nn.Sequential(torch.nn.Linear(width, hidden), torch.nn.Tanh(), torch.nn.Linear(hidden, 1))
