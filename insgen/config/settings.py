"""The sections of `insgen.toml`, as dataclasses; the options of a stage are its own dataclass's fields.

Defaults stand here and nowhere else. Ranges are checked here, so that a wrong value is refused before anything runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from insgen.errors import ConfigError


@dataclass(frozen=True)
class Project:
    """``[project]``: what the data set is about."""

    name: str = "my-instructions"  #: name of the data set, used in its card
    domain: str = ""  #: the domain in a few words; generators write about it
    language: str = "en"  #: BCP 47 tag of the language of the texts
    seed: int = 42  #: seed of every random draw; the same seed and answers give the same bank


@dataclass(frozen=True)
class Llm:
    """``[llm]``: the model that writes, answers and judges; the key comes from the environment."""

    model: str  #: any LiteLLM model id, for example "openai/gpt-4.1-mini"
    api_base: str = ""  #: address of an OpenAI-compatible server; empty = the provider's own
    temperature: float = 1.0  #: sampling temperature, 0 to 2
    max_tokens: int = 2048  #: longest answer, in tokens
    concurrency: int = 16  #: most requests in flight at once
    timeout_s: float = 300.0  #: longest wait for one answer, in seconds, retries included
    attempt_timeout_s: float = 90.0  #: longest wait for one attempt, in seconds
    input_usd_per_million: float = -1.0  #: price of a million prompt tokens in USD; -1 = LiteLLM's list
    output_usd_per_million: float = -1.0  #: price of a million answer tokens in USD; -1 = LiteLLM's list


@dataclass(frozen=True)
class Budget:
    """``[budget]``: hard caps over the life of the project, checked before each call; 0 = none."""

    usd: float = 0.0  #: most money, in USD
    calls: int = 0  #: most LLM calls
    tokens: int = 0  #: most tokens, prompt and answer together


@dataclass(frozen=True)
class Loop:
    """``[loop]``: how long to go on."""

    rounds: int = 0  #: most rounds over the life of the project; 0 = until something else stops it
    batch: int = 1000  #: candidates asked of each generator per round; also the size of one bite of added data
    target: int = 0  #: stop at exactly so many kept rows (answered and scored); 0 = no target
    min_yield: float = 0.0  #: stop when rounds keep less than this share of what they judged, 0 to 1
    yield_rounds: int = 1  #: how many of the last rounds min_yield is measured over, together
    #: what to do when a model's proposals lose their variety: nothing, say so, or stop
    collapse: Literal["off", "warn", "stop"] = "warn"
    collapse_rounds: int = 3  #: so many of the last rounds are compared with as many of the first
    #: stop after so many LLM answers in a row without a new task, or so many new tasks in a row without an answer
    #: or a score, over whole rounds; 0 = never
    max_empty_calls: int = 20
    prompt_seeds: int = 3  #: seeds drawn per round for prompts
    #: what people's verdicts (`insgen review`) are good for: overrule = an accepted candidate passes every filter, a
    #: rejected one is kept out of the bank; advise = they are only stored
    verdicts: Literal["overrule", "advise"] = "overrule"
    train_every: int = 0  #: train the model of [train] on the bank after every so many rounds; 0 = never
    #: when a plugin fails: stop; or go on, and let what it should have judged wait for the next run (skip); or, once it
    #: failed quarantine_after times in a run, also leave it out (quarantine)
    on_error: Literal["stop", "skip", "quarantine"] = "stop"
    #: failures in one run after which on_error = "quarantine" leaves a plugin out, at least 1
    quarantine_after: int = 3

    def __post_init__(self) -> None:
        _at_least(1, quarantine_after=self.quarantine_after)
        _at_least(1, batch=self.batch, yield_rounds=self.yield_rounds, collapse_rounds=self.collapse_rounds)
        _at_least(0, rounds=self.rounds, target=self.target, prompt_seeds=self.prompt_seeds)
        _at_least(0, max_empty_calls=self.max_empty_calls, train_every=self.train_every)
        if not 0 <= self.min_yield <= 1:
            raise ConfigError(f"min_yield is {self.min_yield}.\n  Expected a share from 0 to 1.\n  Change it.")


@dataclass(frozen=True)
class StageUse:
    """One table that names a stage: ``use`` and the stage's own options.

    :ivar where: the table, for messages: ``[[filter]] 2``.
    """

    use: str
    options: dict[str, Any] = field(default_factory=dict)
    where: str = ""


@dataclass(frozen=True)
class Embed:
    """``[embed]``: what is turned into vectors, and by whom; other keys belong to the embedder."""

    use: str = "sentence-transformers"  #: name of an embedder
    #: what is embedded; ``alpaca`` lays question and answer out under the Alpaca headings, as a model is trained on
    #: them, ``alpaca-question`` the question alone
    text: Literal["instruction", "instruction+input", "all", "alpaca", "alpaca-question"] = "instruction+input"
    executor: str = "in-process"  #: name of the executor that runs the batches


@dataclass(frozen=True)
class Scored:
    """``[[score]]``: one scorer; other keys belong to it."""

    use: str  #: name of a scorer
    weight: float = 1.0  #: its share in quality, relative to the other scorers; greater than 0

    def __post_init__(self) -> None:
        if not self.weight > 0:
            raise ConfigError(f"weight is {self.weight}.\n  Expected more than 0.\n  Change it, or delete the table.")


@dataclass(frozen=True)
class Select:
    """``[select]``: who ranks the bank, and how large it may grow; other keys belong to the selector."""

    use: str = "pibe"  #: name of a selector
    size: int = 1000  #: most members the bank may have
    #: who competes with the members: what the round brought, or everything that was ever kept, in rounds of its own
    #: too once nothing new comes, until the bank is full
    compete: Literal["newcomers", "everything"] = "newcomers"
    min_quality: float = 0.0  #: least quality of a member, 0 to 1; `insgen calibrate` places it

    def __post_init__(self) -> None:
        _at_least(0, size=self.size)
        if not 0 <= self.min_quality <= 1:
            raise ConfigError(f"min_quality is {self.min_quality}.\n  Expected a number from 0 to 1.\n  Change it.")


@dataclass(frozen=True)
class Train:
    """``[train]``: a model trained on the bank every ``[loop] train_every`` rounds, each time from its first weights.

    What each step executed, and the norm of its gradient, is heard as feedback in the next round.
    """

    #: a folder, relative to the project, or a Hub id; empty = a small one with random weights, made on the spot: it is
    #: there for first tries on a CPU, and knows nothing
    model: str = ""
    out: str = "models"  #: folder of the trainings, relative to the project
    outside: bool = False  #: somebody else trains: after each plan the run stops, and goes on once there is feedback
    #: stages that work with the newest trained model: ``embed`` (everything is then embedded anew), ``select``; they
    #: need an option ``path``, as the embedder target_model and the selector diverseevol have it
    serves: tuple[Literal["embed", "select"], ...] = ()
    batch_size: int = 64  #: rows in an optimiser step
    top: int = 0  #: only the best so many members are trained on; 0 = all
    epochs: int = 3  #: times through the bank
    steps: int = 0  #: optimiser steps; 0 = as many as the epochs make
    lr: float = 2e-5  #: peak learning rate
    warmup: float = 0.03  #: share of the steps in which it grows, 0 to 1; it falls along a cosine
    weight_decay: float = 0.0  #: decoupled weight decay of AdamW
    max_grad_norm: float = 1.0  #: gradients are scaled down to this L2 norm; 0 = never
    rows_at_once: int = 8  #: rows in one forward pass; memory and speed only
    lora_rank: int = 0  #: inner dimension of LoRA's matrices; 0 = the whole model is trained
    template: Literal["auto", "chat", "alpaca"] = "auto"  #: how rows are laid out; auto = chat template, else alpaca
    max_tokens: int = 512  #: tokens of a row, at most
    dtype: Literal["float32", "bfloat16"] = "float32"  #: what it computes in
    device: str = "auto"  #: auto (a GPU where there is one, else the CPU), cpu, cuda, cuda:1, mps
    checkpoint_every: int = 50  #: optimiser steps between two checkpoints

    def __post_init__(self) -> None:
        _at_least(1, batch_size=self.batch_size, epochs=self.epochs, rows_at_once=self.rows_at_once)
        _at_least(1, max_tokens=self.max_tokens, checkpoint_every=self.checkpoint_every)
        _at_least(0, top=self.top, steps=self.steps, lora_rank=self.lora_rank)
        if not self.out:
            raise ConfigError('out is "".\n  Expected a folder.\n  Change it, or delete it to get "models".')


@dataclass(frozen=True)
class RunConfig:
    """One resolved config.

    :ivar path: the file; relative paths in it are relative to its folder.
    :ivar plugins: files and modules to load besides the installed ones.
    :ivar recipe: the recipe it was made from, for the record.
    """

    path: Path
    project: Project
    loop: Loop
    budget: Budget
    llm: Llm | None
    embed: tuple[Embed, StageUse]
    select: tuple[Select, StageUse]
    generate: tuple[StageUse, ...]
    filters: tuple[StageUse, ...]
    respond: StageUse | None
    scores: tuple[tuple[Scored, StageUse], ...]
    seeds: StageUse
    feedback: tuple[StageUse, ...]
    train: Train | None = None
    plugins: tuple[str, ...] = ()
    recipe: str = ""

    @property
    def folder(self) -> Path:
        """The project's folder."""
        return self.path.parent

    @property
    def database(self) -> Path:
        """The project's database."""
        return self.folder / "insgen.db"


def _at_least(low: int, **values: int) -> None:
    for name, value in values.items():
        if value < low:
            raise ConfigError(f"{name} is {value}.\n  Expected a whole number of at least {low}.\n  Change it.")
