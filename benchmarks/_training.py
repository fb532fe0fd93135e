"""What comparisons by training share: rows of a file, one seed's untrained model, held-out loss, paired intervals."""

from __future__ import annotations

import gzip
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from scipy.stats import t as student

from insgen import Candidate
from insgen.testing import Workshop
from insgen.training.small import SmallModelOptions, make_small_model, texts_of
from insgen.training.target import ModelOptions, TargetModel

_LONGEST_QUESTION = 200  # characters; of a longer one the answer would be cut away with the context


@dataclass(frozen=True)
class Setting:
    """One seed's pool, held-out rows and untrained model.

    :ivar model: folder of the untrained model; what is written beside it goes when the setting ends.
    :ivar max_tokens: of a row; the end of longer ones is cut off.
    """

    seed: int
    rows: list[Candidate]
    held_out: list[Candidate]
    model: Path
    max_tokens: int
    workshop: Workshop

    def untrained(self) -> TargetModel:
        """Load the model with its first weights, and seed what training draws at random."""
        torch.manual_seed(self.seed)
        return TargetModel.load(ModelOptions(str(self.model), max_tokens=self.max_tokens, device="cpu"))

    def loss(self, target: TargetModel) -> float:
        """Mean over the held-out rows of the mean loss per answer token, in nats."""
        losses = target.losses([target.encode(row) for row in self.held_out], rows_at_once=64)
        return statistics.fmean(loss for loss in losses if loss is not None)


@contextmanager
def setting_of(seed: int, rows: Sequence[Candidate], n_held_out: int, size: SmallModelOptions) -> Iterator[Setting]:
    """Draw the held-out rows (the others are the pool), and make a model of the pool's texts."""
    drawn = Random(seed).sample(rows, len(rows))
    pool = drawn[n_held_out:]
    with tempfile.TemporaryDirectory() as folder, Workshop(Path(folder)) as workshop:
        model = make_small_model(Path(folder) / "small", texts_of(pool), size)
        yield Setting(seed, pool, drawn[:n_held_out], model, size.context, workshop)


def read_rows(path: Path, need: int) -> list[Candidate]:
    """Read rows with answers, each once."""
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        made = [Candidate(row["instruction"], row.get("input") or "", row["output"]) for row in map(json.loads, file)]
    usable = (row for row in made if row.output and len(row.instruction + row.input) < _LONGEST_QUESTION)
    rows = list({row.id: row for row in usable}.values())
    if len(rows) < need:
        sys.exit(f"{path} holds {len(rows)} usable rows; expected at least {need}")
    return rows


@dataclass(frozen=True)
class Paired:
    """Losses minus those of a baseline with the same seeds; less than 0 is better.

    :ivar low: lower end of the 95 % interval of the mean (Student's t); ``high``: its upper end.
    """

    mean: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.mean:+.4f} [{self.low:+.4f}, {self.high:+.4f}]"

    @property
    def verdict(self) -> str:
        """What the interval allows to say."""
        return "better" if self.high < 0 else "worse" if self.low > 0 else "no difference shown"


def paired(losses: Sequence[float], baseline: Sequence[float]) -> Paired:
    """Compare seed by seed; with a single seed nothing is shown."""
    gaps = [ours - theirs for ours, theirs in zip(losses, baseline, strict=True)]
    n, mean = len(gaps), statistics.fmean(gaps)
    half = float(student.ppf(0.975, n - 1)) * statistics.stdev(gaps) / n**0.5 if n > 1 else float("inf")
    return Paired(mean, mean - half, mean + half, n)


def spread(values: Sequence[float]) -> float:
    """Standard deviation over the seeds; 0 for a single one."""
    return statistics.stdev(values) if len(values) > 1 else 0.0
