"""Checkpoints of a training: whole or not there at all, whenever the process is killed.

Flows in: a `Training` between two steps. Flows out: a folder ``checkpoint-N`` with the trained weights
(safetensors), the optimiser's state and the random generators' states, and back. It is written under another name and
renamed once it is complete; only then are older ones removed.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from insgen.errors import DataError
from insgen.training.steps import Training

_NAME = "checkpoint-"


def save_checkpoint(training: Training, folder: Path) -> Path:
    """Write a checkpoint and remove older ones.

    :returns: its folder.
    """
    import torch
    from safetensors.torch import save_file

    place = folder / f"{_NAME}{training.step:06d}"
    if place.exists():  # the state a resumed run began with
        return place
    part = folder / f".{place.name}.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    weights = {name: each.detach().contiguous() for name, each in training.parameters.items()}
    save_file(weights, part / "weights.safetensors")
    torch.save(training.optimizer.state_dict(), part / "optimizer.pt")
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    torch.save({"cpu": torch.get_rng_state(), "cuda": cuda}, part / "random.pt")
    part.replace(place)
    for older in checkpoints(folder)[:-1]:
        shutil.rmtree(older)
    return place


def checkpoints(folder: Path) -> list[Path]:
    """Complete checkpoints, oldest first."""
    return sorted(folder.glob(f"{_NAME}[0-9]*"))


def remove_checkpoints(folder: Path) -> None:
    """Remove every checkpoint, and what a kill left of one."""
    for each in [*checkpoints(folder), *folder.glob(f".{_NAME}*.part")]:
        shutil.rmtree(each)


def step_of(checkpoint: Path) -> int:
    """The step after which a checkpoint was written."""
    return int(checkpoint.name.removeprefix(_NAME))


def load_checkpoint(training: Training, checkpoint: Path) -> None:
    """Put a training in the state of a checkpoint.

    :raises DataError: it is damaged, or it is another model's.
    """
    import torch
    from safetensors.torch import load_file

    try:
        weights = load_file(checkpoint / "weights.safetensors", device=str(training.target.device))
        optimizer = torch.load(checkpoint / "optimizer.pt", map_location=training.target.device, weights_only=True)
        generators = torch.load(checkpoint / "random.pt", map_location="cpu", weights_only=True)
        shapes = {name: each.shape for name, each in weights.items()}
        if shapes != {name: each.shape for name, each in training.parameters.items()}:
            raise ValueError("its weights are not those of this model")
        training.optimizer.load_state_dict(optimizer)
    except Exception as error:
        raise DataError(
            f"The checkpoint {checkpoint} cannot be read: {error}.\n  Expected what an earlier call wrote.\n"
            "  Remove that folder to start anew, or train into another one."
        ) from error
    with torch.no_grad():
        for name, each in training.parameters.items():
            each.copy_(weights[name])
    torch.set_rng_state(generators["cpu"])
    if generators["cuda"] and len(generators["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(generators["cuda"])
    training.step = step_of(checkpoint)
