"""`insgen raise`: learn which rows a training should take at each step, train by it, and see what moved it (RAISE)."""

from __future__ import annotations

import click

from insgen.cli.output import example
from insgen.cli.raise_apply import apply
from insgen.cli.raise_explain import explain
from insgen.cli.raise_train import train


@click.group(
    name="raise",
    epilog=example(
        "insgen raise train handbook --out policy --preset small",
        "insgen raise apply handbook --policy policy --top 20",
        "insgen raise explain policy",
    ),
)
def raise_() -> None:
    """Choose rows for each training step by a learned policy.

    A policy scores every row anew before each optimiser step: by the stage of the training, the row's difficulty and
    meaning for an auxiliary model, and how often it was taken. It is learned by reinforcement over whole trainings
    (arXiv:2504.07282).
    """


for _command in (train, apply, explain):
    raise_.add_command(_command)
