"""LoRA through peft: only small matrices beside the model's own are trained (Hu et al. 2021, arXiv:2106.09685)."""

from __future__ import annotations

from dataclasses import dataclass

from insgen.errors import ConfigError
from insgen.training.target import TargetModel, quiet


@dataclass(frozen=True)
class LoraOptions:
    """Size and place of the matrices."""

    #: inner dimension of the matrices; 0 = none, the model itself is trained
    rank: int = 0
    #: their output is multiplied by alpha / rank
    alpha: float = 16.0
    #: share of inputs set to zero while training, 0 to 1
    dropout: float = 0.0
    #: names of the modules they stand beside; none = every linear layer but the last
    targets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.rank < 0 or not 0 <= self.dropout < 1 or self.alpha <= 0:
            raise ConfigError(
                f"LoRA with rank {self.rank}, alpha {self.alpha} and dropout {self.dropout} is impossible.\n"
                "  Expected a rank >= 0, an alpha > 0 and a dropout from 0 to less than 1.\n  Change that one."
            )


def add_lora(target: TargetModel, options: LoraOptions) -> None:
    """Freeze the model and put fresh matrices beside its layers; their values come from torch's generator.

    :raises ConfigError: peft is not installed, or the model has no module of a name.
    """
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise ConfigError(
            "LoRA needs the package peft, which is not installed.\n  Expected the extra `train`.\n"
            "  Install it (`pip install 'insgen[train]'`), or train the whole model."
        ) from error
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=options.rank,
        lora_alpha=options.alpha,  # type: ignore[arg-type]  # peft says int and divides: 0.5 is as good
        lora_dropout=options.dropout,
        target_modules=list(options.targets) or "all-linear",
    )
    try:
        with quiet():
            target.model = get_peft_model(target.model, config)
    except ValueError as error:
        raise ConfigError(
            f"LoRA cannot be added to {target.options.model}: {str(error).splitlines()[0]}\n"
            "  Expected names of its linear layers.\n  Leave the names out to take every linear layer."
        ) from error
