"""What the world outside tells the loop: signals about instructions, and steps of trainings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from insgen.records.candidates import CandidateId


@dataclass(frozen=True)
class Signal:
    """Feedback about one instruction from outside the loop.

    :ivar candidate_id: the instruction; empty when only its text is known.
    :ivar name: what was measured (``loss``, ``accepted``, ``eval:mmlu``).
    :ivar value: -1 (less like this) to +1 (more like this).
    :ivar source: who said it; of two signals with the same instruction, name and source the newer one counts.
    :ivar text: the instruction as it was measured, where it has no id.
    :ivar time: when it was measured, in seconds since 1970, UTC; 0 when nobody knows.
    """

    candidate_id: CandidateId
    name: str
    value: float
    source: str = ""
    text: str = ""
    time: float = 0.0


@dataclass(frozen=True)
class TrainingStep:
    """One optimiser step of a model that is trained on this bank's instructions, as it was executed.

    :ivar run_id: the training it is part of, in the trainer's words.
    :ivar step: counted from 1; a resumed training repeats numbers, and the newer record of a step counts.
    :ivar items: ids by micro-batch, in the order executed; a micro-batch may hold none.
    :ivar time: when it was executed, in seconds since 1970, UTC.
    :ivar round: the round whose plan was executed (a turn of generating and training); 0 when unknown.
    :ivar loss: mean loss of the step's target tokens.
    :ivar grad_norm: global L2 norm of the gradient over all trainable parameters, after accumulation; >= 0.
    :ivar grad_norm_kind: ``pre_clip``, ``post_clip`` or ``unknown``.
    :ivar max_grad_norm: where the gradient is clipped; 0 or ``None``: nowhere.
    :ivar lr: learning rate of the step.
    :ivar n_target_tokens: tokens that the loss is taken over.
    :ivar trainable_params: how many numbers the optimiser changes.
    :ivar item_loss: id -> mean loss of its target tokens, where the trainer tells.
    """

    run_id: str
    step: int
    items: tuple[tuple[str, ...], ...]
    time: float
    round: int = 0
    loss: float | None = None
    grad_norm: float | None = None
    grad_norm_kind: str = "unknown"
    max_grad_norm: float | None = None
    lr: float | None = None
    n_target_tokens: int | None = None
    trainable_params: int | None = None
    item_loss: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainingSeries:
    """Steps that may be compared with one another: of one training, with one set of trainable parameters.

    :ivar trainable_params: how many numbers the optimiser changes; ``None`` when the trainer did not say.
    :ivar n_steps: how many steps there are; numbers may be missing.
    :ivar first_step: the smallest number of a step; ``last_step``: the largest.
    """

    run_id: str
    trainable_params: int | None
    n_steps: int
    first_step: int
    last_step: int


@dataclass(frozen=True)
class Feedback:
    """What a feedback source gives at once.

    :ivar steps: of trainings; ``signals``: about single instructions.
    :ivar position: where to go on; opaque to everybody else.
    """

    steps: tuple[TrainingStep, ...] = ()
    signals: tuple[Signal, ...] = ()
    position: str = ""
