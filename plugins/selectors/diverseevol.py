"""DiverseEvol: in every round, what is farthest from all that the model was trained on (arXiv:2311.08182).

    P_0 = n0 random rows; in round t, E_t = vectors of all rows by the model trained on P_t; then k times
    i* = arg max over i not in P of (min over j in P of the Euclidean distance), and P grows by i* (released code)

No member ever goes. The rounds, the training and the vectors are the loop's: ``[train]`` with ``serves = ["embed"]``
trains after each round, ``[select] compete = "everything"`` embeds and offers all that was ever kept. With vectors that
stay as they are, T rounds of k equal one of T k.

``by`` names the rule: `greedy` is the code's; `batch_topn` reads eq. 1 literally; the others are its baselines, for
comparisons: the uncertainty measures ask the model itself (``serves = ["select"]``, or ``path``). Its defects are not
repeated: near-copies are at distance 0, P_0 comes from the project's seed, entropy is never NaN. Vectors have norm 1
(see the embedder ``target_model``).

A round costs O(n (m + k) d) for m members, and no matrix; an uncertainty measure one forward pass over all newcomers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, ClassVar, Literal

from insgen import BankView, ConfigError, Pool, Selection, Selector, StageError, hookimpl

from ._pool import check_pool
from ._ranking import FARTHEST, selection

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from insgen import TargetModel


@dataclass(frozen=True)
class DiverseEvolSelector:
    """Keeps every member and adds some rows behind them, in the order of the picks.

    Diversity is a row's distance to the nearest one before it at the moment of its pick, by the vectors of that round;
    utility is the same, held to fall, or, for the baselines, what they went by.
    """

    name: ClassVar[str] = "diverseevol"

    #: n0: rows drawn at random into an empty bank; 0 = as many as `step`, or one where that is 0
    first: int = 0
    #: k: rows added each time; 0 = as many as fit, in one go
    step: int = 0
    #: rule: farthest first with the pool growing (`greedy`) or not (`batch_topn`), or a baseline
    by: Literal["greedy", "batch_topn", "least_confidence", "margin", "entropy", "random"] = "greedy"
    #: whitened directions of largest variance that distances are measured in; 0 = all of them; -1 = no whitening
    whiten: int = -1
    #: the model that the uncertainty measures ask: an id of the Hub; `[train] serves` puts another in its place
    model: str = ""
    #: the same as a folder, relative to the project
    path: Path = Path()
    #: tokens read of each row by that model, at least 1
    max_tokens: int = 512
    #: how it is shown rows: as under `[train]`; auto = its chat template where it has one, else alpaca
    template: Literal["auto", "chat", "alpaca"] = "alpaca"
    #: its number format
    dtype: Literal["float32", "bfloat16"] = "float32"
    #: a torch device such as "cpu" or "cuda:1"; "auto" takes a GPU where there is one
    device: str = "auto"

    def __post_init__(self) -> None:
        for option, least in (("first", 0), ("step", 0), ("whiten", -1), ("max_tokens", 1)):
            if getattr(self, option) < least:
                raise ConfigError(
                    f"diverseevol: {option} = {getattr(self, option)}.\n"
                    f"  Expected a whole number of at least {least}.\n  Change it, or delete it."
                )

    def select(self, pool: Pool, size: int, bank: BankView, rng: Random, state: str) -> Selection:  # noqa: ARG002  # the contract's arguments
        """Keep the members in their order; add ``step`` rows while there is room."""
        check_pool(pool, self.name)
        n = len(pool.candidates)
        if size < 1 or n == 0:
            return Selection(())
        import numpy as np

        from ._farthest import Traversal

        begun = pool.n_members > 0
        taken = list(range(pool.n_members)) if begun else rng.sample(range(n), min(self.first or self.step or 1, n))
        taken = taken[:size]
        room = min(size, n) - len(taken)
        wanted = room if not self.step else min(room, self.step if begun else 0)
        traversal = Traversal(self._space(pool), np.ones(n))
        traversal.begin(taken)
        unsure = np.zeros(n)
        if self.by == "greedy":
            traversal.take_farthest(wanted)
        elif self.by == "batch_topn":
            traversal.take_top(wanted)
        elif wanted:
            unsure, picks = self._baseline(pool, taken, wanted, rng)
            traversal.begin(picks)
        diversity = np.minimum(np.sqrt(traversal.gaps), FARTHEST)
        utility = np.minimum.accumulate(diversity) if self.by in ("greedy", "batch_topn") else unsure[traversal.order]
        _as_before(diversity, utility, pool, bank)
        return selection(pool, traversal.order, diversity, utility)

    def _space(self, pool: Pool) -> NDArray[np.floating]:
        """Give what distances are measured in."""
        if self.whiten < 0 or len(pool.candidates) < 2:
            return pool.vectors
        from ._whitening import unit_rows, whiten

        return unit_rows(whiten(pool.vectors, self.whiten))

    def _baseline(
        self, pool: Pool, taken: Sequence[int], wanted: int, rng: Random
    ) -> tuple[NDArray[np.float64], list[int]]:
        """Pick without distances; of equals the older row goes first."""
        import numpy as np

        held = set(taken)
        left = [row for row in range(len(pool.candidates)) if row not in held]
        unsure = np.zeros(len(pool.candidates))
        if self.by == "random":
            return unsure, rng.sample(left, wanted)
        from ._uncertainty import unsureness_of

        unsure[left] = unsureness_of(self._target(), [pool.candidates[row] for row in left], self.by)
        return unsure, sorted(left, key=lambda row: -unsure[row])[:wanted]

    def _target(self) -> TargetModel:
        from insgen import ModelOptions, TargetModel

        named = self.model or ("" if self.path == Path() else str(self.path))
        if not named:
            raise StageError(
                f'diverseevol: by = "{self.by}" asks a model, and none is given.\n'
                "  Expected an id of the Hub or a folder.\n"
                '  Write path = "..." under [select], or serves = ["select"] under [train].'
            )
        options = ModelOptions(
            named, template=self.template, max_tokens=self.max_tokens, dtype=self.dtype, device=self.device
        )
        return TargetModel.load(options, frozen_base=True)


def _as_before(diversity: NDArray[np.float64], utility: NDArray[np.float64], pool: Pool, bank: BankView) -> None:
    """Let members keep the figures of their own picks: a later model's distances say nothing about those."""
    known = {member.candidate.id: member for member in bank.members()} if pool.n_members else {}
    for row, candidate in enumerate(pool.candidates[: min(pool.n_members, len(diversity))]):
        if candidate.id in known:
            diversity[row], utility[row] = known[candidate.id].diversity, known[candidate.id].utility


@hookimpl
def insgen_selectors() -> Sequence[type[Selector]]:
    """Offer DiverseEvol."""
    return [DiverseEvolSelector]
